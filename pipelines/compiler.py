"""Compile pipelines to byte-stable YAML that embeds in each step only the gemtune modules the step imports.

KFP embeds a whole folder and stamps the clock into it. Vertex AI hashes a step's command into its cache key
(https://cloud.google.com/vertex-ai/docs/pipelines/configure-caching), so an untouched step would run, and be billed,
again after any edit anywhere and after every compilation.
"""

import ast
import base64
import bz2
import functools
import inspect
import io
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from kfp.compiler import Compiler

from components import BASE_IMAGE
from gemtune.spec import TuningSpec

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PACKAGE = "gemtune"
ARCHIVE = re.compile(r"(?<=__KFP_EMBEDDED_ARCHIVE_B64 = ')[^']*")
ARCHIVE_LIMIT = 95_000
"""Characters. Linux allows 131,072 in one argument, and the step's own program shares it with the archive."""


def form_of(wiring: Callable[..., None], **help_texts: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the decorator that gives a pipeline the parameters of the wiring it shares with others.

    The pipeline lists parameters of its own and takes the rest as keywords; KFP, which reads signatures, sees all of
    them, required ones first, each with its help text: the description of the spec's key.

    Args:
        wiring: Function whose parameters the pipeline hands on; its first one is the exit task.
        help_texts: Help texts of the pipeline's own parameters that are no keys of a spec.
    """

    def decorate(pipeline: Callable[..., None]) -> Callable[..., None]:
        *own, _ = inspect.signature(pipeline).parameters.values()
        _, *shared = inspect.signature(wiring).parameters.values()
        parameters = sorted([*shared, *own], key=lambda each: each.default is not each.empty)
        names = [each.name for each in parameters]
        described = {name: TuningSpec.model_fields[name].description for name in names if name not in help_texts}
        lines = [f"    {name}: {(described | help_texts)[name]}" for name in names]

        @functools.wraps(pipeline)
        def form(*values: Any) -> None:
            pipeline(**dict(zip(names, values, strict=True)))

        form.__doc__ = "\n".join([f"{pipeline.__doc__}", "", "Args:", *lines])
        form.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return form

    return decorate


def described(pipeline: Callable[..., None], **own: str) -> Callable[..., None]:
    """Give a pipeline function the help text of each of its parameters: its own, or that of the spec's key."""
    parameters = pipeline.__code__.co_varnames[: pipeline.__code__.co_argcount]
    lines = [f"    {name}: {own.get(name) or TuningSpec.model_fields[name].description}" for name in parameters]
    pipeline.__doc__ = "\n".join([f"{pipeline.__doc__}", "", "Args:", *lines])
    return pipeline


def compile_pipeline(pipeline: Any, image: str = "") -> str:
    """Return the YAML of one pipeline; equal sources give equal bytes, whenever and wherever.

    Args:
        pipeline: What `dsl.pipeline` made.
        image: Container image that has every package of every step: the steps install nothing. Empty: they install
            theirs when they start.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        Compiler().compile(pipeline, str(path))
        text = path.read_text(encoding="utf-8")
    header = "".join(f"{line}\n" for line in text.splitlines() if line.startswith("#"))
    spec = yaml.load(text, Loader=yaml.CSafeLoader)
    for executor in spec["deploymentSpec"]["executors"].values():
        if container := executor.get("container"):
            container["command"] = [embed(part) for part in container["command"]]
            if image and container["image"] == BASE_IMAGE:
                container |= {"image": image, "command": without_install(container["command"])}
    return header + yaml.dump(spec, Dumper=ReadableDumper, sort_keys=True, allow_unicode=True, width=120)


def without_install(command: list[str]) -> list[str]:
    """Return a step's command without the shell that first installs packages.

    Raises:
        ValueError: KFP writes commands in another way than it did.
    """
    if command[:2] != ["sh", "-c"] or "pip install" not in command[2] or command[3:5] != ["sh", "-ec"]:
        raise ValueError(f"found a command that starts with {command[:2]}, expected `sh -c` that runs pip install")
    return command[3:]


def image_files(yaml_text: str) -> dict[str, str]:
    """Return name → text of the files that an image is built from which has what a compiled pipeline's steps install.

    Each package has the hashes of requirements.lock, so that pip takes no other file for it.

    Raises:
        KeyError: A step installs what is not locked.
    """
    executors = yaml.load(yaml_text, Loader=yaml.CSafeLoader)["deploymentSpec"]["executors"].values()
    installs = [
        each["container"]["command"][2] for each in executors if each.get("container", {}).get("image") == BASE_IMAGE
    ]
    locked = locked_packages()
    packages = sorted(set(re.findall(r"'([\w.-]+==[^']+)'", "\n".join(installs))))
    # --no-deps: all that is required is listed, but for what kfp needs to compile and a step does not.
    install = "RUN python3 -m pip install --no-cache-dir --no-deps --require-hashes --requirement /requirements.txt"
    return {
        "Dockerfile": "\n".join([f"FROM {BASE_IMAGE}", "COPY requirements.txt /requirements.txt", install, ""]),
        "requirements.txt": "".join(f"{locked[package]}\n" for package in packages),
    }


def locked_packages() -> dict[str, str]:
    """Return `name==version` → its lines in requirements.lock, with the hash of every file of it."""
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text(encoding="utf-8").strip())
    return {entry.split()[0]: entry for entry in entries}


class ReadableDumper(yaml.SafeDumper):
    """Writes programs as block text, so that a diff of compiled/ reads like a diff of code."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value out; an alias would couple steps that merely look alike."""
        return True


def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write text of several lines as a block."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


ReadableDumper.add_representer(str, represent_text)


def embed(program: str) -> str:
    """Return a step's program with KFP's embedded folder replaced by the modules the step imports.

    bz2, because deflate differs between zlib and zlib-ng, and a gzip header between Python 3.12 and 3.13.
    """
    if not ARCHIVE.search(program):
        return program
    return ARCHIVE.sub(pack(import_closure(program)), program).replace("mode='r:gz'", "mode='r:bz2'")


def import_closure(program: str) -> dict[str, bytes]:
    """Return path → content of every file of the package that a program imports, however indirectly.

    A module brings along the data files that share its stem: page.py brings page.html.
    """
    files: dict[str, bytes] = {}
    seen: set[str] = set()
    queue = list(imports(program))
    while queue:
        module = queue.pop()
        if module in seen:
            continue
        seen.add(module)
        path = SOURCE.joinpath(*module.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not path.is_file():
            continue  # a name inside a module, not a module
        for file in sorted(path.parent.glob(f"{path.stem}.*")):
            files[file.relative_to(SOURCE).as_posix()] = file.read_bytes()
        queue += imports(path.read_text(encoding="utf-8"))
    return files


@functools.cache  # steps share most of their modules
def imports(program: str) -> frozenset[str]:
    """Return every dotted name of the package that a program may import, inside functions too, with its parents."""
    found: set[str] = set()
    for node in executed(ast.parse(program)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for parts in (name.split(".") for name in names):
            if parts[0] == PACKAGE:
                found |= {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return frozenset(found)


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, but for what only a type checker reads."""
    yield node
    if isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
        children: Iterable[ast.AST] = node.orelse
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from executed(child)


def pack(files: dict[str, bytes]) -> str:
    """Return a tar.bz2 as base64, the same text for the same files.

    Raises:
        ValueError: The archive would not fit into one argument of a command.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    archive = base64.b64encode(bz2.compress(buffer.getvalue())).decode()
    if len(archive) > ARCHIVE_LIMIT:
        raise ValueError(
            f"embedded modules take {len(archive)} characters, at most {ARCHIVE_LIMIT} fit: {sorted(files)}"
        )
    return archive


def unpack(program: str) -> dict[str, str]:
    """Return path → text of the files embedded in a compiled step's program; empty if there are none."""
    match = ARCHIVE.search(program)
    if not match:
        return {}
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(match[0])), mode="r:bz2") as tar:
        return {member.name: read_member(tar, member) for member in tar.getmembers()}


def read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    """Return one file of an archive as text."""
    file = tar.extractfile(member)
    return file.read().decode() if file else ""
