"""Bad input of the eval_* commands for published data sets: one line, the right status, the others not lost."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import eval_davis
import eval_davis_2016
import eval_youtube
from tests.commands.conftest import write_meta
from tests.conftest import remove, results_in


@pytest.fixture
def run(run_main: Callable, weights: Path) -> Callable[..., tuple[int, str, str]]:
    return lambda script, *arguments: run_main(script.main, "--model", weights, *arguments)


def test_output_among_the_truth_is_refused(run, davis: Path) -> None:
    status, _, err = run(eval_davis, "--davis_path", davis, "--output", davis / "trainval/Annotations/480p/one")
    assert status == 2
    assert "would write into the input" in err


def write(path: str, text: str) -> Callable[[Path], None]:
    return lambda root: (root / path).write_text(text)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("trainval/ImageSets/2017/val.txt"), r"2017: no list .* for trainval/ImageSets/2017/val\.txt"),
        (remove("trainval"), r"2017: no list of the videos of DAVIS 2017 val"),
        (write("trainval/ImageSets/2017/val.txt", "\n \n"), r"val\.txt: an empty list"),
        (write("trainval/ImageSets/2017/val.txt", "ghost\n"), r"480p/ghost: no such file or folder"),
    ],
)
def test_unusable_davis_gets_one_line(run, davis: Path, tmp_path: Path, spoil, message: str) -> None:
    spoil(davis)
    status, out, err = run(eval_davis, "--davis_path", davis, "--output", tmp_path / "out")
    assert status == 2
    assert re.fullmatch(rf"eval_davis\.py: error: [^\n]*{message}[^\n]*\n", err), err
    assert not (tmp_path / "out").exists()


def odd_frame(root: Path) -> None:
    Image.new("RGB", (10, 10)).save(root / "trainval/JPEGImages/480p/one/00002.jpg")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("trainval/JPEGImages/480p/one"), r"one: no such file or folder"),
        (remove("trainval/Annotations/480p/one/00000.png"), r"one/00000\.png: no mask there"),
        (remove("trainval/Annotations/480p/one/00002.png"), r"one: lacks the masks of 1 frames, first 00002"),
        (
            remove("trainval/JPEGImages/480p/one/00000.jpg"),
            r"begins with frame 00001, but .*00000\.png is the first",
        ),
        (odd_frame, r"00002\.jpg: 10x10 pixels, but 00000\.jpg has 64x48"),
    ],
)
def test_one_bad_davis_video_does_not_lose_the_others(run, davis: Path, tmp_path: Path, spoil, message) -> None:
    """Nothing is computed of it, truth that cannot be scored included; an archive of an earlier run goes."""
    spoil(davis)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/submission.zip").write_text("of an earlier run")
    status, out, err = run(eval_davis, "--davis_path", davis, "--output", tmp_path / "out", "--score", "--zip")
    assert status == 1
    assert re.search(rf"^error: [^\n]*{message}", err, re.M), err
    assert "1 of 2 videos scored" in out
    masks = [f"two/{index:05d}.png" for index in range(4)]
    assert results_in(tmp_path / "out") == ["scores.csv", "scores.json", *masks]


def test_missing_davis_2016_names_both_lists(run, tmp_path: Path) -> None:
    status, _, err = run(eval_davis_2016, "--davis_path", tmp_path / "2016", "--output", tmp_path / "out")
    assert status == 2
    assert re.search(r"2016: no list .*ImageSets/480p/val\.txt, .*\.\./2017/trainval/ImageSets/2016/val\.txt", err)


def test_test_dev_cannot_be_scored(run, davis: Path, tmp_path: Path) -> None:
    arguments = ["--davis_path", davis, "--split", "testdev", "--score", "--output", tmp_path / "out"]
    status, _, err = run(eval_davis, *arguments)
    assert status == 2
    assert "truth of test-dev is not public; --zip" in err


def every_second_frame(root: Path) -> None:
    for path in root.glob("all_frames/valid_all_frames/JPEGImages/*/*[13579].jpg"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("all_frames"), r"valid_all_frames/JPEGImages: no such folder; .* every fifth frame only"),
        (remove("valid"), r"valid/Annotations: no such folder; set yv_path"),
        (remove("valid/meta.json"), r"meta\.json: unreadable \(No such file"),
        (every_second_frame, r"valid_all_frames/JPEGImages: holds every fifth frame only"),
        (write("valid/meta.json", "{"), r"meta\.json: not a meta\.json of YouTube-VOS"),
        (write("valid/meta.json", '{"videos": {"a": []}}'), r"meta\.json: not a meta\.json of YouTube-VOS"),
        (lambda root: write_meta(root, {}), r"meta\.json: lists no video"),
        (
            lambda root: write_meta(root, {"a": {"objects": {"1": {"frames": ["00000", "00099"]}}}}),
            r"JPEGImages/a: frame 00099 is asked for but absent",
        ),
        (
            lambda root: write_meta(root, {"a": {"objects": {}}}),
            r"JPEGImages/a: no frame from the first annotated one on is asked for",
        ),
    ],
)
def test_unusable_youtube_gets_one_line(run, youtube: Path, tmp_path: Path, spoil, message: str) -> None:
    spoil(youtube)
    status, _, err = run(eval_youtube, "--yv_path", youtube, "--output", tmp_path / "out", "--scales", 32)
    assert status == 2
    assert re.fullmatch(rf"eval_youtube\.py: error: [^\n]*{message}[^\n]*\n", err), err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--scales", 8), ("--scales", "big"), ("--kernel_sigma", -1), ("--mem_every", 0)]
)
def test_senseless_options_are_refused(run, tmp_path: Path, option: str, value: object) -> None:
    status, _, err = run(eval_davis, option, value, "--output", tmp_path / "out")
    assert status == 2
    assert f"argument {option}: " in err


# Several processes
