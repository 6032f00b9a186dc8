-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- What decided and what answered: every combination of bundle, contract and model that calls met, from when
-- to when, and how often.
SELECT
    system,
    model,
    model_version,
    config_digest,
    contract,
    bundle,
    count(*) AS calls,
    min(ts) AS first_call,
    max(ts) AS last_call
FROM calls
WHERE system IS NOT NULL
GROUP BY ALL
ORDER BY system, first_call, model, model_version;
