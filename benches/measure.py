"""The measuring part of benches/run, which says what it is for and passes the arguments."""

import argparse
import pathlib

import extras
import long
import peers
import report
from bench import Bench
from server import fail, say
from speed import Loads

ROWS = 1_000_000
# Goals: the most that the time may be of the first load's in the table.
CONTESTS = {
    "wide": lambda loads, rows: loads.append("wide", rows, {"json": 0.7, "arrow_file": 0.65}),
    "narrow": lambda loads, rows: loads.append("narrow", rows * 5, {"json": 1.5}),
    "texts": lambda loads, rows: loads.append("texts", rows // 4, {}, arrow=False),
    "columns": lambda loads, rows: loads.append("columns", rows // 40, {}, arrow=False),
    "first": lambda loads, rows: loads.first_load(rows),
    "upsert": lambda loads, rows: loads.upsert(rows),
    # These take minutes for what others do in seconds.
    "tools": lambda loads, rows: loads.tools(max(rows // 20, 1000)),
}


def main():
    parser = argparse.ArgumentParser()
    for name in ("connector", "psql", "postgres", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--venv", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(CONTESTS))
    parser.add_argument("--peers", type=peers.chosen, default=peers.chosen("all"))
    parser.add_argument("--plot", type=pathlib.Path)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--ssh", action="store_true")
    parser.add_argument("--long", type=lambda names: names.split(","))
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in CONTESTS]:
        fail(f"no such contest: {', '.join(unknown)}; there are {', '.join(CONTESTS)}")
    bench = Bench(options)
    try:
        if options.memory:
            extras.memory(bench)
        elif options.ssh:
            extras.ssh(bench)
        elif options.long:
            long.measure(bench, options.long)
        else:
            speed(bench, names)
    finally:
        bench.server.close()


def speed(bench, names):
    contests = []
    for name in names:
        contest = CONTESTS[name](Loads(bench), bench.options.rows)
        for number in range(bench.options.runs):
            say(f"round {number + 1} of {bench.options.runs}")
            contest.round(number)
        bench.drop("bench", "reference", "template", peers.SCHEMA)
        print(report.table(contest, bench.server.version), flush=True)
        contests.append(contest)
        if bench.options.plot:
            bench.options.plot.write_text(report.plot(contests))
    print(extras.start(bench), flush=True)


if __name__ == "__main__":
    main()
