"""``download_datasets.py --verify``: what is whole passes, each problem is reported, and how to fix the data set."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import download_datasets
from downloading.sources import DATA_SETS, DATA_SOURCES
from tests.conftest import remove
from tests.data_sets import BUILDERS, build, write_videos


@pytest.fixture
def verify(run_main: Callable, tmp_path: Path) -> Callable[..., tuple[int, str, list[str], list[str]]]:
    """Verify data sets: status, output, problems, remedies."""

    def verify(*names: str) -> tuple[int, str, list[str], list[str]]:
        status, out, err = run_main(download_datasets.main, "--root", tmp_path, "--verify", "--only", *names)
        problems, remedies = (
            [line.removeprefix(start) for line in err.splitlines() if line.startswith(start)]
            for start in ("error: ", "to fix ")
        )
        return status, out, problems, remedies

    return verify


def remedy(root: Path, name: str, *in_the_way: str) -> str:
    """Return the text that tells how to fix a source."""
    move = f"move {' and '.join(str(root / folder) for folder in in_the_way)} away, then " if in_the_way else ""
    return f"{name}: {move}run `python download_datasets.py --only {name} --root {root}`"


@pytest.fixture
def _few_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect one photograph of each set instead of the published thousands."""
    (static,) = DATA_SETS["static"]
    contents = tuple(replace(content, count=1 if content.count else None) for content in static.contents)
    monkeypatch.setitem(DATA_SETS, "static", (replace(static, contents=contents),))


@pytest.mark.usefixtures("_few_photographs")
def test_whole_data_sets_pass(tmp_path: Path, verify: Callable) -> None:
    build(tmp_path, *BUILDERS, is_full=True)
    status, out, problems, remedies = verify("static", "davis2016", "davis2017", "youtube2018")
    assert (status, problems, remedies) == (0, [], [])
    for line in (
        "static: photographs of fss: 1\n",
        "static: photographs of BIG_small: 1\n",
        "DAVIS/2016: sequences of val: 20 of 20, 40 frames",
        "trainval: sequences of train: 60 of 60, 120 frames",
        "trainval: sequences of val: 30 of 30, 60 frames",
        "test-dev: sequences of test-dev: 30 of 30, 60 frames",
        "Scribbles: in place",
        "YouTube2018/valid: sequences: 474 of 474, 948 frames",
        "valid_all_frames: sequences: 474 of 474, 1422 frames",
        "no problems found",
    ):
        assert line in out


def damage(name: str) -> Callable[[Path], None]:
    """Cut a file short."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-30])


@pytest.mark.parametrize(
    ("name", "spoil", "problem"),
    [
        ("davis2016", damage("JPEGImages/480p/v000/00001.jpg"), "JPEGImages/480p/v000/00001.jpg: cannot be decoded"),
        ("davis2016", damage("Annotations/480p/v000/00001.png"), "v000/00001.png: cannot be decoded"),
        ("davis2016", remove("JPEGImages/480p/v001"), "JPEGImages/480p/v001: no frames"),
        ("davis2016", remove("Annotations/480p/v001"), "Annotations/480p/v001: no masks"),
        ("davis2016", remove("Annotations/480p/v001/00001.png"), "v001: missing masks: 1, the first is 00001"),
        ("davis2016", remove("JPEGImages/480p/v001/00000.jpg"), "v001: missing frames: 1, the first is 00000"),
        ("davis2017_trainval", remove("ImageSets/2017/train.txt"), "train.txt: no readable list"),
        ("davis2017_testdev", remove("Annotations/480p/v001"), "v001: no masks"),
        ("static", remove("ecssd"), "static: no photographs of ecssd"),
        ("static", remove("BIG_small"), "static: no photographs of BIG_small"),
        ("static", remove("ecssd/1.png"), "static/ecssd/1.jpg: has no mask beside it"),
        ("youtube2018_valid", remove("JPEGImages/v001"), "YouTube2018/valid: 1 sequences, not 474"),
        ("youtube2018_all_frames", remove("JPEGImages/v001/00001.jpg"), "v001: missing frames: 1, the first is 00001"),
        ("youtube2018_valid", remove("meta.json"), "YouTube2018/valid/meta.json: missing or damaged"),
        ("youtube2018_valid", damage("meta.json"), "YouTube2018/valid/meta.json: missing or damaged"),
        ("youtube2018_all_frames", remove("JPEGImages/v001"), "JPEGImages/v001: no frames"),
    ],
)
def test_each_problem_is_reported_with_the_remedy(
    tmp_path: Path, verify: Callable, name: str, spoil: Callable[[Path], None], problem: str
) -> None:
    build(tmp_path, *(other for other in BUILDERS if other.split("_")[0] == name.split("_")[0]))
    spoil(tmp_path / DATA_SOURCES[name].target)
    status, _, problems, remedies = verify(name)
    assert status == 1
    assert len([found for found in problems if problem in found]) == 1
    assert remedies == [remedy(tmp_path, name, DATA_SOURCES[name].target)]


def test_sequences_are_counted(tmp_path: Path, verify: Callable) -> None:
    build(tmp_path, *BUILDERS)
    problems = verify(*DATA_SETS)[2]
    for expected in (
        "DAVIS/2016: 2 sequences of val, not 20",
        "4 sequences of train, not 60",
        "trainval: 2 sequences of val, not 30",
        "2 sequences of test-dev, not 30",
        "2018/valid: 2 sequences, not 474",
        "valid_all_frames: 2 sequences, not 474",
    ):
        assert any(expected in problem for problem in problems)


@pytest.mark.parametrize("is_link", [False, True])
def test_davis_2016_may_be_listed_by_davis_2017(tmp_path: Path, verify: Callable, is_link: bool) -> None:
    build(tmp_path, "davis2016", is_full=True)
    if is_link:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "DAVIS/2016").rename(tmp_path / "elsewhere/2016")
        (tmp_path / "DAVIS/2016").symlink_to(tmp_path / "elsewhere/2016")
    listed = tmp_path / "DAVIS/2017/trainval/ImageSets/2016"
    listed.mkdir(parents=True)
    (tmp_path / "DAVIS/2016/ImageSets/480p/val.txt").rename(listed / "val.txt")
    assert verify("davis2016")[0] == 0


@pytest.mark.parametrize("path", ["valid/meta.json", "valid/Annotations"])
def test_all_frames_are_not_blamed_for_a_damaged_validation_set(tmp_path: Path, verify: Callable, path: str) -> None:
    build(tmp_path, "youtube2018_valid", "youtube2018_all_frames", is_full=True)
    remove(path)(tmp_path / "YouTube2018")
    _, out, problems, remedies = verify("youtube2018")
    assert all(f"YouTube2018/{path}" in problem or "more such" in problem for problem in problems)
    assert remedies == [remedy(tmp_path, "youtube2018_valid", "YouTube2018/valid")]
    assert "valid_all_frames: sequences: 474 of 474, 1422 frames" in out


def test_many_problems_are_summed_up(tmp_path: Path, verify: Callable) -> None:
    build(tmp_path, "davis2016", is_full=True)
    shutil.rmtree(tmp_path / "DAVIS/2016/JPEGImages/480p")
    _, _, problems, _ = verify("davis2016")
    assert len(problems) == 11
    assert "10 more such problems" in problems[-1]


def test_missing_data_sets_are_reported_with_the_download(tmp_path: Path, verify: Callable) -> None:
    status, _, problems, remedies = verify(*DATA_SETS)
    assert status == 1
    assert all(problem.endswith(": missing") for problem in problems)
    assert remedies == [remedy(tmp_path, name) for name in DATA_SOURCES]


@pytest.mark.parametrize("inner", ["", "DAVIS"])
def test_a_folder_of_something_else_must_be_moved_away(tmp_path: Path, verify: Callable, inner: str) -> None:
    folder = tmp_path / "DAVIS/2016"
    (folder / inner / "JPEGImages").mkdir(parents=True)
    if not inner:
        (folder / "JPEGImages").rename(folder / "images")
    _, _, problems, remedies = verify("davis2016")
    assert problems == [f"{folder}: holds no JPEGImages"]
    assert remedies == [remedy(tmp_path, "davis2016", "DAVIS/2016")]


def test_training_videos_are_verified_where_training_reads_them(tmp_path: Path, verify: Callable) -> None:
    train, resized = tmp_path / "YouTube/train", tmp_path / "YouTube/train_480p"
    write_videos(train, ["a", "01e64dd36a"])
    (train / "JPEGImages/01e64dd36a/00000.jpg").write_bytes(b"damaged, as it was published")
    status, _, problems, remedies = verify("youtube2019_train")
    assert (status, problems) == (1, [f"{resized}: not resized yet"])
    assert remedies == [remedy(tmp_path, "youtube2019_train")]
    write_videos(resized, ["a"])
    damage("JPEGImages/a/00000.jpg")(resized)
    _, out, problems, remedies = verify("youtube2019_train")
    assert "train: sequences: 2 of 3471, 2 frames" in out
    causes = ["2 sequences, not 3471", "1 sequences, not 3471", "cannot be decoded"]
    assert [problem.split(": ", 1)[1] for problem in problems] == causes
    assert remedies == [remedy(tmp_path, "youtube2019_train", "YouTube/train", "YouTube/train_480p")]


@pytest.fixture
def _one_training_video(monkeypatch: pytest.MonkeyPatch) -> None:
    train, *others = DATA_SETS["youtube2019"]
    contents = tuple(replace(content, count=1) for content in train.contents)
    monkeypatch.setitem(DATA_SETS, "youtube2019", (replace(train, contents=contents),))


@pytest.mark.usefixtures("_one_training_video")
def test_damaged_resized_videos_are_made_again_from_the_others(tmp_path: Path, verify: Callable) -> None:
    write_videos(tmp_path / "YouTube/train", ["a"])
    write_videos(tmp_path / "YouTube/train_480p", ["a"])
    assert verify("youtube2019")[0] == 0
    damage("JPEGImages/a/00000.jpg")(tmp_path / "YouTube/train_480p")
    assert verify("youtube2019")[3] == [remedy(tmp_path, "youtube2019_train", "YouTube/train_480p")]
    shutil.rmtree(tmp_path / "YouTube/train")
    write_videos(tmp_path / "YouTube/train_480p", ["a"])
    assert verify("youtube2019")[0] == 0, "the originals may be removed once they are resized"
