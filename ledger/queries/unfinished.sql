-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- Effects whose end is not known: calls with an intent and no final outcome, the oldest first.
SELECT log, seq, ts, id, system, principal, action, resource
FROM intents
WHERE NOT EXISTS (
    SELECT 1 FROM outcomes WHERE outcomes.log = intents.log AND outcomes.id = intents.id AND coalesce(outcomes.final, true)
)
ORDER BY ts, log, seq;
