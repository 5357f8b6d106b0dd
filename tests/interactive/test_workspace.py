"""The workspace of a session: whole whenever the process ends, of one video, for one session at a time."""

import errno
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import numpy as np
import pytest

from interactive.models import Models
from interactive.session import Session
from tests.conftest import write_clip
from tests.interactive.conftest import assert_same, make_models, shown, summary, work
from util.errors import InputError


def test_the_next_commit_takes_nothing_from_one_that_failed(
    open_session: Callable, reopen: Callable, truth: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    session = open_session()
    session.import_mask(0, truth[0])
    with monkeypatch.context() as patch:
        patch.setattr("interactive.workspace.json.dumps", fail)
        with pytest.raises(OSError, match="No space left"):
            session.import_mask(3, truth[3])
    session.draw(1, [(20, 20)], 1)
    assert_same(reopen(), session)


def test_a_workspace_belongs_to_one_session_at_a_time(open_session: Callable, truth: np.ndarray) -> None:
    with open_session() as session:
        session.import_mask(1, truth[1])
        with pytest.raises(InputError, match="workspace: another run is writing to it"):
            open_session()
    with open_session() as again:
        assert_same(again, session)


def test_a_workspace_of_another_video_or_program_is_refused(
    open_session: Callable, models: Models, tmp_path: Path
) -> None:
    open_session().close()
    moved = shutil.copytree(tmp_path / "frames", tmp_path / "moved")  # with the times of the files
    Session(moved, models, tmp_path / "workspace").close()
    frame = next(moved.iterdir())
    frame.write_bytes(frame.read_bytes() + b"0")
    with pytest.raises(InputError, match=r"a session of .*frames, but bytes .*, changed .* differ; choose another"):
        Session(moved, models, tmp_path / "workspace")
    other, _ = write_clip(tmp_path / "other", 3)
    with pytest.raises(InputError, match="a session of .*frames, but files .* differ; choose another workspace"):
        Session(other, models, tmp_path / "workspace")
    with pytest.raises(InputError, match="holds .*.jpg but no session.json"):
        Session(other, models, other)
    for content in ("{}", "[]", '{"version": 1}', '{"version": 1, "commit": "x"}'):
        (tmp_path / "workspace" / "session.json").write_text(content)
        with pytest.raises(InputError, match="not a session"):
            open_session()


def micro_steps(session: Session, truth: np.ndarray) -> Iterator[None]:
    """Act, with a stop after each action and each frame of a round."""
    session.import_mask(1, truth[1])
    yield
    for _ in session.propagate():
        yield
    for act in work(session, truth)[2:7]:
        act()
        yield
    for _ in session.propagate():
        yield
    for act in (session.undo, session.redo, lambda: session.remove_object(2)):
        act()
        yield


def act_and_tell(clip: Path, workspace: Path, truth: np.ndarray, done: Synchronized) -> None:
    for _ in micro_steps(Session(clip, make_models(), workspace), truth):
        done.value += 1


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that begin as copies of another one")
def test_a_session_killed_at_any_moment_shows_the_last_finished_action(
    open_session: Callable, clip: Path, truth: np.ndarray, tmp_path: Path
) -> None:
    """The processes are copies of one that has not computed: threads, as this one has, are not copied."""
    session = open_session()
    states, start = [(summary(session), shown(session))], time.monotonic()
    for _ in micro_steps(session, truth):
        states.append((summary(session), shown(session)))
    session.close()
    step, processes = (time.monotonic() - start) / len(states), multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    generator, seen = np.random.default_rng(0), set()
    for _ in range(20):
        shutil.rmtree(tmp_path / "workspace")
        done = processes.Value("i", 0)
        child = processes.Process(target=act_and_tell, args=(clip, tmp_path / "workspace", truth, done))
        child.start()
        wanted, deadline = generator.integers(len(states) - 1), time.monotonic() + 30
        # A moment by the clock alone would depend on the machine's load.
        while done.value < wanted and child.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(generator.uniform(0, step))
        child.kill()
        child.join()
        with open_session() as again:
            found = next(
                number
                for number in (done.value, done.value + 1)  # the next one may have finished without having told
                if summary(again)[1:3] == states[number][0][1:3]
                and all(np.array_equal(mask, same) for mask, same in zip(shown(again), states[number][1]))
            )
        seen.add(found)
    assert len(seen) > 3
