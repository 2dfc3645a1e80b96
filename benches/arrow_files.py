"""Records as Arrow IPC or Parquet: arrow_files.py SET RECORDS FORMAT OUT [meta], with pyarrow. Nested objects stay JSON texts, which every
peer can take as well. With `meta` the four columns that the connector adds come first, for peers that are to make the same table."""

import datetime
import decimal
import json
import sys
import uuid

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


META = pa.schema([
    ("_airbyte_raw_id", pa.string()),
    ("_airbyte_extracted_at", pa.timestamp("us", tz="UTC")),
    ("_airbyte_meta", pa.string()),
    ("_airbyte_generation_id", pa.int64()),
])


def with_meta(batch, number):
    """The batch with the columns of the connector, of which it is the `number`-th."""
    rows = batch.num_rows
    ids = [str(uuid.UUID(int=(0x0190 << 112) + (7 << 76) + (2 << 62) + number * BATCH_ROWS + row)) for row in range(rows)]
    instant = datetime.datetime.fromtimestamp(records.EPOCH_MS / 1000, datetime.timezone.utc)
    meta = [ids, [instant] * rows, ['{"changes": [], "sync_id": 1}'] * rows, [0] * rows]
    arrays = [pa.array(values, field.type) for values, field in zip(meta, META)]
    return pa.record_batch(arrays + batch.columns, schema=pa.schema(list(META) + list(batch.schema)))


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


def main(name, path, form, out, meta=""):
    which = records.SETS[name]
    schema = pa.schema([(n, arrow_type(n, p, which.decimals)) for n, p in which.properties.items()])
    made = batches(path, schema)
    if meta:
        made = (with_meta(batch, number) for number, batch in enumerate(made))
        schema = pa.schema(list(META) + list(schema))
    if form == "arrow_file":
        with ipc.new_file(out, schema) as writer:
            for batch in made:
                writer.write_batch(batch)
    else:
        pq.write_table(pa.Table.from_batches(made, schema), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
