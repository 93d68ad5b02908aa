"""The house rules: who may import whom, and which names are not rooms."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"gemtune", "components", "pipelines", "scripts", "emulator"}
FOLDERS = {"gemtune": ROOT / "src/gemtune", **{name: ROOT / name for name in OURS - {"gemtune"}}}

MAY_IMPORT = {
    "gemtune": {"gemtune"},
    "components": {"components", "gemtune"},
    "pipelines": {"pipelines", "components", "gemtune"},
    "scripts": {"scripts", "pipelines", "components", "gemtune", "emulator"},
    # A second, independent reading of the API: sharing our request builders would let one misreading pass every test.
    "emulator": {"emulator"},
}
TOO_SLOW_FOR_A_STEP = ("kfp", "google.cloud.aiplatform")
ENVIRONMENT_READERS = {ROOT / "src/gemtune/vertex.py"}


def sources(package: str) -> list[Path]:
    return sorted(FOLDERS[package].rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path, *, module_level: bool = False) -> Iterator[str]:
    tree = parsed(path)
    for node in tree.body if module_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; steps embed what absolute imports name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# While tests are collected, no other thread runs: in Python 3.11 two that parse at once disturb each other.
for package in OURS:
    for source in sources(package):
        parsed(source)


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("package", sorted(OURS))
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    for path in sources(package):
        upward = {name for name in imports(path) if top(name) in OURS - MAY_IMPORT[package]}
        assert not upward, f"{path.relative_to(ROOT)} imports {upward}"


def test_steps_do_not_pay_for_kfp_or_aiplatform() -> None:
    for path in sources("gemtune"):
        slow = {name for name in imports(path) if name.startswith(TOO_SLOW_FOR_A_STEP)}
        assert not slow, f"{path.relative_to(ROOT)} imports {slow}"


def test_a_component_imports_at_module_level_only_kfp_and_the_decorator() -> None:
    for path in sources("components"):
        if path.name == "__init__.py":
            continue
        names = {name for name in imports(path, module_level=True) if top(name) not in ("kfp", "typing")}
        assert names == {"components.component"}, path.name


def test_a_component_file_holds_one_function_of_its_own_name() -> None:
    for path in sources("components"):
        if path.name == "__init__.py":
            continue
        tree = parsed(path)
        assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == [path.stem]


def test_the_environment_is_read_in_one_module() -> None:
    for package in ("gemtune", "components", "pipelines"):
        for path in sources(package):
            text = path.read_text(encoding="utf-8")
            reads = "os.environ" in text or "getenv" in text
            assert not reads or path in ENVIRONMENT_READERS, path.relative_to(ROOT)


def test_pipelines_only_wire() -> None:
    for path in sources("pipelines"):
        if path.name in ("__init__.py", "compiler.py"):
            continue
        for node in ast.walk(parsed(path)):
            assert not isinstance(node, ast.If | ast.IfExp | ast.For | ast.While), f"{path.name}:{node.lineno}"


def test_every_module_opens_with_what_it_is_for() -> None:
    for package in OURS:
        for path in sources(package):
            assert ast.get_docstring(parsed(path)), path.relative_to(ROOT)


def test_no_room_is_without_a_name_of_its_own() -> None:
    nameless = {"utils", "common", "helpers", "base", "types", "misc"}
    assert not [path for package in OURS for path in sources(package) if path.stem in nameless]


def test_packages_re_export_nothing() -> None:
    for package in OURS - {"components"}:
        for path in FOLDERS[package].rglob("__init__.py"):
            assert not list(imports(path)), path.relative_to(ROOT)
