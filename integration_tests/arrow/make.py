"""Makes the files of one test with pyarrow: make.py SUBJECT DIRECTORY."""

import base64
import datetime as dt
import decimal
import json
import pathlib
import struct
import sys
import uuid

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

UTC = dt.timezone.utc
D = decimal.Decimal


def write(table, path, **options):
    """In the format that the path's ending says."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, **options)
        return
    rows = options.pop("rows", None)
    options = ipc.IpcWriteOptions(**options)
    new = ipc.new_file if path.suffix == ".arrow" else ipc.new_stream
    with new(path, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)


def literal(value, sql):
    """A Python value as an SQL literal; the server reads it, so it is the judge."""
    if value is None:
        text = None
    elif sql.endswith("[]"):
        items = ("NULL" if item is None else literal(item, sql[:-2]) for item in value)
        return f"ARRAY[{', '.join(items)}]::{sql}"
    elif sql == "jsonb":
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, bytes):
        text = "\\x" + value.hex()
    elif isinstance(value, float):
        text = repr(value)
    elif isinstance(value, dt.timedelta):
        text = f"{value // dt.timedelta(seconds=1)} seconds {value.microseconds} microseconds"
    else:
        text = str(value)
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'::" + sql


def expect(columns, path):
    """An SQL script that makes a table `expected` of these columns: name -> (SQL type, values)."""
    rows = zip(*(values for _, values in columns.values()))
    names = ", ".join(f'"{name}" {sql}' for name, (sql, _) in columns.items())
    kinds = [sql for sql, _ in columns.values()]
    lines = ["(" + ", ".join(literal(value, sql) for value, sql in zip(row, kinds)) + ")" for row in rows]
    path.write_text(f"CREATE TABLE expected ({names});\nINSERT INTO expected VALUES\n" + ",\n".join(lines) + ";\n")


def types(to):
    """A column of every type, and what the server is to say of it."""
    day = dt.date
    at = dt.datetime
    columns = {
        "bool": (pa.bool_(), [True, False, None], "boolean"),
        "int8": (pa.int8(), [-128, 127, None], "smallint"),
        "int16": (pa.int16(), [-32768, 32767, None], "smallint"),
        "int32": (pa.int32(), [-(2**31), 2**31 - 1, None], "integer"),
        "int64": (pa.int64(), [-(2**63), 2**63 - 1, None], "bigint"),
        "uint8": (pa.uint8(), [0, 255, None], "smallint"),
        "uint16": (pa.uint16(), [0, 65535, None], "integer"),
        "uint32": (pa.uint32(), [0, 2**32 - 1, None], "bigint"),
        "uint64": (pa.uint64(), [0, 2**64 - 1, None], "numeric(20,0)"),
        "float32": (pa.float32(), [1.5, -0.1, None], "real"),
        "float64": (pa.float64(), [0.1, -1e300, None], "double precision"),
        "decimal": (pa.decimal128(12, 3), [D("123456789.125"), D("-0.001"), None], "numeric(12,3)"),
        "decimal256": (pa.decimal256(60, 10), [D("9" * 50 + ".0000000001"), D("0"), None], "numeric(60,10)"),
        "text": (pa.string(), ["", "\u00fc\U0001f600'\\", None], "varchar"),
        "large_text": (pa.large_string(), ["a" * 5000, "b", None], "varchar"),
        "bytes": (pa.binary(), [b"\0\xff", b"", None], "bytea"),
        "fixed_bytes": (pa.binary(3), [b"abc", b"\0\0\0", None], "bytea"),
        "date": (pa.date32(), [day(1, 1, 1), day(9999, 12, 31), None], "date"),
        "time": (pa.time64("us"), [dt.time(23, 59, 59, 999999), dt.time(0), None], "time"),
        "time_ms": (pa.time32("ms"), [dt.time(1, 2, 3, 4000), dt.time(0), None], "time"),
        "ts": (pa.timestamp("us"), [at(1, 1, 1), at(9999, 12, 31, 23, 59, 59, 999999), None], "timestamp"),
        "ts_s": (pa.timestamp("s"), [at(1969, 12, 31, 23, 59, 59), at(2024, 2, 29), None], "timestamp"),
        "tstz": (pa.timestamp("us", "UTC"), [at(2000, 1, 1, tzinfo=UTC), at(1900, 1, 1, 1, 1, 1, 1, tzinfo=UTC), None], "timestamptz"),
        "word": (pa.dictionary(pa.int16(), pa.string()), ["red", "green", None], "varchar"),
        "list": (pa.list_(pa.int64()), [[1, None, 3], [], None], "bigint[]"),
        "texts": (pa.list_(pa.string()), [["a", 'q"', None], [""], None], "varchar[]"),
        "struct": (
            pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))]),
            [{"a": 1, "b": ["x", None]}, {"a": None, "b": None}, None],
            "jsonb",
        ),
        "structs": (pa.list_(pa.struct([("n", pa.float64())])), [[{"n": 0.5}, None], [], None], "jsonb"),
        "map": (pa.map_(pa.string(), pa.int32()), [[("k", 1), ("l", None)], [], None], "jsonb"),
    }
    arrays = [pa.array(values, kind) for kind, values, _ in columns.values()]
    table = pa.table(arrays, names=list(columns))
    expected = {name: (sql, values) for name, (_, values, sql) in columns.items()}
    expected["map"] = ("jsonb", [{"k": 1, "l": None}, {}, None])
    # What Parquet has no type for.
    more = {
        "float16": (pa.array([1.5, -2.0, None], pa.float16()), "real", [1.5, -2.0, None]),
        "view": (pa.array(["short", "longer than twelve bytes", None], pa.string_view()), "varchar", ["short", "longer than twelve bytes", None]),
        "bytes_view": (pa.array([b"\1", b"longer than twelve bytes", None], pa.binary_view()), "bytea", [b"\1", b"longer than twelve bytes", None]),
        "duration": (pa.array([dt.timedelta(days=1, microseconds=5), dt.timedelta(seconds=-1), None], pa.duration("us")), "interval", [dt.timedelta(days=1, microseconds=5), dt.timedelta(seconds=-1), None]),
        "nothing": (pa.nulls(3), "jsonb", [None, None, None]),
        "runs": (pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["r", None])), "varchar", ["r", "r", None]),
        "uuid": (
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(int=1).bytes, uuid.UUID(int=2).bytes, None], pa.binary(16))),
            "uuid",
            [uuid.UUID(int=1), uuid.UUID(int=2), None],
        ),
    }
    wide = table
    for name, (array, _, _) in more.items():
        wide = wide.append_column(name, array)
    expect(expected, to / "parquet.sql")
    expect(expected | {name: (sql, values) for name, (_, sql, values) in more.items()}, to / "ipc.sql")
    for codec in ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]:
        for version in ["1.0", "2.0"]:
            path = to / f"{codec}{version}.parquet"
            pq.write_table(table, path, compression=codec, data_page_version=version, write_page_checksum=True)
    pq.write_table(table, to / "plain.parquet", use_dictionary=False, store_schema=True)
    for codec in [None, "lz4", "zstd"]:
        write(wide, to / f"{codec}.arrow", compression=codec)
        write(wide, to / f"{codec}.arrows", compression=codec)


def people(to):
    """Rows for every way of loading: two files of a small table, and one with meta columns."""
    schema = pa.schema([("id", pa.int64()), ("name", pa.string()), ("at", pa.timestamp("us", "UTC"))])
    at = lambda n: dt.datetime(2024, 1, n, tzinfo=UTC)
    one = pa.table([[1, 2, 3], ["a", "b", "c"], [at(1), at(1), at(1)]], schema=schema)
    two = pa.table([[2, 4, 2], ["B", "d", "old"], [at(3), at(3), at(2)]], schema=schema)
    for name, table in [("one", one), ("two", two)]:
        for ending in ["parquet", "arrow", "arrows"]:
            write(table, to / f"{name}.{ending}")
    data = {"one": base64.b64encode((to / "one.arrows").read_bytes()).decode()}
    (to / "inline.json").write_text(json.dumps(data))
    meta = [
        None,
        '{"changes": [{"field": "name", "change": "TRUNCATED", "reason": "SOURCE_FIELD_SIZE_LIMITATION"}], "more": 1}',
        "{}",
    ]
    with_meta = one.append_column("_airbyte_extracted_at", pa.array([at(9), None, at(8)], pa.timestamp("ms", "UTC")))
    with_meta = with_meta.append_column("_airbyte_meta", pa.array(meta))
    write(with_meta, to / "meta.parquet")
    numbers = one.append_column("_airbyte_extracted_at", pa.array([1_700_000_000_000, None, 0], pa.int64()))
    write(numbers, to / "numbers.arrow")


def meta(to):
    """Columns that say of a row when it was read and what was changed, in every type that can."""
    at = [dt.datetime(2024, 1, 9, 1, 2, 3, 456000, tzinfo=UTC), None, dt.datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC)]
    millis = [1704762123456, None, -500]
    half = [None if n is None else n + 0.5 for n in millis]
    texts = ["2024-01-09T02:02:03.456+01:00", None, "1969-12-31 23:59:59.5Z"]
    good = {
        "double": pa.array(half, pa.float64()),
        "decimal": pa.array([None if n is None else D(n) + D("0.500") for n in millis], pa.decimal128(30, 3)),
        "text": pa.array(texts),
        "words": pa.array(texts).dictionary_encode(),
        "nanos": pa.array(at, pa.timestamp("ns", "UTC")),
        "local": pa.array([None if t is None else t.replace(tzinfo=None) for t in at], pa.timestamp("ms")),
        "runs": pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], pa.int32()), pa.array(millis, pa.int64())),
        "decimal256": pa.array([None if n is None else D(n) for n in millis], pa.decimal256(60, 0)),
        "date": pa.array([dt.date(2024, 1, 9), None, dt.date(1969, 12, 31)]),
        "uint64": pa.array([1704762123456, None, 0], pa.uint64()),
        "float": pa.array([2.0**40, None, 0], pa.float32()),
    }
    bad = {
        "nan": pa.array([float("nan"), None, 1.0]),
        "word": pa.array(["yesterday", None, None]),
        "flag": pa.array([True, None, None]),
        "struct": pa.array([{"a": 1}, None, None]),
        "clock": pa.array([dt.time(1, 2), None, None]),
        "far": pa.array([2**63 - 1, None, None], pa.timestamp("s")),
    }
    for name, column in (good | bad).items():
        write(pa.table([[1, 2, 3], column], names=["id", "_airbyte_extracted_at"]), to / f"at_{name}.arrow")
    change = {"field": "f", "change": "NULLED", "reason": "SOURCE_RETRIEVAL_ERROR"}
    text = json.dumps({"changes": [change]})
    one_kind = pa.struct([("field", pa.string()), ("change", pa.string()), ("reason", pa.string())])
    good = {
        "struct": pa.array([{"changes": [change]}, None, {"changes": []}]),
        "map": pa.array([[("changes", [change])], None, []], pa.map_(pa.string(), pa.list_(one_kind))),
        "text": pa.array([text, None, '{"sync_id": 3, "changes": null}']),
        "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array([text, None, "{}"])),
    }
    bad = {
        "word": pa.array(["[]", None, "{}"]),
        "number": pa.array([1, None, None]),
        "list": pa.array(['{"changes": {"0": 1}}', None, None]),
    }
    for name, column in (good | bad).items():
        write(pa.table([[1, 2, 3], column], names=["id", "_airbyte_meta"]), to / f"meta_{name}.arrow")
    write(pa.table([[7], ["theirs"]], names=["_airbyte_generation_id", "_airbyte_raw_id"]), to / "names.arrow")


def zones(to):
    """Instants of several zones, from both sides of each change of a clock and from far away."""
    seconds = [0, 1_711_846_799, 1_711_846_800, 1_729_990_799, 1_729_990_800, 1_710_053_999, 1_710_054_000]
    seconds += [1_730_613_599, 1_730_613_600, 4_102_444_799, 4_102_444_800, 4_109_878_799, 4_109_878_800]
    seconds += [1_000_000_000 + n * 123_456_789 for n in range(60)]
    names = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "+05:30", "-03:00"]
    columns = {"utc": pa.array([n * 1_000_000 + 123_456 for n in seconds], pa.timestamp("us", "UTC"))}
    for n, name in enumerate(names):
        columns[f"clock{n}"] = columns[f"text{n}"] = columns["utc"].cast(pa.timestamp("us", name))
    for ending in ["parquet", "arrow"]:
        write(pa.table(columns), to / f"rows.{ending}")


def again(to):
    """Names that come more than once, in maps and in structs."""
    maps = [[("a", 1), ("b", 2), ("a", 3)], [("a", 1)], None]
    numbers = pa.array([1, 2, 3])
    structs = pa.StructArray.from_arrays([numbers, pa.array(["x", "y", None])], ["a", "a"])
    table = pa.table(
        {
            "id": numbers,
            "map": pa.array(maps, pa.map_(pa.string(), pa.int64())),
            "numbered": pa.array([[(1, 1), (1, 2)], [], None], pa.map_(pa.int64(), pa.int64())),
            "struct": structs,
        }
    )
    write(table, to / "rows.arrow")
    write(table.drop_columns("struct"), to / "rows.parquet")


def intervals(to):
    """What DuckDB knows of intervals, and what it says of them itself when it reads its own file."""
    import duckdb

    file = to / "rows.parquet"
    duckdb.sql(
        f"""
        COPY (
            SELECT id, i, [i, NULL] AS list, {{'i': i}} AS struct
            FROM (VALUES
                (1, INTERVAL '14 months 3 days 04:05:06.789'), (2, INTERVAL '40 days'), (3, NULL),
                (4, to_milliseconds(4294967295)), (5, INTERVAL '0 days'), (6, to_years(178956970))
            ) AS rows(id, i)
        ) TO '{file}'
        """
    )
    rows = duckdb.sql(f"SELECT id, CAST(i AS VARCHAR) FROM '{file}' ORDER BY id").fetchall()
    lines = (f"({n}, {literal(text, 'interval')})" for n, text in rows)
    (to / "expected.sql").write_text("CREATE TABLE expected (id int, i interval); INSERT INTO expected VALUES " + ", ".join(lines))


def refused(to):
    """Many rows in several record batches, one of which a constraint of the test refuses."""
    rows = 30_000
    table = pa.table({"id": pa.array(range(rows)), "name": pa.array([f"n{n}" for n in range(rows)])})
    write(table, to / "rows.parquet", row_group_size=7_000)
    write(table, to / "rows.arrow", rows=7_000)
    write(table.slice(0, 1), to / "first.arrow")


def declared(to):
    """Columns whose types are others than the declared ones."""
    table = pa.table(
        {
            "whole": pa.array([1.0, 2.5, float("nan")]),
            "number": pa.array([D("1.10"), D("-2.00"), None], pa.decimal128(6, 2)),
            "flag": pa.array(["true", "no", None]),
            "words": pa.array([7, -8, None]),
            "day": pa.array([dt.datetime(2024, 1, 2), None, dt.datetime(2024, 3, 4)], pa.timestamp("s")),
            "object": pa.array([{"a": 1}, None, {"a": None}]),
            "array": pa.array([[1, 2], [], None]),
            "undeclared": pa.array([1, 2, 3]),
        }
    )
    write(table, to / "rows.parquet")
    write(table, to / "rows.arrow")
    write(table, to / "rows.arrows")


def broken(to):
    """One file for each thing that can be wrong."""
    table = pa.table({"id": pa.array(range(20_000), pa.int64()), "name": [f"needle {n}" for n in range(20_000)]})
    write(table, to / "good.parquet", use_dictionary=False, write_page_checksum=True, compression="none")
    write(table, to / "good.arrow", rows=5_000)
    write(table, to / "good.arrows", rows=5_000)
    for ending in ["parquet", "arrow", "arrows"]:
        data = (to / f"good.{ending}").read_bytes()
        (to / f"cut.{ending}").write_bytes(data[: len(data) * 2 // 3])
    page = bytearray((to / "good.parquet").read_bytes())
    at = page.index(b"needle 15000")
    page[at] ^= 1
    (to / "checksum.parquet").write_bytes(page)
    text = bytearray((to / "good.arrows").read_bytes())
    # The first is behind the end of a batch before.
    at = text.rindex(b"needle 15000")
    text[at] = 0xFF
    (to / "text.arrows").write_bytes(text)
    offsets = bytearray((to / "good.arrow").read_bytes())
    at = offsets.index(struct.pack("<3i", 0, 8, 16))
    offsets[at + 4 : at + 8] = struct.pack("<i", 1 << 30)
    (to / "offsets.arrow").write_bytes(offsets)
    other = pa.table({"id": ["a"], "name": ["b"]})
    write(other, to / "other.parquet")
    write(table.append_column("new", table["id"]), to / "more.parquet")
    write(table.drop_columns("name"), to / "less.parquet")
    (to / "csv.parquet").write_text("id,name\n1,a\n")
    (to / "empty.arrow").write_bytes(b"")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
    write(twice, to / "twice.arrow")
    import pyarrow.parquet.encryption as pe

    class Kms(pe.KmsClient):
        def __init__(self, config):
            pe.KmsClient.__init__(self)

        def wrap_key(self, key, master):
            return base64.b64encode(key)

        def unwrap_key(self, key, master):
            return base64.b64decode(key)

    factory = pe.CryptoFactory(Kms)
    for name, plain in [("encrypted", False), ("footer", True)]:
        config = pe.EncryptionConfiguration(footer_key="k", column_keys={"k": ["name"]}, plaintext_footer=plain)
        properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
        with pq.ParquetWriter(to / f"{name}.parquet", table.schema, encryption_properties=properties) as writer:
            writer.write_table(table)


def bombs(to):
    """Small files of large contents."""
    zeros = pa.array([bytes(600 << 20)], pa.binary())
    for codec in ["gzip", "brotli", "zstd", "snappy"]:
        pq.write_table(pa.table({"b": zeros}), to / f"{codec}.parquet", compression=codec, use_dictionary=False, write_statistics=False)
    halves = pa.array([bytes(300 << 20)] * 4, pa.large_binary())
    for ending in ["arrow", "arrows"]:
        write(pa.table({"b": halves}), to / f"batch.{ending}", compression="zstd")
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), pa.array(["w" * (1 << 20)]))
    write(pa.table({"w": words}), to / "words.arrow")
    pq.write_table(pa.table({"w": words}), to / "words.parquet")
    row = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), pa.array(["w" * (1 << 20)]))
    write(pa.table({"b": pa.ListArray.from_arrays(pa.array([0, 300]), row)}), to / "row.arrow")


def large(to):
    """Values of 64 MiB, and a table of many windows."""
    value = pa.array(["x" * (64 << 20), "y", "z" * (64 << 20)])
    ids = pa.array([1, 2, 3])
    for ending in ["parquet", "arrow", "arrows"]:
        write(pa.table({"id": ids, "value": value}), to / f"values.{ending}")
    # Lists that run from page to page, most of them empty.
    lists = pa.array([[] if n % 10 else ["a", None] for n in range(100_000)])
    write(pa.table({"id": pa.array(range(100_000)), "list": lists}), to / "lists.parquet", row_group_size=60_000, data_page_size=4_096)
    rows = 600_000
    many = pa.table({"id": pa.array(range(rows)), "text": pa.array([f"{n:0150}" for n in range(rows)])})
    write(many, to / "many.parquet", row_group_size=200_000)
    write(many, to / "many.arrow", rows=100_000)
    write(many, to / "many.arrows")


if __name__ == "__main__":
    subjects = {f.__name__: f for f in [types, people, meta, zones, again, intervals, refused, declared, broken, bombs, large]}
    subjects[sys.argv[1]](pathlib.Path(sys.argv[2]))
