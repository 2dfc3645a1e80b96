"""The inputs of the benchmark, the same on every machine: `records.py NAME [ARGUMENT...]` writes one to stdout.

wide ROWS FIRST_ID VERSION   records of 12 columns, with nested JSON and decimals
narrow, texts, columns       likewise: of 3 columns, of 4 texts of 500 characters with some escapes, of 400 columns
interleaved                  50 such records for each of the streams s0 to s1999, taking turns
large_objects                300 records with an object of 5 MB
large_texts                  300 records with a text of 5 MB
huge_texts                   3 records with a text of 64 MiB

The first four have a STATE every 100,000 records and COMPLETE at the end.
"""

import datetime
import io
import json
import random
import sys

STREAM = "records"
STATE_EVERY = 100_000
EPOCH_MS = 1_767_225_600_000  # 2026-01-01


class Set:
    """Columns of the records, and which of them are decimals in Arrow, where JSON has only numbers."""

    def __init__(self, properties, decimals=()):
        self.properties = properties
        self.decimals = decimals


WIDE = {
    "id": {"type": "integer"},
    "uuid": {"type": "string"},
    "name": {"type": "string"},
    "description": {"type": "string"},
    "active": {"type": "boolean"},
    "score": {"type": "number"},
    "amount": {"type": "number"},
    "updated_at": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_with_timezone"},
    "created_at": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
    "day": {"type": "string", "format": "date"},
    "details": {"type": "object", "properties": {"city": {"type": "string"}, "zip": {"type": "integer"}}},
    "quantity": {"type": ["null", "integer"]},
}
NARROW = {name: WIDE[name] for name in ("id", "score", "updated_at")}
TEXTS = {"id": {"type": "integer"}} | {f"text_{n}": {"type": "string"} for n in range(4)}
COLUMNS = {"id": {"type": "integer"}} | {
    f"column_{n}": ({"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"})[n % 4]
    for n in range(399)
}
SETS = {"wide": Set(WIDE, ("amount",)), "narrow": Set(NARROW), "texts": Set(TEXTS), "columns": Set(COLUMNS)}


def record(stream, emitted_at, data):
    return f'{{"type":"RECORD","record":{{"stream":"{stream}","emitted_at":{emitted_at},"data":{{{data}}}}}}}\n'


def state(stream, position):
    return json.dumps({
        "type": "STATE",
        "state": {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": stream}, "stream_state": {"position": position}},
        },
    }) + "\n"


def complete(stream):
    status = {"stream_descriptor": {"name": stream}, "status": "COMPLETE"}
    return json.dumps({
        "type": "TRACE",
        "trace": {"type": "STREAM_STATUS", "emitted_at": EPOCH_MS, "stream_status": status},
    }) + "\n"


def times(version):
    """Days and times of a day: the later version of a row has the later cursor."""
    day = datetime.date(2014 + 6 * version, 1, 1).toordinal()
    days = [datetime.date.fromordinal(day + n).isoformat() for n in range(2048)]
    return days, [f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(0, 86_400, 43)]


def write(out, rows, first_id, version, data):
    """Records whose `data(id, x)` is made of an id and 48 random hexadecimal digits."""
    rows, first_id, version = int(rows), int(first_id), int(version)
    bits = random.Random(version).getrandbits
    lines = []
    for number in range(rows):
        lines.append(record(STREAM, EPOCH_MS + first_id + number // 100, data(first_id + number, f"{bits(192):048x}")))
        if (number + 1) % STATE_EVERY == 0 or number + 1 == rows:
            lines.append(state(STREAM, first_id + number))
            out.write("".join(lines).encode())
            lines.clear()
    out.write(complete(STREAM).encode())


def wide(out, rows, first_id, version):
    names = [f"customer {word}" for word in "amber birch cedar delta ember fjord grove hazel iris juniper".split()]
    cities = ["Köln", "Graz", "Lyon", "Turin", "Porto", "Gdańsk", "Malmö", "Bergen"]
    padding = "an ordinary description of plain text.."
    booleans = ["true", "false"]
    days, clock = times(int(version))

    def data(number, x):
        a, b = int(x[32:40], 16), int(x[40:], 16)
        return (
            f'"id":{number},"uuid":"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:32]}",'
            f'"name":"{names[a % 10]}","description":"{padding[b & 7:]}{x[31 - (b & 7):32]}",'
            f'"active":{booleans[a & 1]},"score":{(a >> 8) / 1024},"amount":{b % 1_000_000}.{a % 90 + 10},'
            f'"updated_at":"{days[a & 2047]}T{clock[b % 2000]}.{a % 900_000 + 100_000}Z",'
            f'"created_at":"{days[b & 2047]}T{clock[a % 2000]}.{b % 900 + 100}","day":"{days[(a >> 11) & 2047]}",'
            f'"details":{{"city":"{cities[b & 7]}","zip":{10_000 + a % 90_000},"tags":["a{a & 7}","b{b & 7}"],'
            f'"mail":"user{b}@example.com"}},"quantity":{b % 1000 if a & 3 else "null"}'
        )

    write(out, rows, first_id, version, data)


def narrow(out, rows, first_id, version):
    days, clock = times(int(version))

    def data(number, x):
        a, b = int(x[32:40], 16), int(x[40:], 16)
        return f'"id":{number},"score":{(a >> 8) / 1024},"updated_at":"{days[a & 2047]}T{clock[b % 2000]}.{a % 900_000 + 100_000}Z"'

    write(out, rows, first_id, version, data)


def texts(out, rows, first_id, version):
    words = "Ein Text, wie man ihn findet: „größer“, mit Zeilen und Anführungszeichen. ".replace(" ", "  ")
    prose = (words * 8)[:480]

    def data(number, x):
        cut = int(x[40:44], 16) % 400
        return f'"id":{number},' + ",".join(
            f'"text_{n}":"{prose[cut:]}{x[12 * n:12 * n + 12]}{escape}{prose[:cut]}"'
            for n, escape in enumerate(("", "\\n", "", "\\\"quoted\\\""))
        )

    write(out, rows, first_id, version, data)


def columns(out, rows, first_id, version):
    def data(number, x):
        a = int(x[40:], 16)
        values = (f'"{x[:12]}"', str(a % 100_000), f"{a % 1000}.25", "true")
        return f'"id":{number},' + ",".join(f'"column_{n}":{values[n % 4]}' for n in range(399))

    write(out, rows, first_id, version, data)


def interleaved(out):
    some = io.BytesIO()
    wide(some, 50, 1, 1)
    for line in some.getvalue().splitlines(keepends=True):
        if b'"RECORD"' in line:
            for number in range(2000):
                out.write(line.replace(b'"records"', f'"s{number}"'.encode(), 1))
    for number in range(2000):
        out.write(complete(f"s{number}").encode())


def large_objects(out):
    members = ",".join(f'"key {n}":{{"value":{n},"text":"some text {n}"}}' for n in range(100_000))
    for number in range(300):
        out.write(record(STREAM, EPOCH_MS, f'"id":{number},"details":{{{members}}}').encode())


def large_texts(out):
    text = "an ordinary text, " * (5_000_000 // 18)
    for number in range(300):
        out.write(record(STREAM, EPOCH_MS, f'"id":{number},"description":"{text}"').encode())


def huge_texts(out):
    text = "x" * (64 << 20)
    for number in range(3):
        out.write(record(STREAM, EPOCH_MS, f'"id":{number},"description":"{text}"').encode())


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.stdout.buffer, *sys.argv[2:])
