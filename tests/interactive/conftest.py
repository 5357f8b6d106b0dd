"""Sessions on a synthetic clip, and actions of every kind."""

import shutil
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from interactive.interaction import DrawingMaker, Region
from interactive.models import Models
from interactive.session import Session
from model.network import STCN
from tests.conftest import write_clip
from tests.deterministic import fill_state_dict, synthetic_video

NUM_FRAMES = 6


def make_models() -> Models:
    network = STCN(size="small").eval()
    fill_state_dict(network.state_dict())
    return Models(network, DrawingMaker())


@pytest.fixture(scope="module")
def models() -> Models:
    return make_models()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path, NUM_FRAMES)[0]


@pytest.fixture
def truth() -> np.ndarray:
    return synthetic_video(NUM_FRAMES, 48, 64, 2)[1]


@pytest.fixture
def open_session(models: Models, clip: Path, tmp_path: Path) -> Callable[[], Session]:
    return lambda: Session(clip, models, tmp_path / "workspace")


@pytest.fixture
def reopen(models: Models, clip: Path, tmp_path: Path) -> Callable[[], Session]:
    """Open what the workspace holds now, beside the session that still works in it."""

    def open_copy() -> Session:
        copy = Path(tempfile.mkdtemp(dir=tmp_path)) / "copy"
        shutil.copytree(tmp_path / "workspace", copy)
        return Session(clip, models, copy)

    return open_copy


def shown(session: Session) -> list[np.ndarray]:
    return [session.ids(frame) for frame in range(NUM_FRAMES)]


def summary(session: Session) -> tuple:
    has_result = [session.has_result(frame) for frame in range(NUM_FRAMES)]
    return session.objects, session.interacted, session.changed, has_result


def assert_same(one: Session, other: Session) -> None:
    assert summary(one) == summary(other)
    assert all(np.array_equal(mask, same) for mask, same in zip(shown(one), shown(other)))


def work(session: Session, truth: np.ndarray) -> list[Callable[[], object]]:
    """Actions of every kind, to be done in this order."""
    return [
        lambda: session.import_mask(1, truth[1]),
        lambda: list(session.propagate()),
        lambda: session.add_object("dog", 7),
        lambda: session.scribble(4, [(20, 20), (30, 25)], 7),
        lambda: session.scribble(4, [(40, 10)], 1),
        lambda: session.scribble(4, [(10, 30)], 0, region=Region(4, 20, 40, 45)),
        lambda: session.draw(4, [(50, 40), (60, 40)], 2, thickness=5),
        lambda: list(islice(session.propagate(), 2)),  # cancelled after a frame
        lambda: session.rename_object(7, "cat"),
        lambda: session.reset(2, 1),
        lambda: session.remove_object(2),
        lambda: session.withdraw(1),
        lambda: session.reset(5),
        lambda: list(session.propagate("forward")),
    ]
