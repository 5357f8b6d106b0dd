"""The house rules: who may import whom, no giants, no printing and no command-line flags in library modules."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARIES = {  # room -> the rooms and modules of the project that it may import, beside itself
    "util": set(),
    "model": {"util"},
    "output": {"util"},
    "dataset": {"util"},
    "downloading": {"dataset", "util"},
    "inference_memory_bank": {"model", "util"},
    "inference_core": {"inference_memory_bank", "model", "util"},
    "tracking": {"inference_core", "output", "dataset", "model", "util"},
    "tracker": {"tracking", "output", "dataset", "model", "util"},
    "evaluation": {"tracker", "tracking", "output", "dataset", "model", "util"},
    "interactive": {
        "training",
        "evaluation",
        "tracker",
        "tracking",
        "inference_core",
        "inference_memory_bank",
        "output",
        "dataset",
        "model",
        "util",
    },
    "training": {"evaluation", "tracker", "output", "dataset", "model", "util"},
}
BENCHMARKING = LIBRARIES.keys() - {"downloading"}
MODULES = sorted(
    path
    for pattern in ("*.py", *(f"{room}/**/*.py" for room in (*LIBRARIES, "benchmarking", "scripts")))
    for path in ROOT.glob(pattern)
)
COMMAND = "interactive.py"  # the one command that is named like the room that it serves
COMMANDS = {path.stem for path in ROOT.glob("*.py")} - LIBRARIES.keys()
SPEAKS_TO_USERS = {"util/script.py", "util/signals.py", "downloading/options.py"}  # its last words, a question
READS_OPTIONS = {
    "util/script.py",
    "util/options.py",
    "evaluation/options.py",
    "evaluation/choices.py",
    "evaluation/stream_options.py",
    "training/options.py",
    "training/common_options.py",
    "downloading/options.py",
    "interactive/training/options.py",
    "interactive/prompt_options.py",
    "interactive/network_options.py",
}


def room_of(path: Path) -> str:
    if path.parent != ROOT:
        return path.relative_to(ROOT).parts[0]
    return path.name if path.name == COMMAND else path.stem


def imports_of(tree: ast.Module) -> set[str]:
    """Top-level names of what a module imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_keeps_the_house_rules(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module opens with a docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is too long"
        if isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names), "no star imports"
        is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        assert not (is_method and node.func.attr == "cuda"), "devices are chosen by .to(device)"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    room, found = room_of(path), imports_of(ast.parse(path.read_text()))
    assert not found & COMMANDS, "nothing imports a command"
    ours = found & {*LIBRARIES, "benchmarking", "scripts"}
    if room in LIBRARIES:
        assert ours <= {room, *LIBRARIES[room]}
    elif room == "benchmarking":
        assert ours <= {"benchmarking", *BENCHMARKING}
    else:
        assert "scripts" not in ours


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_libraries_neither_print_nor_know_flags(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if room_of(path) not in LIBRARIES:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if name not in SPEAKS_TO_USERS:
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"), "library modules log"
        if name not in READS_OPTIONS and isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not re.search(r"(?<![\w-])--[a-z]", node.value), f"a flag in a library: {node.value!r}"


def test_prose_begins_with_a_subject() -> None:
    """Docstrings and comments are sentences or names of things; none begins with "of", "that", "which" or "what"."""
    beginning = re.compile(r'"""(Of|That|Which|Whose|What) |# (of|that|which|whose|what) ')
    files = [path for path in ROOT.rglob("*.py") if not {".venv", ".git"} & set(path.relative_to(ROOT).parts)]
    lines = [(path.relative_to(ROOT), line) for path in files for line in path.read_text().splitlines()]
    assert [(str(path), line) for path, line in lines if beginning.search(line) and "re.compile" not in line] == []


def test_every_room_is_known() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert rooms == {*(room for room in LIBRARIES if (ROOT / room).is_dir()), "benchmarking", "scripts", "tests"}
