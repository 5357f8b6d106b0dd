"""``download_datasets.py --verify``: what is whole passes, each flaw is told with a command that mends it."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import download_datasets
from downloading.sources import DATA_SETS, DATA_SOURCES
from tests.conftest import remove
from tests.data_sets import BUILDERS, build, write_videos


@pytest.fixture
def verify(run_main: Callable, tmp_path: Path) -> Callable[..., tuple[int, str, list[str]]]:
    """Verify data sets: status, output, errors."""

    def verify(*names: str) -> tuple[int, str, list[str]]:
        status, out, err = run_main(download_datasets.main, "--root", tmp_path, "--verify", "--only", *names)
        return status, out, [line for line in err.splitlines() if line.startswith("error: ")]

    return verify


def test_whole_data_sets_pass(tmp_path: Path, verify: Callable) -> None:
    build(tmp_path, *BUILDERS, is_full=True)
    status, out, errors = verify("static", "davis2016", "davis2017", "youtube2018")
    assert (status, errors) == (0, [])
    for line in (
        "static: sets of photographs: 6 of 6, 6 frames",
        "DAVIS/2016: sequences of val: 20 of 20, 40 frames",
        "trainval: sequences of train: 60 of 60, 120 frames",
        "trainval: sequences of val: 30 of 30, 60 frames",
        "test-dev: sequences of test-dev: 30 of 30, 60 frames",
        "YouTube2018/valid: sequences: 474 of 474, 948 frames",
        "valid_all_frames: sequences: 474 of 474, 1422 frames",
        "no flaws found",
    ):
        assert line in out


def damage(name: str) -> Callable[[Path], None]:
    """Cut a file short."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-30])


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("davis2016", damage("JPEGImages/480p/v000/00001.jpg"), "JPEGImages/480p/v000/00001.jpg: cannot be decoded"),
        ("davis2016", damage("Annotations/480p/v000/00001.png"), "v000/00001.png: cannot be decoded"),
        ("davis2016", remove("JPEGImages/480p/v001"), "JPEGImages/480p/v001: no frames"),
        ("davis2016", remove("Annotations/480p/v001"), "v001: mask 00000 and 1 more missing"),
        ("davis2016", remove("JPEGImages/480p/v001/00000.jpg"), "v001: frame 00000 and 0 more missing"),
        ("davis2017_trainval", remove("ImageSets/2017/train.txt"), "train.txt: no readable list"),
        ("davis2017_testdev", remove("Annotations/480p/v001"), "v001: mask 00000 and 1 more missing"),
        ("static", remove("ecssd"), "static: 5 sets of photographs, not 6"),
        ("static", remove("ecssd/1.png"), "static/ecssd: no image with a mask beside it"),
        ("youtube2018_valid", remove("JPEGImages/v001"), "YouTube2018/valid: 1 sequences, not 474"),
        ("youtube2018_all_frames", remove("JPEGImages/v001/00001.jpg"), "v001: frame 00001 and 0 more missing"),
    ],
)
def test_each_flaw_is_told_with_the_command_that_mends_it(
    tmp_path: Path, verify: Callable, name: str, spoil: Callable[[Path], None], told: str
) -> None:
    build(tmp_path, *(other for other in BUILDERS if other.split("_")[0] == name.split("_")[0]))
    folder = tmp_path / DATA_SOURCES[name].target
    spoil(folder)
    status, _, errors = verify(name)
    assert status == 1
    (command,) = (error.split("; mend it with: ")[1] for error in errors if told in error)
    assert command == f"mv {folder} {folder}.damaged && python download_datasets.py --only {name} --root {tmp_path}"


def test_sequences_are_counted(tmp_path: Path, verify: Callable) -> None:
    build(tmp_path, *BUILDERS)
    errors = verify(*DATA_SETS)[2]
    for told in ("2 sequences of val, not 20", "4 sequences of train, not 60", "2 sequences of val, not 30"):
        assert any(told in error for error in errors)
    for told in ("2 sequences of test-dev, not 30", "2018/valid: 2 sequences, not 474", "frames: 2 sequences, not 474"):
        assert any(told in error for error in errors)


def test_many_flaws_are_summed_up(tmp_path: Path, verify: Callable) -> None:
    build(tmp_path, "davis2016", is_full=True)
    shutil.rmtree(tmp_path / "DAVIS/2016/JPEGImages/480p")
    _, _, errors = verify("davis2016")
    assert len(errors) == 11
    assert "10 more such flaws" in errors[-1]


def test_missing_data_is_told_with_the_download(tmp_path: Path, verify: Callable) -> None:
    status, _, errors = verify(*DATA_SETS)
    assert status == 1
    assert [error.split("; mend it with: ")[1] for error in errors] == [
        f"python download_datasets.py --only {name} --root {tmp_path}" for name in DATA_SOURCES
    ]


@pytest.mark.parametrize(
    ("name", "lies_in"),
    [
        ("davis2016", "DAVIS/DAVIS"),
        ("davis2016", "DAVIS"),
        ("davis2016", "DAVIS/2016/DAVIS"),
        ("davis2017_trainval", "DAVIS/2017/DAVIS"),
        ("davis2017_trainval", "DAVIS/2017"),
        ("davis2017_trainval", "DAVIS/trainval"),
        ("davis2017_trainval", "DAVIS"),
        ("davis2017_testdev", "DAVIS/2017/DAVIS"),
        ("davis2017_testdev", "DAVIS/2017/test-dev/DAVIS"),
        ("static", "static/static"),
        ("youtube2018_valid", "YouTube2018/valid/valid"),
        ("youtube2018_all_frames", "YouTube2018/valid_all_frames"),
        ("youtube2018_all_frames", "YouTube2018/all_frames"),
        ("youtube2018_all_frames", "valid_all_frames"),
        ("youtube2018_all_frames", "YouTube2018/all_frames/valid_all_frames/valid_all_frames"),
    ],
)
def test_folders_in_the_wrong_place_are_moved(tmp_path: Path, verify: Callable, name: str, lies_in: str) -> None:
    build(tmp_path, *BUILDERS)
    target, aside, wrong = tmp_path / DATA_SOURCES[name].target, tmp_path / "aside", tmp_path / lies_in
    target.rename(aside)
    wrong.mkdir(parents=True, exist_ok=True)
    for child in list(aside.iterdir()):
        child.rename(wrong / child.name)
    status, _, errors = verify(name)
    assert status == 1
    flaw, command = errors[0].split("; mend it with: ")
    assert flaw == f"error: {target}: lies in {wrong}"
    subprocess.run(command, shell=True, check=True)
    assert not [
        error for error in verify(*DATA_SETS)[2] if "lies in" in error or "missing" in error and "2019" not in error
    ]


def test_other_folders_are_no_strays(tmp_path: Path, verify: Callable) -> None:
    build(tmp_path, *BUILDERS)
    for name in ("DAVIS/2016", "YouTube2018/valid"):
        shutil.rmtree(tmp_path / name)
    errors = verify("davis2016", "youtube2018_valid")[2]
    assert [": missing; " in error for error in errors] == [True, True]


def test_training_videos_are_verified_where_training_reads_them(tmp_path: Path, verify: Callable) -> None:
    train, resized = tmp_path / "YouTube/train", tmp_path / "YouTube/train_480p"
    write_videos(train, ["a", "01e64dd36a"])
    (train / "JPEGImages/01e64dd36a/00000.jpg").write_bytes(b"damaged, as is known")
    status, _, errors = verify("youtube2019_train")
    assert (status, "train_480p: not resized yet" in errors[0]) == (1, True)
    write_videos(resized, ["a"])
    damage("JPEGImages/a/00000.jpg")(resized)
    _, out, errors = verify("youtube2019_train")
    assert "train: sequences: 2 of 3471, 2 frames" in out
    told = ["2 sequences, not 3471", "1 sequences, not 3471", "cannot be decoded"]
    assert [error.split(": ", 2)[2].split(";")[0] for error in errors] == told
    move, move_resized = (f"mv {path} {path}.damaged && " for path in (train, resized))
    assert f"; mend it with: {move}{move_resized}python" in errors[0]
    assert f"; mend it with: {move_resized}python" in errors[2]
