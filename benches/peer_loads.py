"""One load by one peer, in the peer's own environment: peer_loads.py PEER ARGUMENT.... Says `seconds N`: without imports."""

import json
import os
import subprocess
import sys
import time

URL = os.environ["PEER_URL"]


def batches(form, path):
    import pyarrow.ipc
    import pyarrow.parquet

    if form == "parquet":
        file = pyarrow.parquet.ParquetFile(path)
        return file.schema_arrow, file.iter_batches(65_536)
    file = pyarrow.ipc.open_file(path)
    return file.schema, (file.get_batch(n) for n in range(file.num_record_batches))


def adbc(form, path):
    import adbc_driver_postgresql.dbapi
    import pyarrow

    begin = time.monotonic()
    schema, rows = batches(form, path)
    with adbc_driver_postgresql.dbapi.connect(URL) as connection, connection.cursor() as cursor:
        reader = pyarrow.RecordBatchReader.from_batches(schema, rows)
        cursor.adbc_ingest("records", reader, mode="create", db_schema_name="peer")
        connection.commit()
    return begin


def pgpq(form, path):
    import psycopg
    from pgpq import ArrowToPostgresBinaryEncoder

    begin = time.monotonic()
    schema, rows = batches(form, path)
    if any(str(kind).startswith("decimal") for kind in schema.types):
        # it has no decimals
        import pyarrow

        target = pyarrow.schema([
            (f.name, pyarrow.float64() if str(f.type).startswith("decimal") else f.type) for f in schema
        ])
        schema, rows = target, (batch.cast(target) for batch in rows)
    encoder = ArrowToPostgresBinaryEncoder(schema)
    kinds = encoder.schema().columns
    columns = ", ".join(f'"{name}" {column.data_type.ddl()}' for name, column in kinds)
    with psycopg.connect(URL) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE peer.records ({columns})")
        with cursor.copy("COPY peer.records FROM STDIN WITH (FORMAT binary)") as copy:
            copy.write(encoder.write_header())
            for batch in rows:
                copy.write(encoder.write_batch(batch))
            copy.write(encoder.finish())
    return begin


def duckdb(form, path):
    import duckdb

    begin = time.monotonic()
    database = duckdb.connect()
    database.execute("INSTALL postgres; LOAD postgres")
    database.execute(f"ATTACH '{URL}' AS target (TYPE postgres)")
    database.execute(f"CREATE TABLE target.peer.records AS FROM '{path}'")
    return begin


def dlt(path, _properties):
    import dlt as tool

    def rows():
        for line in open(path, encoding="utf-8"):
            yield json.loads(line)

    begin = time.monotonic()
    pipeline = tool.pipeline("bench", destination=tool.destinations.postgres(URL), dataset_name="peer",
                             pipelines_dir=os.path.join(os.path.dirname(path), f"dlt-{os.getpid()}"))
    # as a user would: nested objects as JSON, not as tables of their own
    pipeline.run(rows(), table_name="records", columns={"details": {"data_type": "json"}})
    return begin


def meltano(path, properties):
    begin = time.monotonic()
    settings = os.path.join(os.path.dirname(path), "meltano.json")
    with open(settings, "w") as out:
        json.dump({"sqlalchemy_url": URL.replace("postgresql:", "postgresql+psycopg:", 1),
                   "default_target_schema": "peer", "use_copy": True, "add_record_metadata": True}, out)
    target = subprocess.Popen([os.path.join(os.path.dirname(sys.executable), "target-postgres"), "--config", settings],
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    schema = {"type": "object", "properties": json.loads(properties)}
    message = {"type": "SCHEMA", "stream": "records", "schema": schema, "key_properties": []}
    target.stdin.write(json.dumps(message).encode() + b"\n")
    for line in open(path, "rb"):
        target.stdin.write(b'{"type":"RECORD","stream":"records","record":' + line.rstrip() + b"}\n")
    target.stdin.close()
    if target.wait() != 0:
        sys.exit("target-postgres failed")
    return begin


if __name__ == "__main__":
    start = globals()[sys.argv[1]](*sys.argv[2:])
    print(f"seconds {time.monotonic() - start:.3f}")
