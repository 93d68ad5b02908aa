"""Compile the pipelines to compiled/, or check that it is up to date.

    gemtune compile
    gemtune compile --check
    gemtune compile --image REGION-docker.pkg.dev/PROJECT/REPO/IMAGE:TAG --output FOLDER

Unchanged sources give unchanged bytes, so what git shows as changed in compiled/ has changed. `--check` writes nothing
and ends with exit code 3 when a file is stale.

With `--image` the steps install nothing when they start: the image has it all. That is for projects that cannot reach
a package index, and saves a minute per step. FOLDER (`image` if not given) gets the YAML, the Dockerfile of the image
and its requirements.txt, which has the hashes of every package; building and pushing the image is up to you. compiled/
stays as it is.
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
    parser.add_argument("--image", metavar="URI", help="container image that has the packages of all steps")
    parser.add_argument("--output", metavar="FOLDER", type=Path, help="where YAML for --image goes; default: image")
    arguments = parser.parse_args(argv)
    if (arguments.image and arguments.check) or (arguments.output and not arguments.image):
        parser.error("--output goes with --image, and --check with neither: it is about compiled/")
    # Something to read while kfp is imported.
    print("compile   pipelines/", file=sys.stderr, flush=True)
    if arguments.image:
        return compile_for_image(arguments.image, arguments.output or Path("image"))
    fresh = generated()
    stale = [path for path, text in fresh.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(
            f"{path.relative_to(COMPILED.parent)}: {'stale: run `gemtune compile`' if arguments.check else 'written'}"
        )
        if not arguments.check:
            path.write_text(fresh[path], encoding="utf-8")
    if not stale:
        print("compiled/ is up to date", file=sys.stderr)
    return 3 if arguments.check and stale else 0


def generated() -> dict[Path, str]:
    """Return path → content of every file that is generated from the sources."""
    from gemtune import spec
    from gemtune.comparison import schema
    from scripts.schema import schema_text

    texts = {COMPILED / f"{name}.yaml": text for name, text in compiled().items()}
    schemas = {"spec": spec.json_schema(), "comparison": schema.json_schema()}
    return texts | {COMPILED / f"{name}.schema.json": schema_text(each) for name, each in schemas.items()}


def compiled(image: str = "") -> dict[str, str]:
    """Return file name → YAML of every pipeline.

    Args:
        image: Container image that has the packages of all steps; empty: each step installs its own.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of kfp, about versions to come
        from pipelines.compiler import compile_pipeline
        from pipelines.evaluation import evaluation
        from pipelines.tuning import tuning
        from pipelines.tuning_email import tuning_email

    pipelines = {"evaluation": evaluation, "tuning": tuning, "tuning-email": tuning_email}
    return {name: compile_pipeline(pipeline, image) for name, pipeline in pipelines.items()}


def compile_for_image(image: str, folder: Path) -> int:
    """Write YAML whose steps run in an image as it is, and the Dockerfile of that image, and return the exit code."""
    from pipelines.compiler import image_files

    remarks = [
        "Made by `gemtune compile --image`. Not built or pushed by gemtune, and not tried: there is no Docker where it",
        "is tested. What it installs is what the steps install in compiled/tuning.yaml, by hash.",
        f"    docker build --tag {image} {folder} && docker push {image}",
    ]
    files = {f"{name}.yaml": text for name, text in compiled(image).items()} | image_files(compiled()["tuning"])
    files["Dockerfile"] = "".join(f"# {line}\n" for line in remarks) + files["Dockerfile"]
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)
    print(f"build {image} from the Dockerfile before you submit", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
