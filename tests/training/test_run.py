"""The training loop's records: tables, pictures; signals."""

import os
import signal
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from dataset.training_clip import Clip
from training.log import TrainingLog
from training.run import draw_clips, handled_signals


def test_a_torn_table_is_repaired_on_resuming(tmp_path: Path) -> None:
    (tmp_path / "scalars.csv").write_text("iteration,loss\n1,0.5\n2,0.4\n3,0.3\n\n4,")
    (tmp_path / "validation.csv").write_text("")
    with closing(TrainingLog(tmp_path, {}, start=2)) as log:
        log.scalars(3, {"loss": 0.25})
        log.scalars(3, {"J": 0.5}, table="validation")
    assert (tmp_path / "scalars.csv").read_text().split() == ["iteration,loss", "1,0.5", "2,0.4", "3,0.25"]
    assert (tmp_path / "validation.csv").read_text().split() == ["iteration,J", "3,0.5"]


def test_pictures_show_truth_above_prediction_for_each_clip() -> None:
    masks = torch.zeros(6, 3, 1, 16, 16, dtype=torch.uint8)
    masks[:, :, :, :8] = 255
    frames = torch.full((6, 3, 3, 16, 16), 100, dtype=torch.uint8)
    clips = Clip(frames, masks, torch.ones(6, 1, dtype=torch.bool), "c")
    picture = draw_clips(clips, torch.tensor([1.0, 0.0]).view(1, 1, 2, 1, 1).expand(6, 2, 2, 16, 16))
    assert picture.shape == (4 * 32, 48, 3)  # four of six clips
    assert (picture[:7] != 100).any(2).all()  # the object, tinted
    assert (picture[16:23, :16] != 100).any(2).all()  # the given mask
    assert (picture[16:32, 16:] == 100).all()  # nothing predicted
    assert np.array_equal(picture[:32], picture[32:64])


def test_signals_are_handled_for_a_while() -> None:
    noted, before = [], signal.getsignal(signal.SIGTERM)
    with handled_signals(lambda number, _: noted.append(number)):
        os.kill(os.getpid(), signal.SIGTERM)
    assert noted == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before
