"""The DAVIS interactive protocol: the published figures."""

from pathlib import Path

import numpy as np
import pytest

from interactive.davis.protocol import (
    FrameScores,
    Sample,
    Submission,
    read_scribbles,
    score,
    summarise,
    write_scribbles,
)
from interactive.davis.run import Answer, Processor, ProtocolConfig, next_scribbles, run_sample
from interactive.interaction import S2MMaker
from interactive.models import Models
from interactive.propagation import PropagationConfig
from interactive.strokes import Line
from model.fusion import FusionNetwork
from model.s2m import S2M
from tests.deterministic import fill_state_dict, synthetic_video
from tests.golden_figures import GOLDEN_SEED, golden, golden_json, golden_network, golden_video
from util.errors import InputError


def lines_of(content: dict) -> dict[int, list[Line]]:
    return {
        frame: [Line(np.array(line["path"]), line["object_id"]) for line in lines]
        for frame, lines in enumerate(content["scribbles"])
        if lines
    }


def test_golden_scores_next_frames_lines_and_summary() -> None:
    session, used, submissions = golden_json("interactive_session"), {}, []
    truths = {
        name: golden_video(item["num_frames"], 96, 128, item["num_objects"], item["seed"] % 100)[1]
        for name, item in session["sequences"].items()
    }
    for item in session["submissions"]:
        truth, sample = truths[item["sequence"]], Sample(item["sequence"], item["scribble_idx"])
        num_objects = session["sequences"][sample.sequence]["num_objects"]
        masks = np.stack([np.roll(mask, (d // 2, d), (0, 1)) for mask, d in zip(truth, item["shifts"])])
        scores = score(masks, truth, num_objects)
        assert scores.jaccard == pytest.approx(np.array(item["jaccard"]), abs=1e-6)
        assert scores.contour == pytest.approx(np.array(item["contour"]), abs=1e-6)
        frames = used.setdefault(sample, set())
        frame, lines = next_scribbles(scores, masks, truth, item["candidates"], frames, "J_AND_F")
        frames.add(frame)
        assert frame == item["next_frame"]
        assert [line.object_id for line in lines[frame]] == [line["object_id"] for line in item["lines"]]
        for found, expected in zip(lines[frame], item["lines"]):
            assert len(found.path) == expected["num_points"]
            assert found.path[::333] == pytest.approx(np.array(expected["every_333rd"]), abs=1e-6)
        submissions.append(Submission(sample, item["interaction"], item["timing"], scores))
    counts = {s.sample: session["sequences"][s.sample.sequence]["num_objects"] for s in submissions}
    found = summarise(submissions, counts, session["max_interactions"], session["max_time"])
    expected = session["summary"]
    assert found["auc"] == pytest.approx(expected["auc"], abs=1e-6)
    assert found["metric_at_threshold"] == pytest.approx(expected["metric_at_threshold"], abs=1e-6)
    for name, values in expected["curve"].items():
        assert found["curve"][name] == pytest.approx(values, abs=1e-6)


def test_golden_interactions_of_a_sample() -> None:
    expected, scribbles = golden("interactive_davis"), golden_json("interactive_davis_scribbles")
    video, _ = golden_video(8, 96, 128, 2, seed=51)
    networks = S2M().eval(), FusionNetwork().eval()
    for network, seed in zip(networks, (GOLDEN_SEED, 8 + GOLDEN_SEED)):
        fill_state_dict(network.state_dict(), seed)
    models = Models(golden_network(), S2MMaker(networks[0], is_dilated=True), networks[1])
    processor = Processor(list(video), 2, models, PropagationConfig(is_exact=True))
    probabilities = []
    for number, content in enumerate(scribbles):
        masks, candidates = processor.interact(lines_of(content))
        assert (masks == expected["masks"][number]).mean() >= 0.9999
        processor.masks[:] = expected["masks"][number]  # two objects with one probability would spread through S2M
        assert (-1 if candidates is None else candidates[0]) == expected["next_frame"][number]
        if candidates is None:
            probabilities.append([processor.propagation.probabilities(frame)[:, ::4, ::4] for frame in (1, 5)])
    found = np.stack([np.stack(pair, 1) for pair in probabilities])
    assert np.abs(found - expected["prob"]).max() < 2e-5


def test_a_sample_that_runs_out_of_time_is_not_scored_further(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 5))  # seconds; it is read at the start, and twice an interaction
    monkeypatch.setattr("interactive.davis.run.time.perf_counter", lambda: next(clock))
    truth = synthetic_video(4, 48, 64, 1)[1]

    def interact(lines: dict[int, list[Line]]) -> Answer:
        assert len(lines) == 1
        return Answer(np.zeros_like(truth), None)

    config = ProtocolConfig(max_time=32)
    found = [item for item, _ in run_sample(Sample("one", 1), {0: []}, truth, interact, 1, config)]
    assert [submission.interaction for submission in found] == [1, 2, 3]
    assert [submission.timing for submission in found] == [5, 5, 5]


def test_the_robot_draws_only_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, drawn = synthetic_video(4, 48, 64, 1)[1], []
    monkeypatch.setattr("interactive.davis.run.draw_lines", lambda *given: drawn.append(given) or [])
    arguments = truth, lambda lines: Answer(np.zeros_like(truth), None), 1, ProtocolConfig(max_interactions=3)
    assert len(list(run_sample(Sample("one", 1), {0: []}, *arguments))) == 3
    assert len(drawn) == 2


def test_a_missing_interaction_repeats_the_last_in_no_time() -> None:
    half = FrameScores(np.full((2, 1), 0.5), np.full((2, 1), 0.5))
    found = summarise([Submission(Sample("one", 1), 1, 10.0, half)], {Sample("one", 1): 1}, 3, 100)
    assert found["curve"] == {"time": [0, 10, 10, 10, 100], "J_AND_F": [0, 0.5, 0.5, 0.5, 0.5]}
    assert found["auc"] == pytest.approx((2.5 + 45) / 100)


def test_scribbles_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "001.json"
    write_scribbles(path, "one", 3, {1: [Line(np.array([[0.25, 0.5], [1, 0]]), 2)]})
    lines = read_scribbles(path, 3, 2)
    assert list(lines) == [1]
    assert (lines[1][0].object_id, lines[1][0].path.tolist()) == (2, [[0.25, 0.5], [1, 0]])


@pytest.mark.parametrize(
    ("frame", "points", "object_id", "message"),
    [
        (3, [[0, 0]], 1, "object 1 in frame 3, but the sequence has 3 frames and 2 objects"),
        (0, [[0, 0]], 3, "object 3 in frame 0, but"),
        (0, [[0, 0]], -1, "object -1 in frame 0, but"),
        (0, [[0, 0]], float("inf"), "not a file of scribbles"),
        (0, [[0, 1.5]], 1, "beyond 0 to 1"),
        (0, [[float("nan"), 0]], 1, "beyond 0 to 1"),
    ],
)
def test_scribbles_that_do_not_fit_are_refused(
    tmp_path: Path, frame: int, points: list, object_id: float, message: str
) -> None:
    write_scribbles(tmp_path / "001.json", "one", 4, {frame: [Line(np.array(points), object_id)]})
    with pytest.raises(InputError, match=f"001.json: .*{message}.*; get it again"):
        read_scribbles(tmp_path / "001.json", 3, 2)
