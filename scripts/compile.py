"""Compile the pipelines to compiled/, or check that it is up to date.

    gemtune compile
    gemtune compile --check

Unchanged sources give unchanged bytes, so what git shows as changed in compiled/ has changed. `--check` writes nothing
and ends with exit code 3 when a file is stale.
"""

import argparse
import sys
from pathlib import Path

COMPILED = Path(__file__).parents[1] / "compiled"


def main(argv: list[str] | None = None) -> int:
    """Compile or check, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune compile", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    check = parser.parse_args(argv).check
    stale = [path for path, text in generated().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(COMPILED.parent)}: {'stale: run `gemtune compile`' if check else 'written'}")
        if not check:
            path.write_text(generated()[path], encoding="utf-8")
    if not stale:
        print("compiled/ is up to date", file=sys.stderr)
    return 3 if check and stale else 0


def generated() -> dict[Path, str]:
    """Return path → content of every file that is generated from the sources."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of kfp, about versions to come
        from pipelines.compiler import compile_pipeline
        from pipelines.evaluation import evaluation
        from pipelines.tuning import tuning

    from scripts.schema import schema_text

    return {
        COMPILED / "tuning.yaml": compile_pipeline(tuning),
        COMPILED / "evaluation.yaml": compile_pipeline(evaluation),
        COMPILED / "spec.schema.json": schema_text(),
    }


if __name__ == "__main__":
    sys.exit(main())
