"""The example of docs/interactive.md runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TESTS
from tests.test_docs import FENCE

ROOT = TESTS.parent


@pytest.mark.long
def test_the_example_runs(tmp_path: Path) -> None:
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    (example,) = (
        code for language, code in FENCE.findall((ROOT / "docs/interactive.md").read_text()) if "py" in language
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "(480, 854) (12,)" in done.stdout
    assert len(list((tmp_path / "my_session/masks").glob("*.png"))) > 0
