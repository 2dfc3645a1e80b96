"""Airbyte's own lints of a specification, and of what `check` says, for a program: lint.py EXECUTABLE CONFIG..."""

import json
import pathlib
import subprocess
import sys

import jsonschema
from airbyte_cdk.models.connector_metadata import MetadataFile
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput
from airbyte_cdk.test.standard_tests import _spec_lint as lint

executable, metadata, *configs = sys.argv[1:]
NAME = "destination-postgres"


def run(*arguments):
    done = subprocess.run(
        [executable, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=True
    )
    return done, EntrypointOutput(messages=done.stdout.splitlines())


_, output = run("spec")
spec = lint.get_single_spec(output, connector_name=NAME)
lint.assert_spec_is_valid(spec, connector_name=NAME)
known = MetadataFile.from_file(pathlib.Path(metadata)).data
assert known.dockerImageTag and known.dockerRepository, known
for path in configs:
    config = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    jsonschema.validate(config, spec.connectionSpecification)
    done, output = run("check", "--config", path)
    assert len(output.connection_status_messages) == 1, done.stdout
    lint.assert_no_secrets_in_output(output, spec=spec, config=config, verb="check", connector_name=NAME)
print("ok")
