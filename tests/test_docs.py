"""The documents tell the truth: links, files, names, commands and options exist, and the API's examples run."""

import ast
import functools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(path for folder in (".", "docs", "demo", "pretrained") for path in (ROOT / folder).glob("*.md"))
PLACES = ("*.py", "*/*.py", "interactive/*/*.py", "tests/**/*.py")
PYTHON_FILES = {path.relative_to(ROOT).as_posix() for pattern in PLACES for path in ROOT.glob(pattern)}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z]\w*")
HELP_OF_ALL = """
import contextlib, io, json, runpy, sys
texts = {}
for command in json.loads(sys.argv[1]):
    first, *rest = command.split()
    sys.argv = [*command.split(), "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        if first.endswith(".py"):
            runpy.run_path(first, run_name="__main__")
        else:
            runpy.run_module(first, run_name="__main__")
    texts[command] = text.getvalue()
print(json.dumps(texts))
"""


def prose(document: Path) -> str:
    """Return a document without its fenced code."""
    return FENCE.sub("", document.read_text())


def command_lines(document: Path) -> list[str]:
    """List the lines of a document's shell code, and the commands in its running text."""
    blocks = [code for language, code in FENCE.findall(document.read_text()) if language == "bash"]
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return lines + [code for code in INLINE_CODE.findall(prose(document)) if code.startswith(("python ", "torchrun "))]


def parse_command(line: str) -> tuple[str, list[str]] | None:
    """Split a line into one of our commands, such as ``train.py`` or ``scripts.demo``, and its options.

    Returns:
        None if the line calls no Python program, or one from elsewhere.
    """
    words = shlex.split(line.replace("[", " ").replace("]", " "), comments=True)
    if not {"python", "torchrun"} & {*words}:
        return None
    for index, word in enumerate(words):
        if word.endswith(".py") or word.startswith("scripts."):
            rest = words[index + 1 :]
            if word == "benchmark.py" and rest:
                word, rest = f"{word} {rest[0]}", rest[1:]
            return word, [option.split("=")[0] for option in rest if OPTION.fullmatch(option.split("=")[0])]
    return None


def commands_of(document: Path) -> list[tuple[str, list[str]]]:
    """List the commands of ours that a document shows, with their options; ``scripts.NAME`` stands for any."""
    found = [parse_command(line) for line in command_lines(document)]
    return [command for command in found if command is not None and command[0] != "scripts.NAME"]


def file_of(command: str) -> str:
    """Name the file of a command."""
    name = command.split()[0]
    return name if name.endswith(".py") else name.replace(".", "/") + ".py"


@functools.cache
def help_texts() -> dict[str, str]:
    """Read the help of every command that the documents show with options; one process shows them all."""
    shown = {command for document in DOCUMENTS for command, options in commands_of(document) if options}
    known = sorted(command for command in shown if file_of(command) in PYTHON_FILES)
    program = [sys.executable, "-c", HELP_OF_ALL, json.dumps(known)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def names_defined(path: Path) -> set[str]:
    """Names that a module defines at its top level."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_links_lead_to_files(document: Path) -> None:
    links = [link.split("#")[0] for link in LINK.findall(prose(document)) if "://" not in link and link[0] != "#"]
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_python_files_and_names_exist(document: Path) -> None:
    basenames = {Path(file).name for file in PYTHON_FILES}
    for code in INLINE_CODE.findall(prose(document)):
        match = re.fullmatch(r"([\w/]+\.py)(?:: (\w+))?", code)
        if match is None:
            continue
        file, name = match.groups()
        assert file in PYTHON_FILES or ("/" not in file and file in basenames), f"no file {file}"
        assert name is None or name in names_defined(ROOT / file), f"{file} has no {name}"


def test_commands_and_options_exist(document: Path) -> None:
    for command, options in commands_of(document):
        assert file_of(command) in PYTHON_FILES, f"no command {command}"
        if options:
            missing = [option for option in options if option not in OPTION.findall(help_texts()[command])]
            assert missing == [], f"{command} has no such option"


@pytest.mark.long
def test_examples_of_the_python_api_run(tmp_path: Path) -> None:
    """All examples run one after the other, in a folder that holds nothing but what they read."""
    for name in ("demo", "pretrained", "hubconf.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    examples = "".join(code for language, code in FENCE.findall((ROOT / "docs/python.md").read_text()))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-c", examples]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for line in ("00007 (1, 2, 3) (480, 854)", "(1,) (1, 3)", "(1, 2, 3) (4, 480, 854)", "an image of float32 from"):
        assert line in done.stdout
