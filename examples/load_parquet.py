#!/usr/bin/env python3
"""Writes a table as Parquet with pyarrow, and loads it into Postgres with the connector.

    pip install pyarrow
    examples/load_parquet.py CONFIG [DIRECTORY]

CONFIG is the connector's configuration (README, "Set up"). The file is written to DIRECTORY (default: the current one). The connector is
target/release/destination-postgres, or the one that DESTINATION_POSTGRES_BIN names.
"""

import datetime as dt
import decimal
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq


def load(config, stream, files, encoding):
    """Replaces table `stream` by the rows of the files."""
    catalog = {
        "streams": [
            {
                # No properties: the columns and their types are those of the files.
                "stream": {"name": stream, "json_schema": {}},
                "sync_mode": "full_refresh",
                "destination_sync_mode": "overwrite",
                "generation_id": 1,
                "minimum_generation_id": 1,
                "sync_id": 1,
            }
        ]
    }
    descriptor = {"stream_descriptor": {"name": stream}}
    messages = [
        {
            "type": "BATCH",
            "batch": {"stream": stream, "encoding": {"format": encoding}, "manifest": [f.as_uri() for f in files]},
        },
        {"type": "STATE", "state": {"type": "STREAM", "stream": {**descriptor, "stream_state": {}}}},
        {
            "type": "TRACE",
            "trace": {"type": "STREAM_STATUS", "emitted_at": 0, "stream_status": {**descriptor, "status": "COMPLETE"}},
        },
    ]
    connector = os.environ.get("DESTINATION_POSTGRES_BIN", "target/release/destination-postgres")
    # The connector opens no file outside of these directories.
    roots = ":".join({str(file.parent) for file in files})
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(catalog, file)
        file.flush()
        done = subprocess.run(
            [connector, "write", "--config", config, "--catalog", file.name],
            input="".join(json.dumps(message) + "\n" for message in messages),
            env={**os.environ, "DESTINATION_BATCH_ROOTS": roots},
            stdout=subprocess.PIPE,
            text=True,
        )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in answers:
        if answer["type"] == "TRACE":
            sys.exit(answer["trace"]["error"]["message"])
    if done.returncode != 0:
        sys.exit(f"the connector ended with {done.returncode}")
    stored = sum(a["state"]["destinationStats"]["recordCount"] for a in answers if a["type"] == "STATE")
    print(f"{stored:.0f} rows are in table {stream}")


def main():
    config = sys.argv[1]
    directory = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".").resolve()
    rows = 100_000
    start = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    table = pa.table(
        {
            "reading": pa.array(range(rows), pa.int64()),
            "meter": pa.array((f"meter-{n % 250:03}" for n in range(rows)), pa.dictionary(pa.int32(), pa.string())),
            "taken_at": pa.array((start + dt.timedelta(minutes=n) for n in range(rows)), pa.timestamp("us", "UTC")),
            "kwh": pa.array((decimal.Decimal(n % 10_000) / 100 for n in range(rows)), pa.decimal128(8, 2)),
            "flags": pa.array(([] if n % 10 else ["estimated"] for n in range(rows)), pa.list_(pa.string())),
        }
    )
    file = directory / "meter_readings.parquet"
    pq.write_table(table, file, compression="zstd")
    load(config, "meter_readings", [file], "parquet")


if __name__ == "__main__":
    main()
