# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Cedar for Ombud: bundles that are checked before use, and an engine that answers as Cedar would, fast.

Load a folder with `Bundle.load`, build an `Engine` from it, and ask `Engine.decide`.
"""

from ombud_policies.bundle import Bundle
from ombud_policies.cases import CaseResult, TestReport, run_tests
from ombud_policies.draft import draft_schema
from ombud_policies.engine import Engine
from ombud_policies.errors import BundleInvalid, DraftInvalid, PolicyError, Problem
from ombud_policies.files import bundle_digest
from ombud_policies.kept import KeptPolicy, kept_policies
from ombud_policies.question import Question, Uid, Value, Verdict
from ombud_policies.starters import draft_observe, starter_bundle
from ombud_policies.trial import run_folder_tests

__all__ = [
    "Bundle",
    "BundleInvalid",
    "CaseResult",
    "DraftInvalid",
    "Engine",
    "KeptPolicy",
    "PolicyError",
    "Problem",
    "Question",
    "TestReport",
    "Uid",
    "Value",
    "Verdict",
    "bundle_digest",
    "draft_observe",
    "draft_schema",
    "kept_policies",
    "run_folder_tests",
    "run_tests",
    "starter_bundle",
]
