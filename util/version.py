"""The version of the code."""

import functools
import os

import torch

from util.files import PROJECT_ROOT

RELEASE = "2.0.0"


@functools.cache
def find_commit() -> str | None:
    """The commit of the code; None outside of a clone."""
    if not (PROJECT_ROOT / ".git").exists():  # or a repository around the project would answer
        return None
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    try:
        import git  # raises various errors where the git program is missing

        return git.Repo(PROJECT_ROOT).head.commit.hexsha
    except Exception:
        return None


def describe_version() -> str:
    """Name the release, the commit if there is one, and PyTorch's version, in one line."""
    commit = find_commit()
    code = f"STCN {RELEASE}" if commit is None else f"STCN {RELEASE} (commit {commit[:10]})"
    return f"{code}, torch {torch.__version__}"
