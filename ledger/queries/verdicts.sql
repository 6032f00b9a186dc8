-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- What was decided, by system and month: calls, and the share of each verdict among them.
SELECT *, round(calls / sum(calls) OVER (PARTITION BY system, month), 4) AS share
FROM (
    SELECT system, date_trunc('month', ts)::DATE AS month, coalesce(verdict, 'none') AS verdict, count(*) AS calls
    FROM calls
    WHERE system IS NOT NULL
    GROUP BY ALL
)
ORDER BY system, month, verdict;
