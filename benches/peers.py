"""Other programs that load Postgres, from PyPI, each in an environment of its own below the work directory."""

import json
import os
import pathlib
import subprocess
import venv

import records
from server import PASSWORD, fail, say

# The versions that the figures in README.md are of.
PACKAGES = {
    "adbc": ["adbc-driver-postgresql", "pyarrow"],
    "pgpq": ["pgpq", "psycopg[binary]", "pyarrow"],
    "duckdb": ["duckdb", "pyarrow"],
    "dlt": ["dlt[postgres]"],
    "sling": ["sling"],
    "meltano": ["meltanolabs-target-postgres"],
}
SCRIPT = pathlib.Path(__file__).with_name("peer_loads.py")
SCHEMA = "peer"


def install(bench, name):
    """The directory of a peer's programs."""
    home = bench.options.venv.parent / f"peer-{name}"
    if not (home / "installed").exists():
        say(f"installing {', '.join(PACKAGES[name])}")
        venv.create(home, clear=True, with_pip=True)
        command = [home / "bin/pip", "install", "-q", "--disable-pip-version-check", *PACKAGES[name]]
        if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
            say(f"{name} cannot be installed here, so it is left out")
            return None
        # it fetches its program when it is first run
        if name == "sling" and subprocess.run([home / "bin/sling", "--version"], capture_output=True).returncode != 0:
            say("sling cannot fetch its program here, so it is left out")
            return None
        (home / "installed").touch()
    return home / "bin"


def url(bench):
    return f"postgresql://bench:{PASSWORD}@127.0.0.1:{bench.server.port}/bench"


def loader(bench, programs, rows, table, arguments, environment=None, command=None):
    """A load by a script of ours; the script says how long the load took, without the start of Python and of its libraries."""
    environment = os.environ | {"PGSSLMODE": "disable", "PEER_URL": url(bench)} | (environment or {})
    out_path = bench.work / "peer.out"

    def load():
        bench.drop(SCHEMA)
        bench.server.in_bench(f"CREATE SCHEMA {SCHEMA}")
        with open(out_path, "wb") as out:
            sample = bench.measured(
                command or [programs / "python", SCRIPT, *arguments], environment, stdout=out, name=arguments[0]
            )
        bench.expect_rows(table, rows)
        said = [line for line in out_path.read_text(errors="replace").splitlines() if line.startswith("seconds ")]
        if said:
            sample.wall = float(said[-1].split()[1])
        return sample

    return load


def wanted(bench, *names):
    for name in names:
        if name in bench.options.peers:
            programs = install(bench, name)
            if programs:
                yield name, programs


def of_files(bench, of, rows, path_of):
    """Loads of Arrow and Parquet into plain tables: without meta columns, JSON as text, since none of these does more. ADBC also makes
    a table with all columns of ours, which its files bring along."""
    for name, programs in wanted(bench, "adbc", "pgpq", "duckdb"):
        for form, title in (("arrow_file", "Arrow IPC"), ("parquet", "Parquet")):
            if name == "duckdb" and form == "arrow_file":
                continue
            for meta in [False, True] if name == "adbc" else [False]:
                arguments = [name, form, str(path_of(form, meta))]
                label = f"{name}, {title}" + (", all columns of ours" if meta else "")
                yield label, loader(bench, programs, rows, f"{SCHEMA}.records", arguments)


def of_lines(bench, of, rows, lines):
    """Loads of JSON lines: what is in each record's `data`."""
    data = bench.work / f"data-{of}-{rows}.jsonl"
    if not data.exists():
        with open(data, "w", encoding="utf-8") as out:
            for line in open(lines, encoding="utf-8"):
                if line.startswith('{"type":"RECORD"'):
                    out.write(json.dumps(json.loads(line)["record"]["data"], ensure_ascii=False) + "\n")
    for name, programs in wanted(bench, "dlt", "sling", "meltano"):
        if name == "sling":
            command = [programs / "sling", "run", "--src-stream", data.as_uri(), "--tgt-conn", "PEER",
                       "--tgt-object", f"{SCHEMA}.records", "--mode", "full-refresh"]
            environment = {"PEER": url(bench) + "?sslmode=disable", "HOME": str(bench.work)}
            yield "sling", loader(bench, programs, rows, f"{SCHEMA}.records", [name], environment, command)
        else:
            arguments = [name, str(data), json.dumps(records.SETS[of].properties)]
            yield name, loader(bench, programs, rows, f"{SCHEMA}.records", arguments)


def chosen(text):
    names = [name for name in text.split(",") if name]
    if names == ["all"]:
        return list(PACKAGES)
    unknown = [name for name in names if name not in PACKAGES and name != "none"]
    if unknown:
        fail(f"no such peer: {', '.join(unknown)}; there are {', '.join(PACKAGES)}")
    return [name for name in names if name != "none"]
