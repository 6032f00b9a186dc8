-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- Views over this folder for a stock DuckDB, started in it: duckdb -init sql/views.sql
-- Times are UTC. `seq` counts within a log: join by log and seq. (The view `facts` is there if facts are.)
CREATE VIEW entries AS
SELECT regexp_extract(filename, 'logs/([^/]+)/', 1) AS log, * EXCLUDE (filename)
FROM read_parquet('logs/*/entries/*.parquet', filename = true);
CREATE VIEW decisions AS SELECT * FROM entries WHERE kind = 'decision';
CREATE VIEW calls AS SELECT * FROM entries WHERE kind IN ('decision', 'intent');
CREATE VIEW reviews AS SELECT * FROM entries WHERE kind = 'review';
CREATE VIEW facts AS
SELECT regexp_extract(filename, 'logs/([^/]+)/', 1) AS log, seq, facts, salt IS NULL AS erased
FROM read_parquet('logs/*/facts/*/*.parquet', filename = true, union_by_name = true);
