"""The house rules: who may import whom, no giants, no printing in library modules."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path
    for folder in (".", "model", "dataset", "util", "scripts", "benchmarking")
    for path in (ROOT / folder).glob("*.py")
)
# Room -> rooms of the project that it may import. A script is whatever is not named here.
MAY_IMPORT = {
    "util": {"util"},
    "model": {"model", "util"},
    "dataset": {"dataset", "util"},
    "inference_memory_bank": {"model.memory"},
    "inference_core": {"inference_memory_bank", "model", "util"},
    "scoring": {"dataset.frames", "util"},
    "evaluation_settings": {"inference_core", "util"},
    "segmentation": {"evaluation_settings", "inference_core", "model", "dataset", "util"},
    "evaluation": {"evaluation_settings", "segmentation", "scoring", "model", "dataset", "util"},
    "submission": {"dataset", "util"},
    "validation": {"evaluation_settings", "inference_core", "segmentation", "scoring", "model", "dataset", "util"},
    "training": {"model", "dataset", "util"},
    "training_settings": {"training", "model", "dataset", "util"},
    "benchmarking": {
        "benchmarking",
        "evaluation_settings",
        "inference_core",
        "inference_memory_bank",
        "segmentation",
        "model",
        "dataset",
        "util",
    },
    "downloading": {"dataset", "util"},
    "script": {"util"},
}
OURS = {*MAY_IMPORT, *(path.stem for path in ROOT.glob("*.py"))}


def room_of(path: Path) -> str:
    return path.stem if path.parent == ROOT else path.parent.name


def imports_of(tree: ast.Module) -> list[str]:
    """Modules of the project that a module imports."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name for name in names if name.split(".")[0] in OURS]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_keeps_the_house_rules(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module opens with a docstring"
    room = room_of(path)
    allowed = MAY_IMPORT.get(room)
    if allowed is not None:
        for name in imports_of(tree):
            assert name in allowed or name.split(".")[0] in allowed, f"{room} must not import {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is too long"
        if isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names), "no star imports"
        if room in ("util", "model", "dataset", "inference_core", "inference_memory_bank"):
            is_print = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
            assert not is_print, "library modules log"
        assert not (isinstance(node, ast.Attribute) and node.attr == "cuda" and not isinstance(node.value, ast.Name))
