"""gemtune: tune Gemini on Vertex AI Pipelines, and prove whether the tuning helped.

A verb's module is imported only when the verb is called: kfp takes seconds to import, google.cloud.aiplatform more.
"""

import importlib
import signal
import sys
from difflib import get_close_matches
from pathlib import Path

VERBS = {
    "run": "Run a tuning spec, follow it to its decision, and fetch the report.",
    "submit": "Submit a tuning spec as a pipeline job and return at once.",
    "check": "Check a data file, or the data of a tuning spec, as a run would, without a run.",
    "plan": "Say what a run of a tuning spec would use, create and cost. Nothing is paid and nothing is written.",
    "predict": "Answer one prompt with the settings of a spec.",
    "evaluate": "Compare any two models on a dataset, without tuning.",
    "jobs": "List the tuning jobs of a project, show one, or cancel one.",
    "report": "Fetch the report of a finished run and open it.",
    "compare": "Put two finished runs side by side.",
    "compile": "Compile the pipelines to compiled/, or check that it is up to date.",
    "publish": "Upload the compiled pipeline to where the console can start it.",
    "schedule": "Keep the schedule of a tuning spec as the spec says, pause it, or resume it.",
    "runs": "List the runs of a tuning spec, show one, or cancel one.",
    "setup": "Make what the runs of a tuning spec need in a project: APIs, bucket, account, roles, repository.",
    "doctor": "Say whether a tuning spec can run, and for each thing that is wrong print the command that mends it.",
    "clean": "Delete what the runs of a tuning spec left in the cloud, after showing it and asking.",
    "schema": "Print the JSON Schema of a tuning spec.",
    "emulator": "Serve a local stand-in for Vertex AI and Cloud Storage.",
}
"""Verb → what it does: the first line of its module's docstring, repeated here to answer without importing it."""


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return the exit code: 0 done, 1 failed, 2 usage or spec, 3 the answer is no, 130 interrupted."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    verb, *rest = arguments
    if verb in ("-V", "--version"):
        print(f"gemtune {version()}")
        return 0
    if verb not in VERBS:
        print(unknown(verb), file=sys.stderr)
        return 2
    # What ends a job in CI, or a closed terminal, is an interruption like Ctrl-C: what was started is stopped.
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    try:
        return int(importlib.import_module(f"scripts.{verb}").main(rest))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    finally:
        if argv is None:
            # What there was to do is done; ending the interpreter takes a second in which Ctrl-C is a traceback.
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def unknown(verb: str) -> str:
    """Return what to say of a verb that there is not: the one that was meant, or all of them."""
    if near := get_close_matches(verb, VERBS, 1):
        return f"gemtune: found verb {verb!r}, did you mean `{near[0]}`?"
    return f"gemtune: found verb {verb!r}, expected one of {', '.join(VERBS)}: see `gemtune --help`"


def version() -> str:
    """Return the version of this checkout: gemtune is only used from one."""
    import tomllib

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def usage() -> str:
    """Return the help text."""
    lines = [(__doc__ or "").splitlines()[0], "", "usage: gemtune VERB [ARGUMENTS]", ""]
    lines += [f"  {verb:<10} {text}" for verb, text in VERBS.items()]
    return "\n".join([*lines, "", "`gemtune VERB --help` explains a verb; `gemtune --version` says which this is."])


if __name__ == "__main__":
    sys.exit(main())
