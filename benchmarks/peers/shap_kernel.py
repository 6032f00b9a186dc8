# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["shap==0.51.*", "tritonclient[grpc]>=2.73,<2.74"]
# ///
"""shap's KernelExplainer over the same model server and rows; prints one JSON object.

Usage: shap_kernel.py REQUEST.json, which has address, features, cases, background, runs.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import shap

sys.path.insert(0, str(Path(__file__).parents[1]))
from rows import Rows

asked = json.loads(Path(sys.argv[1]).read_text())
model = Rows(asked["address"], [tuple(each) for each in asked["features"]])
cases, background = np.array(asked["cases"]), np.array(asked["background"])
found = []
for nsamples, chooses in asked["runs"]:
    model.rows = model.batches = 0
    np.random.seed(1)
    begun = time.perf_counter()
    explainer = shap.KernelExplainer(model, background)
    values = explainer.shap_values(cases, nsamples=nsamples, l1_reg=chooses or False, silent=True)
    seconds = time.perf_counter() - begun
    found.append(
        {
            "rows": model.rows,
            "batches": model.batches,
            "seconds": seconds,
            "values": np.asarray(values).tolist(),
        }
    )
print(json.dumps({"version": shap.__version__, "runs": found}))
