"""Whether a row costs the same however many there are: rows, streams, and rows that are in the table already."""

import records
from bench import MIB, SCHEMA, configured
from server import say
from speed import KEYED

TABLE = f"{SCHEMA}.{records.STREAM}"
WIDE = records.SETS["wide"].properties
# Records in one file, which is read as often as it takes.
FILE = 1_000_000
STREAMS = (1, 10, 100, 1000)


def measure(bench, which):
    """`which`: some of rows, streams, upsert."""
    most = bench.options.rows
    for name in which:
        title, cases = {"rows": rows, "streams": streams, "upsert": upsert}[name](bench, most)
        print(f"{title}; PostgreSQL {bench.server.version} with default settings.\n")
        print("| | wall s | µs a row | of them client CPU | server CPU µs a row | peak MB | ÷ first line |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        first = None
        for label, count, load in cases:
            say(label)
            sample = load()
            cost = sample.wall / count * 1e6
            first = first or cost
            cells = [
                label, f"{sample.wall:.1f}", f"{cost:.2f}", f"{sample.client_cpu / count * 1e6:.2f}",
                f"{sample.server_cpu / count * 1e6:.2f}", f"{sample.peak / MIB:.0f}", f"{cost / first:.2f}",
            ]
            print("| " + " | ".join(cells) + " |", flush=True)
        print()


def wide(mode, name=records.STREAM, **more):
    return configured(name, WIDE, mode, **more)


def rows(bench, most):
    """Append: the same records again and again, which an append does not mind."""
    def case(count):
        size = min(count, FILE)
        source = ["cat"] + [str(bench.lines("wide", size))] * (count // size)

        def load():
            bench.drop()
            sample = bench.write({"streams": [wide("append")]}, source)
            bench.expect_rows(TABLE, count)
            return sample

        return f"{count:,} rows", count, load

    counts = [count for count in (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000)
              if count <= most]
    return "Append, wide records", [case(count) for count in counts]


def streams(bench, most):
    """The same records over more and more streams, taking turns."""
    total = min(most, FILE)
    lines = bench.lines("wide", total)

    def case(number):
        def load():
            bench.drop()
            source = bench.work / "streams.jsonl"
            with open(lines, "rb") as whole, open(source, "wb") as out:
                turn = 0
                for line in whole:
                    if b'"RECORD"' in line:
                        out.write(line.replace(b'"records"', b'"s%d"' % (turn % number), 1))
                        turn += 1
                for stream in range(number):
                    out.write(records.complete(f"s{stream}").encode())
            names = [f"s{stream}" for stream in range(number)]
            sample = bench.write({"streams": [wide("append", name) for name in names]}, source)
            source.unlink()
            # not all in one transaction: each takes locks
            for at in range(0, number, 50):
                tables = ", ".join(f"{SCHEMA}.{name}" for name in names[at:at + 50])
                bench.server.sql(f"DROP TABLE {tables}", database="bench")
            return sample

        return f"{number:,} streams", total, load

    return f"Append, {total:,} wide records in all", [case(number) for number in STREAMS]


def upsert(bench, most):
    """Rows of which half are known, into tables of different sizes with the indexes of the connector."""
    size = min(most, FILE)
    first, second = bench.lines("wide", size), bench.lines("wide", size, size // 2 + 1, 2)
    catalog = {"streams": [wide("append_dedup", **KEYED)]}
    columns = ["_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", *WIDE]
    values = [f"{name} + n * {size * 2}" if name == "id" else name for name in columns]

    def case(copies):
        def load():
            bench.drop()
            bench.write(catalog, first)
            # every column but the key as it is
            bench.server.in_bench(
                f"INSERT INTO {TABLE} ({', '.join(columns)}) SELECT {', '.join(values)} "
                f"FROM {TABLE}, generate_series(1, {copies - 1}) n",
                f"ANALYZE {TABLE}",
            )
            sample = bench.write(catalog, second)
            bench.expect_rows(TABLE, size * copies + size // 2)
            return sample

        return f"into {size * copies:,} rows", size, load

    return f"Upsert, {size:,} wide records, half of them known", [case(copies) for copies in (1, 10)]
