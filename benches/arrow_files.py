"""Records as Arrow IPC or Parquet: arrow_files.py SET RECORDS FORMAT OUT, with pyarrow. Nested objects stay JSON texts, which every
peer can take as well."""

import datetime
import decimal
import json
import sys

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

import records

# as pyarrow's own examples have it
BATCH_ROWS = 65_536


def arrow_type(name, properties, decimals):
    kinds = properties["type"] if isinstance(properties["type"], list) else [properties["type"]]
    if name in decimals:
        return pa.decimal128(12, 2)
    if properties.get("format") == "date":
        return pa.date32()
    if properties.get("format") == "date-time":
        zone = "UTC" if properties["airbyte_type"] == "timestamp_with_timezone" else None
        return pa.timestamp("us", tz=zone)
    return {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}.get(
        next(kind for kind in kinds if kind != "null"), pa.string()
    )


def value_of(kind):
    """How a value of JSON becomes one of Arrow."""
    if pa.types.is_decimal(kind):
        return lambda value: decimal.Decimal(repr(value)).quantize(decimal.Decimal("0.01"))
    if pa.types.is_date(kind):
        return datetime.date.fromisoformat
    if pa.types.is_timestamp(kind):
        return lambda value: datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if pa.types.is_string(kind):
        return lambda value: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if pa.types.is_floating(kind):
        return float
    return lambda value: value


def batches(path, schema):
    makers = [value_of(field.type) for field in schema]
    columns = [[] for _ in schema]

    def batch():
        made = pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, schema)], schema=schema)
        for column in columns:
            column.clear()
        return made

    for line in open(path, encoding="utf-8"):
        if not line.startswith('{"type":"RECORD"'):
            continue
        data = json.loads(line)["record"]["data"]
        for field, make, column in zip(schema, makers, columns):
            value = data[field.name]
            column.append(None if value is None else make(value))
        if len(columns[0]) == BATCH_ROWS:
            yield batch()
    if columns[0]:
        yield batch()


def main(name, path, form, out):
    which = records.SETS[name]
    schema = pa.schema([(n, arrow_type(n, p, which.decimals)) for n, p in which.properties.items()])
    if form == "arrow_file":
        with ipc.new_file(out, schema) as writer:
            for batch in batches(path, schema):
                writer.write_batch(batch)
    else:
        pq.write_table(pa.Table.from_batches(batches(path, schema), schema), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
