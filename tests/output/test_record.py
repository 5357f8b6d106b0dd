"""Records of runs: which results still fit, which are a stranger's, and what a rerun leaves."""

import json
from pathlib import Path

import pytest

from output.names import RECORD, OutputPaths
from output.record import RunRecord, describe_source
from tests.conftest import files_in
from util.errors import InputError

FACTS = {"video": {"path": "/clip.mp4", "bytes": 9}, "options": {"size": 480, "scales": (1, 2)}}
OTHER_SIZE = {**FACTS, "options": {"size": 600, "scales": (1, 2)}}
OTHER_VIDEO = {**FACTS, "video": {"path": "/other/clip.mp4", "bytes": 9}}
MASKS = {"clip/0.png": "mask 0", "clip/1.png": "mask 1"}
ALL = {**MASKS, "clip_overlay.mp4": "overlay"}


def record_of(root: Path, facts: dict, files: dict[str, str]) -> RunRecord:
    return RunRecord(OutputPaths(root / "clip"), facts, [root / name for name in files])


def run(root: Path, facts: dict, files: dict[str, str], *, overwrite: bool = False, is_cut: bool = False) -> None:
    """Write results as a run does; one that is cut ends after the first file."""
    record = record_of(root, facts, files)
    record.begin(overwrite=overwrite)
    for name, content in list(files.items())[: 1 if is_cut else None]:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content)
    if not is_cut:
        record.finish()


def results(root: Path) -> list[str]:
    return [name for name in files_in(root) if name != "clip_run.json"]


def test_finished_results_of_the_same_things_fit(tmp_path: Path) -> None:
    assert not record_of(tmp_path, FACTS, ALL).is_done()
    run(tmp_path, FACTS, ALL)
    assert record_of(tmp_path, FACTS, ALL).is_done()
    assert record_of(tmp_path, FACTS, MASKS).is_done()
    assert not record_of(tmp_path, FACTS, {**ALL, "clip_probabilities.csv": ""}).is_done()


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_text("mas")]
)
@pytest.mark.parametrize("name", ALL)
def test_missing_empty_and_cut_results_are_made_again(tmp_path: Path, name: str, spoil) -> None:
    run(tmp_path, FACTS, ALL)
    spoil(tmp_path / name)
    assert not record_of(tmp_path, FACTS, ALL).is_done()


def test_results_of_other_things_are_refused_by_name(tmp_path: Path) -> None:
    run(tmp_path, FACTS, ALL)
    with pytest.raises(InputError, match=r"clip_run.json: made with options size 480, not 600; run anew"):
        record_of(tmp_path, OTHER_SIZE, ALL).is_done()
    other = {"video": OTHER_VIDEO["video"], "mode": {"a": 1}}
    differences = (
        "video path /clip.mp4, not /other/clip.mp4, mode a None, not 1, options size 480, not None, and 1 more;"
    )
    with pytest.raises(InputError, match=differences):
        record_of(tmp_path, other, ALL).is_done()


def test_a_run_that_was_cut_is_not_done(tmp_path: Path) -> None:
    """Not even if all its files are there, some of them an earlier run's."""
    run(tmp_path, FACTS, ALL)
    run(tmp_path, OTHER_SIZE, ALL, is_cut=True)
    assert not record_of(tmp_path, OTHER_SIZE, ALL).is_done()
    assert not record_of(tmp_path, FACTS, ALL).is_done()


@pytest.mark.parametrize("is_cut", [True, False])
def test_another_video_is_refused_unless_it_is_to_be_overwritten(tmp_path: Path, is_cut: bool) -> None:
    run(tmp_path, FACTS, ALL, is_cut=is_cut)
    before = files_in(tmp_path)
    with pytest.raises(InputError, match="clip/0.png: a result of another video of this name, or of an unknown run"):
        run(tmp_path, OTHER_VIDEO, {"clip/0.png": "new"})
    assert files_in(tmp_path) == before
    assert (tmp_path / "clip/0.png").read_text() == "mask 0"
    run(tmp_path, OTHER_VIDEO, {"clip/0.png": "new"}, overwrite=True)
    assert results(tmp_path) == ["clip/0.png"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"facts": []}', '{"facts": {"video": 1}, "files": {}}', "[" * 9999]
)
def test_results_without_a_record_are_an_unknown_runs(tmp_path: Path, content: str) -> None:
    """Those that the run replaces are no matter; others would mix with its own."""
    run(tmp_path, FACTS, ALL)
    (tmp_path / "clip_run.json").write_text(content)
    assert not record_of(tmp_path, FACTS, ALL).is_done()
    with pytest.raises(InputError, match="clip_overlay.mp4: a result of another video"):
        run(tmp_path, FACTS, MASKS)
    run(tmp_path, FACTS, ALL)
    assert record_of(tmp_path, FACTS, ALL).is_done()


def test_whole_results_without_a_record_are_taken_with_a_note(tmp_path: Path, caplog) -> None:
    """Merged masks have none; the rest of a killed run does not count."""
    mask = b"\x89PNG...IEND\xaeB`\x82"
    for name in ("0.png", "1.png"):
        (tmp_path / "clip").mkdir(exist_ok=True)
        (tmp_path / "clip" / name).write_bytes(mask)
    assert record_of(tmp_path, FACTS, MASKS).is_done()
    assert "clip: results without a record" in caplog.text
    assert not record_of(tmp_path, FACTS, ALL).is_done()
    for content in (b"", mask[:-1]):
        (tmp_path / "clip/1.png").write_bytes(content)
        assert not record_of(tmp_path, FACTS, MASKS).is_done()


def test_rerun_with_the_same_options_keeps_what_it_does_not_write(tmp_path: Path) -> None:
    run(tmp_path, FACTS, ALL)
    run(tmp_path, FACTS, MASKS)
    assert results(tmp_path) == sorted(ALL)
    assert record_of(tmp_path, FACTS, ALL).is_done()


@pytest.mark.parametrize("num_cut", [0, 1, 2])
def test_rerun_with_other_options_removes_the_rest_once_it_is_whole(tmp_path: Path, num_cut: int) -> None:
    """Nothing is lost before, however often the rerun is cut."""
    run(tmp_path, FACTS, ALL)
    for _ in range(num_cut):
        run(tmp_path, OTHER_SIZE, {"clip/0.png": "new"}, is_cut=True)
        assert results(tmp_path) == sorted(ALL)
    run(tmp_path, OTHER_SIZE, {"clip/0.png": "new"})
    assert results(tmp_path) == ["clip/0.png"]


def test_a_forged_record_removes_no_other_files(tmp_path: Path) -> None:
    root = tmp_path / "out"
    root.mkdir()
    for name in ("precious.png", "out/notes.txt"):
        (tmp_path / name).write_text("mine")
    run(root, FACTS, ALL)
    path = OutputPaths(root / "clip").path(RECORD)
    content = json.loads(path.read_text())
    names = ["../precious.png", "notes.txt", str(tmp_path / "precious.png"), "clip_overlay.mp4"]
    path.write_text(json.dumps({**content, "files": dict.fromkeys(names, 4), "stale": names}))
    run(root, OTHER_SIZE, MASKS)
    assert files_in(tmp_path) == [
        "out/clip/0.png",
        "out/clip/1.png",
        "out/clip_run.json",
        "out/notes.txt",
        "precious.png",
    ]


def test_sources_are_described_by_place_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for name in ("0.jpg", "1.jpg"):
        (tmp_path / "frames" / name).write_text("frame")
    described = describe_source(tmp_path / "frames")
    assert described | {"changed": ""} == {
        "path": str(tmp_path / "frames"),
        "files": 2,
        "bytes": 10,
        "changed": "",
    }
    assert describe_source(tmp_path / "frames/0.jpg")["bytes"] == 5
    (tmp_path / "frames/0.jpg").write_text("frame!")
    assert describe_source(tmp_path / "frames") != described
