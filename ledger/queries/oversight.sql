-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- What humans did with the calls that waited for them, by group: how many were settled, how, and how long
-- that took from the opening. A review still open, or expired, has no time.
WITH steps AS MATERIALIZED (
    SELECT log, id, event, review_group, min(ts) AS at
    FROM reviews
    WHERE event IN ('opened', 'approved', 'rejected')
    GROUP BY ALL
)
SELECT
    coalesce(settled.review_group, '-') AS review_group,
    coalesce(settled.event, 'not settled') AS settled,
    count(*) AS reviews,
    median(settled.at - opened.at) AS median_time,
    quantile_disc(settled.at - opened.at, 0.95) AS p95_time
FROM steps AS opened
LEFT JOIN steps AS settled
    ON settled.log = opened.log AND settled.id = opened.id AND settled.event <> 'opened'
WHERE opened.event = 'opened'
GROUP BY ALL
ORDER BY ALL;
