#!/usr/bin/env python3
"""Lets DuckDB answer a query into Parquet files, and loads them into Postgres with the connector.

    pip install duckdb pyarrow
    examples/load_duckdb.py CONFIG [DIRECTORY]

The arguments are those of load_parquet.py.
"""

import pathlib
import sys

import duckdb

from load_parquet import load

QUERY = """
    SELECT day::DATE AS day, product, units, (units * 9.5)::DECIMAL(12, 2) AS revenue, {'region': 'north', 'rank': product} AS tags
    FROM (SELECT unnest(generate_series(DATE '2026-01-01', DATE '2026-03-31', INTERVAL 1 DAY)) AS day)
    CROSS JOIN (SELECT product, product * 7 AS units FROM range(1, 51) AS products(product))
"""


def main():
    config = sys.argv[1]
    directory = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".").resolve() / "sales"
    directory.mkdir(exist_ok=True)
    options = "FORMAT parquet, COMPRESSION zstd, PER_THREAD_OUTPUT true, OVERWRITE_OR_IGNORE true, RETURN_FILES true"
    # What an earlier run left there is not loaded again.
    _, files = duckdb.execute(f"COPY ({QUERY}) TO '{directory}' ({options})").fetchone()
    load(config, "sales", [pathlib.Path(file) for file in files], "parquet")


if __name__ == "__main__":
    main()
