"""Instructions that the inner loops take for a record: what a longer run takes more than a shorter one. instructions.py LOOPS"""

import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import records
from bench import configured

SHORT, LONG = 2_000, 6_000


def instructions(loops, loop, rows, catalog, lines):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", loops, loop, str(rows), catalog, lines]
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", run.stderr).group(1))


def main():
    loops = sys.argv[1]
    print("| set | bytes a record | lines to record batches | and record batches to COPY |\n|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as directory:
        for name, chosen in records.SETS.items():
            catalog, lines = pathlib.Path(directory, "catalog.json"), pathlib.Path(directory, "records.jsonl")
            catalog.write_text(json.dumps({"streams": [configured(records.STREAM, chosen.properties, "append")]}))
            out = io.BytesIO()
            getattr(records, name)(out, LONG, 1, 1)
            lines.write_bytes(out.getvalue())
            counts = {}
            for loop in ("scan", "copy"):
                short, long = (instructions(loops, loop, rows, catalog, lines) for rows in (SHORT, LONG))
                counts[loop] = (long - short) / (LONG - SHORT)
            scan, copy = counts["scan"], counts["copy"]
            print(f"| {name} | {len(out.getvalue()) / LONG:,.0f} | {scan:,.0f} | {copy - scan:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
