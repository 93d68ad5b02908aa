"""The tuning step as a process of its own, so that a test can kill it: python -m tests.tuning_step FOLDER ARGUMENTS."""

import json
import sys
from pathlib import Path

from kfp import dsl

from components.tune_model import tune_model

OUTPUTS = ("tuning_job", "curves", "metrics")


def main(folder: Path, arguments: dict[str, object]) -> None:
    """Run the step's function; outputs go to files, as on Vertex AI."""
    kinds = {"metrics": dsl.Metrics, "curves": dsl.Dataset}
    outputs = {name: kinds.get(name, dsl.Artifact)(name=name, uri=str(folder / name)) for name in OUTPUTS}
    values = tune_model.python_func(**arguments, **outputs, gcp_resources=str(folder / "gcp_resources"))
    (folder / "values.json").write_text(json.dumps(values))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
