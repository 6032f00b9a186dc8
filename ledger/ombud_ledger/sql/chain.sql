-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- Checks the hash chain of one log's sealed entries with a stock DuckDB, without Ombud.
-- Run it in the log's folder (logs/<log>); it lists the entries that do not follow from those before them.
-- No row means: every sealed record hashes to its chain value, in order, from the log's origin on.
-- sha256() gives hex text, so unhex() makes the 32 bytes that are hashed on (FORMAT.md, "Hashes").
-- Where entries were pruned by declaration, the newest prune entry says which comes first now, and the chain value
-- before it (seal the tail, if it is there).
WITH pruned AS (
    SELECT (record->>'$.before')::BIGINT AS begins, unhex(record->>'$.chain') AS chain
    FROM read_parquet('entries/*.parquet')
    WHERE kind = 'prune'
    ORDER BY seq DESC
    LIMIT 1
), hashed AS (
    SELECT
        seq,
        chain,
        unhex(sha256('\x00'::BLOB || encode(record))) AS leaf,
        lag(seq) OVER (ORDER BY seq) AS previous_seq,
        lag(chain) OVER (ORDER BY seq) AS previous,
        CASE seq
            WHEN 0 THEN unhex(sha256(encode(record->>'$.origin')))
            ELSE (SELECT chain FROM pruned)
        END AS start
    FROM read_parquet('entries/*.parquet')
)
SELECT seq
FROM hashed
WHERE seq <> coalesce(previous_seq + 1, (SELECT begins FROM pruned), 0)
   OR chain <> unhex(sha256('\x02'::BLOB || coalesce(previous, start) || leaf))
ORDER BY seq;
