"""A private server with default settings, and what its processes use."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

PASSWORD = "bench"


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def fail(text):
    sys.exit(f"bench: {text}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """Lives as long as this object."""

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

    def in_bench(self, *statements):
        """Runs statements in the database of the benchmark, as the user of the loads."""
        return self.sql("SET ROLE bench", *statements, database="bench")

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
