-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- Which policies stood in the way, and of whom: calls denied or sent to a human, by determining policy.
SELECT policy, system, verdict, principal_type, count(*) AS calls, min(ts) AS first_seen, max(ts) AS last_seen
FROM (
    SELECT unnest(policies) AS policy, system, verdict, principal_type, ts
    FROM calls
    WHERE verdict IN ('deny', 'review')
)
GROUP BY ALL
ORDER BY calls DESC, policy, system, principal_type;
