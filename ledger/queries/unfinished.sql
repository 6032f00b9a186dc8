-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- Effects whose end is not known: calls with an intent and no final outcome, the oldest first.
WITH unfinished AS (
    SELECT log, id, min(seq) AS seq
    FROM entries
    WHERE kind IN ('intent', 'outcome')
    GROUP BY log, id
    HAVING bool_or(kind = 'intent') AND NOT bool_or(kind = 'outcome' AND coalesce(final, true))
)
SELECT log, seq, ts, id, system, principal, action, resource
FROM entries
JOIN unfinished USING (log, seq, id)
ORDER BY ts, log, seq;
