"""The loads, taking turns: the connector, psql's \\copy of the same final rows, SQL written by hand, and other programs."""

import json
import os

import peers
import records
from bench import SCHEMA, configured
from records import EPOCH_MS, STATE_EVERY, STREAM
from server import say

OURS = f"{SCHEMA}.{STREAM}"
REFERENCE = "reference"
BY_HAND = f"{REFERENCE}.{STREAM}"
# Part of the machine that other processes may take during a load; it is measured again otherwise, so often.
DISTURBED, ATTEMPTS = 0.1, 3
KEYED = {"primary_key": [["id"]], "cursor_field": ["updated_at"]}


class Contest:
    """Loads of one set that are compared with one of them, the floor."""

    def __init__(self, title, rows, size):
        self.title = title
        self.rows = rows
        # bytes of JSON
        self.size = size
        self.names = []
        self.loads = {}
        self.samples = {}
        self.goals = {}

    def add(self, name, load, goal=None):
        """`load` prepares, measures and checks; it answers a sample. `goal` is the most that its time may be of the floor's."""
        self.names.append(name)
        self.loads[name] = load
        self.samples[name] = []
        self.goals[name] = goal

    @property
    def floor(self):
        return self.names[0]

    def round(self, number):
        """Each load once; every other time in reverse."""
        for name in sorted(self.names, key=self.names.index, reverse=number % 2 == 1):
            say(f"{self.title}: {name}")
            tried = []
            while not tried or tried[-1].disturbed > DISTURBED and len(tried) < ATTEMPTS:
                tried.append(self.loads[name]())
            self.samples[name].append(min(tried, key=lambda sample: sample.disturbed))

    def ratios(self, name):
        """Of each run to the floor's run of the same round."""
        return [mine.wall / floor.wall for mine, floor in zip(self.samples[name], self.samples[self.floor])]


class Loads:
    """Makes the contests of a bench."""

    def __init__(self, bench):
        self.bench = bench

    # --- the connector

    def write(self, catalog, source, rows, total=None, states=None):
        sample = self.bench.write(catalog, source, states)
        self.bench.expect_rows(OURS, total or rows)
        return sample

    def catalog(self, of, mode, **more):
        return {"streams": [configured(STREAM, records.SETS[of].properties, mode, **more)]}

    def batch(self, of, rows, form, meta=False):
        """A set as one file of Arrow or Parquet, perhaps with the columns that the connector adds, and the messages that name it."""
        lines = self.bench.lines(of, rows)
        here = os.path.dirname(records.__file__)
        sources = [os.path.join(here, name) for name in ("records.py", "arrow_files.py")]
        suffix = {"arrow_file": ".arrow", "parquet": ".parquet"}[form]
        command = [str(self.bench.options.venv / "bin/python"), sources[1], of, str(lines), form, "/dev/stdout"]
        command += ["meta"] if meta else []
        path = self.bench.made(f"{of}-{rows}" + ("-meta" if meta else ""), suffix, sources, command)
        message = {"type": "BATCH", "batch": {
            "stream": STREAM, "emitted_at": EPOCH_MS, "encoding": {"format": form}, "manifest": [path.as_uri()],
        }}
        messages = path.with_suffix(".jsonl")
        messages.write_text(json.dumps(message) + "\n" + records.state(STREAM, rows) + records.complete(STREAM))
        return path, messages

    # --- the server alone

    def template(self, of, rows, source, catalog):
        """Loads once, which also warms what is warmed once, and keeps what the table is like and its rows in binary."""
        bench = self.bench
        bench.drop(SCHEMA, REFERENCE, "template")
        self.write(catalog, source, rows)
        indexes = bench.server.in_bench(
            f"SELECT indexdef FROM pg_indexes WHERE schemaname = '{SCHEMA}' ORDER BY indexname"
        )
        copied = bench.work / f"{of}.copy"
        copied.unlink(missing_ok=True)
        bench.psql(f"\\copy {OURS} TO '{copied}' (FORMAT binary)")
        bench.server.in_bench(
            "CREATE SCHEMA template", f"CREATE TABLE template.{STREAM} (LIKE {OURS})",
        )
        bench.drop()
        return copied, [line.replace(f" {SCHEMA}.", f" {REFERENCE}.") for line in indexes.splitlines()]

    def reference_table(self, *more):
        self.bench.drop(REFERENCE)
        self.bench.server.in_bench(
            f"CREATE SCHEMA {REFERENCE}", f"CREATE TABLE {BY_HAND} (LIKE template.{STREAM})", *more
        )

    def by_hand(self, rows, *statements):
        sample = self.bench.psql(*statements)
        self.bench.expect_rows(BY_HAND, rows)
        return sample

    # --- contests

    def append(self, of, rows, goals, arrow=True, with_peers=True):
        bench = self.bench
        lines = bench.lines(of, rows)
        contest = Contest(f"append, {rows:,} records of set {of}", rows, os.path.getsize(lines))
        catalog = self.catalog(of, "append")
        copied, indexes = self.template(of, rows, lines, catalog)
        states = (rows + STATE_EVERY - 1) // STATE_EVERY

        def ours(source, states, catalog=catalog):
            def load():
                bench.drop()
                return self.write(catalog, source, rows, states=states)
            return load

        def copy(*indexes):
            def load():
                self.reference_table()
                return self.by_hand(rows, f"\\copy {BY_HAND} FROM '{copied}' (FORMAT binary)", *indexes)
            return load

        contest.add("`\\copy` binary of the final rows", copy())
        contest.add("the same, then the index that we build", copy(*indexes))
        contest.add("**ours, JSON**", ours(lines, states), goals.get("json"))
        if arrow:
            for name, form in (("Arrow IPC", "arrow_file"), ("Parquet", "parquet")):
                contest.add(f"**ours, {name}**", ours(self.batch(of, rows, form)[1], 1), goals.get(form))
            # what the peers make: JSON is text
            undeclared = {"streams": [configured(STREAM, {}, "append")]}
            for name, form in (("Arrow IPC", "arrow_file"), ("Parquet", "parquet")):
                contest.add(f"**ours, {name}, its own columns**", ours(self.batch(of, rows, form)[1], 1, undeclared))
        if with_peers and arrow:
            for name, peer in peers.of_files(bench, of, rows, lambda form, meta: self.batch(of, rows, form, meta)[0]):
                contest.add(name, peer)
        return contest

    def first_load(self, rows):
        bench = self.bench
        lines = bench.lines("wide", rows)
        contest = Contest(f"first load with a primary key, {rows:,} records of set wide", rows, os.path.getsize(lines))
        copied, _ = self.template("wide", rows, lines, self.catalog("wide", "append"))
        catalog = self.catalog("wide", "append_dedup", **KEYED)

        def hand():
            self.reference_table(f"ALTER TABLE {BY_HAND} ADD PRIMARY KEY (id)")
            return self.by_hand(
                rows,
                f"CREATE TEMPORARY TABLE staged (LIKE {BY_HAND})",
                f"\\copy staged FROM '{copied}' (FORMAT binary)",
                f"INSERT INTO {BY_HAND} SELECT * FROM staged {self.on_conflict()}",
            )

        def ours():
            bench.drop()
            return self.write(catalog, lines, rows)

        contest.add("`\\copy` to a temporary table, `INSERT … ON CONFLICT`", hand)
        contest.add("**ours, JSON**", ours, 0.5)
        return contest

    def on_conflict(self):
        names = ["_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id",
                 *records.SETS["wide"].properties]
        return "ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{n} = EXCLUDED.{n}" for n in names)

    def upsert(self, rows):
        """Half of the rows are known. Everybody gets the table that the connector made, with its three indexes."""
        bench = self.bench
        first, second = bench.lines("wide", rows), bench.lines("wide", rows, rows // 2 + 1, 2)
        contest = Contest(f"upsert, half of {rows:,} records of set wide known", rows, os.path.getsize(second))
        catalog = self.catalog("wide", "append_dedup", **KEYED)
        copied, _ = self.template("wide", rows, second, self.catalog("wide", "append"))
        total = rows + rows // 2

        def hand(*statements):
            def load():
                bench.drop()
                self.write(catalog, first, rows)
                sample = bench.psql(
                    "BEGIN", f"CREATE TEMPORARY TABLE staged (LIKE {OURS}) ON COMMIT DROP",
                    f"\\copy staged FROM '{copied}' (FORMAT binary)", *statements, "COMMIT",
                )
                bench.expect_rows(OURS, total)
                return sample
            return load

        def ours():
            bench.drop()
            self.write(catalog, first, rows)
            return self.write(catalog, second, rows, total)

        contest.add("`\\copy` to a temporary table, `ANALYZE`, `DELETE … USING`, `INSERT`", hand(
            "ANALYZE staged", f"DELETE FROM {OURS} t USING staged s WHERE t.id = s.id",
            f"INSERT INTO {OURS} SELECT * FROM staged",
        ))
        contest.add("`\\copy` to a temporary table, `INSERT … ON CONFLICT`", hand(
            f"INSERT INTO {OURS} SELECT * FROM staged {self.on_conflict()}",
        ))
        contest.add("**ours, JSON**", ours, 0.7)
        return contest

    def tools(self, rows):
        """Programs that take JSON lines themselves."""
        bench = self.bench
        lines = bench.lines("wide", rows)
        contest = Contest(f"other tools from JSON lines, {rows:,} records of set wide", rows, os.path.getsize(lines))
        catalog = self.catalog("wide", "append")

        def ours():
            bench.drop()
            return self.write(catalog, lines, rows)

        contest.add("**ours, JSON**", ours)
        for name, peer in peers.of_lines(bench, "wide", rows, lines):
            contest.add(name, peer)
        return contest
