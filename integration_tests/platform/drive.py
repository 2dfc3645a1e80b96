"""Lets PyAirbyte write what a source reads: drive.py EXECUTABLE CONFIG SOURCE SOURCE_CONFIG STRATEGY [cached]

EXECUTABLE and SOURCE are the connectors' programs, CONFIG and SOURCE_CONFIG files of JSON. Prints how many records were written.
"""

import json
import pathlib
import sys

import airbyte as ab

executable, config, source, source_config, strategy, *cached = sys.argv[1:]


def load(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


source = ab.get_source(
    pathlib.Path(source).name, local_executable=pathlib.Path(source), config=load(source_config), streams="*"
)
destination = ab.get_destination("destination-postgres", local_executable=pathlib.Path(executable), config=load(config))
destination.check()
result = destination.write(
    source, cache=None if cached else False, state_cache=None if cached else False, write_strategy=strategy
)
print(json.dumps({"written": result.processed_records}))
