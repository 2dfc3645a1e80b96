"""What every measurement needs: the server, the connector, and a child process whose use of everything is counted."""

import contextlib
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import records
from server import PASSWORD, Server, fail, say

SCHEMA = "bench"
MIB = 1 << 20


class Sample:
    """One run of one program."""

    def __init__(self, wall, usage, server_cpu=0.0, wal=0, machine_cpu=0.0):
        self.wall = wall
        self.client_cpu = usage.ru_utime + usage.ru_stime
        self.peak = usage.ru_maxrss * 1024
        self.server_cpu = server_cpu
        self.wal = wal
        # the part of the machine that had other things to do
        self.disturbed = max(machine_cpu - self.client_cpu - server_cpu, 0) / (wall * os.cpu_count())


def machine_cpu_seconds():
    """What all processes of the machine have used so far."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, pathlib.Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def run_child(command, environment, stdin, stdout, stderr):
    """Runs a program to its end; answers wall seconds, its resource usage and its exit code."""
    begin = time.monotonic()
    child = subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=stderr)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - begin, usage, child.returncode


def median(samples, of):
    return statistics.median(getattr(sample, of) for sample in samples)


def spread(values, form):
    least, most = form.format(min(values)), form.format(max(values))
    middle = form.format(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({least} to {most})"


def configured(name, properties, mode, **more):
    """A stream in a configured catalog."""
    return {
        "stream": {
            "name": name,
            "json_schema": {"type": "object", "properties": properties},
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

    def made(self, name, suffix, sources, command):
        """A file below the work directory, made once by a command that writes to it. `sources` is what it depends on."""
        version = hashlib.sha256(b"".join(pathlib.Path(source).read_bytes() for source in sources)).hexdigest()[:12]
        path = self.work / f"{name}-{version}{suffix}"
        if not path.exists():
            say(f"making {path}")
            for old in self.work.glob(f"{name}-????????????{suffix}"):
                old.unlink()
            unfinished = path.with_suffix(".tmp")
            with open(unfinished, "wb") as out:
                subprocess.run(command, stdout=out, check=True)
            unfinished.rename(path)
        return path

    def lines(self, generator, rows, first_id=1, version=1):
        """Records of a set, as the connector reads them."""
        name = f"{generator}-{rows}-{first_id}"
        return self.made(name, ".jsonl", [records.__file__], made_by(generator, rows, first_id, version))

    def measured(self, command, environment=None, stdin=subprocess.DEVNULL, stdout=None, name="a load"):
        """Runs a program and counts what it and the server use."""
        self.server.settle()
        cpu, wal = self.server.cpu_seconds(), self.server.wal_position()
        machine = machine_cpu_seconds()
        wall, usage, code = run_child(command, environment, stdin, stdout, stdout)
        machine = machine_cpu_seconds() - machine
        if code != 0:
            fail(f"{name} failed with code {code}" + (f"; its messages are in {stdout.name}" if stdout else ""))
        written = self.server.wal_since(wal)
        time.sleep(0.3)
        return Sample(wall, usage, self.server.cpu_seconds() - cpu, written, machine)

    def write(self, catalog, source, states=None):
        """Loads a file, or what the command `source` writes, by the connector."""
        catalog_file, out_file = self.work / "catalog.json", self.work / "write.out"
        catalog_file.write_text(json.dumps(catalog))
        command = [self.connector, "write", "--config", str(self.config), "--catalog", str(catalog_file)]
        environment = os.environ | {"DESTINATION_BATCH_ROOTS": str(self.work)}
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(open(out_file, "wb"))
            if isinstance(source, list):
                stdin = stack.enter_context(subprocess.Popen(source, stdout=subprocess.PIPE)).stdout
            else:
                stdin = stack.enter_context(open(source, "rb"))
            sample = self.measured(command, environment, stdin, out, "the connector")
        seen = sum(b'"type":"STATE"' in line for line in open(out_file, "rb"))
        if states is not None and seen != states:
            fail(f"{seen} of {states} states were acknowledged; see {out_file}")
        return sample

    def psql(self, *statements):
        """Runs statements as any client would."""
        return self.measured(self.server.client_command(*statements), self.server.environment(), name="psql")

    def expect_rows(self, table, rows):
        found = int(self.server.in_bench(f"SELECT count(*) FROM {table}"))
        if found != rows:
            fail(f"table {table} holds {found} rows instead of {rows}")

    def drop(self, *schemas):
        for schema in schemas or (SCHEMA,):
            self.server.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE", database="bench")
