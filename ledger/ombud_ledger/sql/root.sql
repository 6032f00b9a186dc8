-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- Computes the RFC 6962 Merkle root of one log's first sealed entries with a stock DuckDB, without Ombud.
-- Run it in the log's folder (logs/<log>). Set `size` to the size of a checkpoint you hold (second line of it, or of a
-- file in pub/checkpoints) that is not larger than the number of sealed entries: `root` must be its third line.
-- Pairs are joined level by level, and a lonely last node moves up unchanged (FORMAT.md, "Merkle tree").
-- No row: not all entries before `size` are here (pruned, not exported, or not sealed yet). Tiles hold the hashes of
-- those too: `ombud ledger verify` computes the root with them.
SET VARIABLE size = (SELECT count(*) FROM read_parquet('entries/*.parquet'));
WITH RECURSIVE level AS (
    SELECT seq AS place, unhex(sha256('\x00'::BLOB || encode(record))) AS hash, getvariable('size') AS nodes
    FROM read_parquet('entries/*.parquet')
    WHERE seq < getvariable('size')
    UNION ALL
    SELECT
        place // 2,
        CASE count(*)
            WHEN 2 THEN unhex(sha256('\x01'::BLOB || min_by(hash, place) || max_by(hash, place)))
            ELSE first(hash)
        END,
        (first(nodes) + 1) // 2
    FROM level
    WHERE nodes > 1
    GROUP BY place // 2
)
SELECT getvariable('size') AS size, base64(hash) AS root
FROM level
WHERE nodes = 1
  AND (SELECT count(*) FROM read_parquet('entries/*.parquet') WHERE seq < getvariable('size')) = getvariable('size');
