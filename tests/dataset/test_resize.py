"""Resizing videos and masks for training: sizes, ids, going on after an interruption."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset.resize import resize_videos
from scripts.resize_videos import main
from tests.conftest import files_in, read_ids
from tests.data_sets import PALETTE_OF_OURS, write_videos


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    root = tmp_path / "own"
    write_videos(root, ["a", "b"], size=(60, 100))
    write_videos(root, ["tall"], size=(80, 40))
    write_videos(root, ["same"], size=(48, 64))
    return root


def test_videos_are_resized(run_main: Callable, videos: Path, tmp_path: Path) -> None:
    output = tmp_path / "resized"
    arguments = ["--data_path", videos, "--output", output, "--size", 48]
    status, out, _ = run_main(main, *arguments)
    assert (status, files_in(output)) == (0, files_in(videos))
    for name, size in (("a", (80, 48)), ("tall", (48, 96)), ("same", (64, 48))):
        with Image.open(output / f"JPEGImages/{name}/00000.jpg") as frame:
            assert (frame.size, frame.mode) == (size, "RGB")
            assert np.abs(np.array(frame).astype(int) - 90).max() <= 1
        with Image.open(output / f"Annotations/{name}/00000.png") as mask:
            assert (mask.size, mask.getpalette()) == (size, PALETTE_OF_OURS)
        assert np.unique(read_ids(output / f"Annotations/{name}/00000.png")).tolist() == [0, 3, 200]
    assert (output / "JPEGImages/same/00000.jpg").read_bytes() == (videos / "JPEGImages/same/00000.jpg").read_bytes()
    status, _, err = run_main(main, *arguments)
    assert (status, "resized: is there already, and nothing is overwritten" in err) == (2, True)


def test_resizing_goes_on_after_an_interruption(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, gathered = tmp_path / "resized", tmp_path / ".resized.30.partial"
    save = Image.Image.save

    def interrupt_at_a_mask(image: Image.Image, path: Path, **options: object) -> None:
        save(image, path, **options)
        if path.suffix == ".png":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", interrupt_at_a_mask)
        with pytest.raises(KeyboardInterrupt):
            resize_videos(videos, output, 30)
    assert not output.exists()
    resized = {name: (gathered / name).stat().st_mtime_ns for name in files_in(gathered)}
    assert resized
    assert all(name.endswith(".jpg") for name in resized), "a file is written whole or not at all"
    resize_videos(videos, output, 30)
    assert {name: (output / name).stat().st_mtime_ns for name in resized} == resized, "nothing is written twice"
    assert files_in(output) == files_in(videos)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "resized"]


def test_unreadable_files_are_left_out_and_reported(
    run_main: Callable, videos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (videos / "JPEGImages/a/00000.jpg").write_bytes(b"damaged")
    (videos / "Annotations/b/00001.png").write_bytes(b"damaged")
    status, out, _ = run_main(main, "--data_path", videos, "--output", tmp_path / "resized")
    assert (status, "2 unreadable files are left out" in out) == (1, True)
    assert "JPEGImages/a/00000.jpg: unreadable frame" in caplog.text
    assert len(files_in(tmp_path / "resized")) == len(files_in(videos)) - 2
    status, _, err = run_main(main, "--data_path", tmp_path, "--output", tmp_path / "other")
    assert (status, f"{tmp_path / 'JPEGImages'}: no videos; expected" in err) == (2, True)


@pytest.mark.parametrize("size", ["0", "-1", "big"])
def test_a_size_that_is_none_is_refused(run_main: Callable, videos: Path, tmp_path: Path, size: str) -> None:
    status, _, err = run_main(main, "--data_path", videos, "--output", tmp_path / "resized", "--size", size)
    assert (status, "--size" in err) == (2, True)
