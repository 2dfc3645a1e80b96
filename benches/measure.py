"""The measuring part of benches/run, which says what it is for and passes the arguments."""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import records
from bastion import Bastion
from records import PROPERTIES, STATE_EVERY, STREAM

PASSWORD = "bench"
SCHEMA = "bench"
MIB = 1 << 20


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def fail(text):
    sys.exit(f"bench: {text}")


def configured(name, mode, **more):
    """A stream of wide records in a configured catalog."""
    return {
        "stream": {
            "name": name,
            "json_schema": {"type": "object", "properties": PROPERTIES},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "destination_sync_mode": mode,
        "generation_id": 0,
        "minimum_generation_id": 0,
        "sync_id": 1,
    } | more


def made_by(*arguments):
    """The command that writes records. A process of its own: a child's peak memory begins with its parent's."""
    return [sys.executable, records.__file__, *map(str, arguments)]


def generator_version():
    return hashlib.sha256(pathlib.Path(records.__file__).read_bytes()).hexdigest()[:12]


def wide_file(work, rows, first_id, version):
    path = work / f"wide-{rows}-{first_id}-{generator_version()}.jsonl"
    if not path.exists():
        say(f"making {path}")
        for old in work.glob(f"wide-{rows}-{first_id}-*"):
            old.unlink()
        unfinished = path.with_suffix(".tmp")
        with open(unfinished, "wb") as out:
            subprocess.run(made_by("wide", rows, first_id, version), stdout=out, check=True)
        unfinished.rename(path)
    return path


# --- The server ------------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A private server with default settings that lives as long as this object."""

    def __init__(self, major, psql):
        self.psql = psql
        self.port = free_port()
        self.directory = tempfile.mkdtemp(prefix="destination-postgres-bench.", dir="/var/tmp")
        os.chmod(self.directory, 0o755)
        self.process = subprocess.Popen(
            ["scripts/postgres", "run", self.directory, major, str(self.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )
        if self.process.stdout.readline().strip() != b"ready":
            fail("the server does not start")
        self.postmaster = int(self.sql("SELECT pg_read_file('postmaster.pid')").split()[0])
        self.sql(f"CREATE ROLE bench LOGIN PASSWORD '{PASSWORD}'")
        self.sql("CREATE DATABASE bench OWNER bench")
        self.version = self.sql("SHOW server_version").split()[0]

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def environment(self):
        # what a user's environment says about other servers must not count
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return clean | {
            "PGPASSWORD": PASSWORD, "PGSSLMODE": "disable", "PGOPTIONS": "-c client_min_messages=warning",
        }

    def sql(self, *statements, database="postgres"):
        """Runs statements as the superuser and answers their output."""
        command = [self.psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-p", str(self.port),
                   "-U", "postgres", "-d", database]
        for statement in statements:
            command += ["-c", statement]
        run = subprocess.run(command, env=self.environment(), check=True, stdout=subprocess.PIPE, text=True)
        return run.stdout.strip()

    def client_command(self, *statements):
        """psql as the connector connects: by TCP, with a password."""
        command = [self.psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench",
                   "-d", "bench"]
        for statement in statements:
            command += ["-c", statement]
        return command

    def settle(self):
        """Nothing of an earlier load may be paid for by the next."""
        self.sql("CHECKPOINT")
        # a backend takes a moment to be gone, and the checkpointer's work is counted when it is
        time.sleep(0.3)

    def cpu_seconds(self):
        """What the server has used so far: all its processes, also those that are gone."""
        ticks = 0
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            with contextlib.suppress(OSError):
                stat = pathlib.Path("/proc", entry, "stat").read_text()
                fields = stat.rpartition(")")[2].split()
                parent, own, children = int(fields[1]), fields[11:13], fields[13:15]
                if parent == self.postmaster:
                    ticks += sum(map(int, own))
                elif int(entry) == self.postmaster:
                    ticks += sum(map(int, own + children))
        return ticks / os.sysconf("SC_CLK_TCK")

    def wal_position(self):
        return self.sql("SELECT pg_current_wal_lsn()")

    def wal_since(self, position):
        return int(self.sql(f"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{position}')::bigint"))


# --- Measuring -------------------------------------------------------------------------------------------------------


class Sample:
    """One run of one program."""

    def __init__(self, wall, usage, server_cpu=0.0, wal=0):
        self.wall = wall
        self.client_cpu = usage.ru_utime + usage.ru_stime
        self.peak = usage.ru_maxrss * 1024
        self.server_cpu = server_cpu
        self.wal = wal


def run_child(command, environment, stdin, stdout, stderr):
    """Runs a program to its end; answers wall seconds, its resource usage and its exit code."""
    begin = time.monotonic()
    child = subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=stderr)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - begin, usage, child.returncode


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = pathlib.Path(options.work).resolve()
        self.connector = os.path.abspath(options.connector)
        self.server = Server(options.postgres, options.psql)
        self.config = self.work / "config.json"
        self.configure({})

    def configure(self, more):
        """What the connector reads from now on."""
        self.config.write_text(json.dumps({
            "host": "127.0.0.1", "port": self.server.port, "database": "bench", "schema": SCHEMA,
            "username": "bench", "password": PASSWORD, "ssl": False,
        } | more))

    def measured(self, run):
        """Runs `run` and adds what the server used."""
        self.server.settle()
        cpu, wal = self.server.cpu_seconds(), self.server.wal_position()
        wall, usage = run()
        written = self.server.wal_since(wal)
        time.sleep(0.3)
        return Sample(wall, usage, self.server.cpu_seconds() - cpu, written)

    def write(self, catalog, source, states=None):
        """Loads a file, or what the command `source` writes, by the connector."""
        catalog_file, out_file = self.work / "catalog.json", self.work / "write.out"
        catalog_file.write_text(json.dumps(catalog))
        command = [self.connector, "write", "--config", str(self.config), "--catalog", str(catalog_file)]

        def run():
            with contextlib.ExitStack() as stack:
                out = stack.enter_context(open(out_file, "wb"))
                if isinstance(source, list):
                    stdin = stack.enter_context(subprocess.Popen(source, stdout=subprocess.PIPE)).stdout
                else:
                    stdin = stack.enter_context(open(source, "rb"))
                wall, usage, code = run_child(command, None, stdin, out, out)
            if code != 0:
                fail(f"the connector failed with code {code}; its messages are in {out_file}")
            return wall, usage

        sample = self.measured(run)
        seen = sum(b'"type":"STATE"' in line for line in open(out_file, "rb"))
        if states is not None and seen != states:
            fail(f"{seen} of {states} states were acknowledged; see {out_file}")
        return sample

    def copy(self, data, table, indexes):
        """Makes the table, then loads its rows by \\copy and builds the indexes."""
        self.server.sql(
            "DROP SCHEMA IF EXISTS reference CASCADE", "CREATE SCHEMA reference AUTHORIZATION bench", table,
            database="bench",
        )
        command = self.server.client_command(
            f"\\copy reference.{STREAM} FROM '{data}' (FORMAT binary)", *indexes
        )
        nothing = subprocess.DEVNULL

        def run():
            wall, usage, code = run_child(command, self.server.environment(), nothing, nothing, None)
            if code != 0:
                fail("psql failed")
            return wall, usage

        sample = self.measured(run)
        self.expect_rows("reference", self.options.rows)
        return sample

    def expect_rows(self, schema, rows):
        found = int(self.server.sql(f"SELECT count(*) FROM {schema}.{STREAM}", database="bench"))
        if found != rows:
            fail(f"table {schema}.{STREAM} holds {found} rows instead of {rows}")

    def drop(self):
        self.server.sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE", database="bench")

    def definition(self, name):
        """Statements that make the reference table and its indexes as the connector made its own."""
        self.server.sql(
            "CREATE SCHEMA IF NOT EXISTS template",
            f"CREATE TABLE template.{name} (LIKE {SCHEMA}.{STREAM} INCLUDING DEFAULTS)",
            "GRANT USAGE ON SCHEMA template TO bench", "GRANT SELECT ON ALL TABLES IN SCHEMA template TO bench",
            database="bench",
        )
        table = f"SET ROLE bench; CREATE TABLE reference.{STREAM} (LIKE template.{name} INCLUDING DEFAULTS)"
        indexes = self.server.sql(
            f"SELECT indexdef FROM pg_indexes WHERE schemaname = '{SCHEMA}' ORDER BY indexname", database="bench"
        )
        return table, [line.replace(f" {SCHEMA}.", " reference.") for line in indexes.splitlines()]

    # --- speed

    def speed(self):
        rows, runs = self.options.rows, self.options.runs
        first = wide_file(self.work, rows, 1, 1)
        second = wide_file(self.work, rows, rows // 2 + 1, 2)
        copied = self.work / f"rows-{os.getpid()}.copy"
        append = {"streams": [configured(STREAM, "append")]}
        dedup = {"streams": [configured(
            STREAM, "append_dedup", primary_key=[["id"]], cursor_field=["updated_at"]
        )]}
        states = (rows + STATE_EVERY - 1) // STATE_EVERY
        samples = {name: [] for name in LOADS}

        # pays for what is paid once: reading the program, the server's caches
        self.write(append, first)
        self.expect_rows(SCHEMA, rows)
        append_table = self.definition("append")
        self.copy_out(copied)
        self.drop()
        self.write(dedup, first)
        dedup_table = self.definition("dedup")
        self.drop()

        def load_append():
            samples["append"].append(self.write(append, first, states=states))
            self.expect_rows(SCHEMA, rows)
            self.copy_out(copied)
            self.drop()

        def load_dedup():
            samples["dedup"].append(self.write(dedup, first, states=states))
            self.expect_rows(SCHEMA, rows)

        def load_again():
            samples["again"].append(self.write(dedup, second, states=states))
            self.expect_rows(SCHEMA, rows + rows // 2)
            self.drop()

        def copy_append():
            samples["copy"].append(self.copy(copied, *append_table))

        def copy_dedup():
            samples["copy_key"].append(self.copy(copied, *dedup_table))

        try:
            for run in range(runs):
                say(f"run {run + 1} of {runs}")
                steps = [load_append, copy_append, load_dedup, copy_dedup, load_again]
                if run % 2:
                    steps = [copy_append, load_append, copy_dedup, load_dedup, load_again]
                for step in steps:
                    step()
        finally:
            copied.unlink(missing_ok=True)
        self.report_speed(samples, os.path.getsize(first))

    def copy_out(self, path):
        command = self.server.client_command(f"\\copy {SCHEMA}.{STREAM} TO '{path}' (FORMAT binary)")
        subprocess.run(command, env=self.server.environment(), check=True, stdout=subprocess.DEVNULL)

    def report_speed(self, samples, size):
        rows = self.options.rows
        runs = "one run" if self.options.runs == 1 else f"medians of {self.options.runs} runs (least to most)"
        print(f"{rows:,} records of {len(PROPERTIES)} columns, {size / rows:.0f} bytes of JSON each; PostgreSQL "
              f"{self.server.version} with default settings; {os.cpu_count()} processors; {runs}.\n")
        print("| load | wall s | rows/s | MB/s of JSON | client CPU s | server CPU s | peak memory MB | WAL MB "
              "| wall ÷ `\\copy` |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
        for name, (title, reference) in LOADS.items():
            these = samples[name]
            wall = statistics.median(s.wall for s in these)
            cells = [
                title,
                spread([s.wall for s in these], "{:.2f}"),
                f"{rows / wall:,.0f}",
                f"{size / wall / 1e6:.0f}" if reference else "",
                f"{statistics.median(s.client_cpu for s in these):.2f}",
                f"{statistics.median(s.server_cpu for s in these):.2f}",
                f"{max(s.peak for s in these) / MIB:.0f}" if reference else "",
                f"{statistics.median(s.wal for s in these) / MIB:.0f}",
                spread([s.wall / r.wall for s, r in zip(these, samples[reference])], "{:.2f}") if reference else "1",
            ]
            print("| " + " | ".join(cells) + " |")
        print("\n`\\copy` loads the final rows of the append run from a binary file into an empty table and builds the "
              "same indexes afterwards. Client and server share the processors.\n")

    # --- SSH

    def ssh(self):
        """The same append directly and through a bastion, taking turns."""
        rows, runs = self.options.rows, self.options.runs
        source = wide_file(self.work, rows, 1, 1)
        append = {"streams": [configured(STREAM, "append")]}
        bastion = Bastion(free_port())
        ways = {"directly": {}, "through the bastion": {"tunnel_method": bastion.tunnel()}}
        samples = {way: [] for way in ways}
        forwarded = []

        def load(way):
            self.configure(ways[way])
            before = bastion.cpu_seconds()
            sample = self.write(append, source)
            self.expect_rows(SCHEMA, rows)
            self.drop()
            return sample, bastion.cpu_seconds() - before

        try:
            for way in ways:
                load(way)
            for run in range(runs):
                say(f"run {run + 1} of {runs}")
                for way in sorted(ways, reverse=run % 2 == 1):
                    sample, sshd = load(way)
                    samples[way].append(sample)
                    if ways[way]:
                        forwarded.append(sshd)
        finally:
            bastion.close()
        direct, tunnelled = samples.values()
        print(f"{rows:,} records, append; PostgreSQL {self.server.version}, {bastion.version}, all on one machine with "
              f"{os.cpu_count()} processors; medians of {runs} runs (least to most).\n")
        print("| way | wall s | client CPU s | server CPU s | sshd CPU s |\n|---|--:|--:|--:|--:|")
        for way, these in samples.items():
            cells = [way, spread([s.wall for s in these], "{:.2f}")]
            cells += [f"{statistics.median(getattr(s, of) for s in these):.2f}" for of in ("client_cpu", "server_cpu")]
            cells.append(f"{statistics.median(forwarded):.2f}" if ways[way] else "")
            print("| " + " | ".join(cells) + " |")
        ratios = [d.wall / t.wall for d, t in zip(direct, tunnelled)]
        print(f"\nThroughput through the bastion ÷ directly: {spread(ratios, '{:.2f}')}.\n")

    # --- start

    def start(self):
        command = [self.connector, "spec"]
        walls = []
        for _ in range(20):
            begin = time.monotonic()
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
            walls.append((time.monotonic() - begin) * 1000)
        print(f"`spec`: {spread(walls, '{:.1f}')} ms from start to exit (20 runs), {self.spec_peak() / MIB:.1f} MB.\n")

    def spec_peak(self):
        """The peak when all output is made: the program waits at a pipe that is too small for it."""
        read, write = os.pipe()
        fcntl.fcntl(write, 1031, 4096)  # F_SETPIPE_SZ
        child = subprocess.Popen([self.connector, "spec"], stdin=subprocess.DEVNULL, stdout=write)
        os.close(write)
        time.sleep(0.5)
        status = pathlib.Path("/proc", str(child.pid), "status").read_text()
        with open(read, "rb") as rest:
            rest.read()
        child.wait()
        peaks = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")]
        return peaks[0] if peaks else float("nan")

    # --- memory

    def memory(self):
        print(f"Peak memory of the connector, PostgreSQL {self.server.version}:\n")
        print("| input | wall s | client CPU s | peak memory MB |")
        print("|---|--:|--:|--:|")
        for title, streams, source in (
            ("1,000,000 wide records", [STREAM], wide_file(self.work, 1_000_000, 1, 1)),
            ("2,000 streams of 50 wide records, interleaved", [f"s{n}" for n in range(2000)], made_by("interleaved")),
            ("300 records with an object of 5 MB", [STREAM], made_by("large_objects")),
            ("300 records with a text of 5 MB", [STREAM], made_by("large_texts")),
            ("3 records with a text of 64 MiB", [STREAM], made_by("huge_texts")),
        ):
            say(title)
            s = self.write({"streams": [configured(name, "append") for name in streams]}, source)
            self.drop_tables(streams)
            print(f"| {title} | {s.wall:.1f} | {s.client_cpu:.1f} | {s.peak / MIB:.0f} |", flush=True)
        print()

    def drop_tables(self, names):
        # not all in one transaction: each takes locks
        for at in range(0, len(names), 50):
            tables = ", ".join(f"{SCHEMA}.{name}" for name in names[at:at + 50])
            self.server.sql(f"DROP TABLE {tables}", database="bench")


# Each load with what its time is compared to.
LOADS = {
    "copy": ("`\\copy` + indexes of append", None),
    "append": ("`write`, append", "copy"),
    "copy_key": ("`\\copy` + indexes of append_dedup", None),
    "dedup": ("`write`, append_dedup, empty table", "copy_key"),
    "again": ("`write`, append_dedup, half of the keys known", "copy_key"),
}


def spread(values, form):
    least, most = form.format(min(values)), form.format(max(values))
    middle = form.format(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({least} to {most})"


def main():
    parser = argparse.ArgumentParser()
    for name in ("connector", "psql", "postgres", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--ssh", action="store_true")
    bench = Bench(parser.parse_args())
    try:
        if bench.options.memory:
            bench.memory()
        elif bench.options.ssh:
            bench.ssh()
        else:
            bench.speed()
            bench.start()
    finally:
        bench.server.close()


if __name__ == "__main__":
    main()
