-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- What humans did with the calls that waited for them, by group: how many were settled, how, and how long
-- that took from the opening. A review still open, or expired, has no time.
WITH opened AS (
    SELECT log, id, min(ts) AS since FROM reviews WHERE event = 'opened' GROUP BY ALL
),
settled AS (
    SELECT log, id, event, review_group, min(ts) AS at
    FROM reviews
    WHERE event IN ('approved', 'rejected')
    GROUP BY ALL
)
SELECT
    coalesce(settled.review_group, '-') AS review_group,
    coalesce(settled.event, 'not settled') AS settled,
    count(*) AS reviews,
    median(settled.at - opened.since) AS median_time,
    quantile_disc(settled.at - opened.since, 0.95) AS p95_time
FROM opened
LEFT JOIN settled USING (log, id)
GROUP BY ALL
ORDER BY ALL;
