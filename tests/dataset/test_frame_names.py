"""Texts that mean frames."""

from dataset.frame_names import find_frames


def test_texts_mean_frames_by_name_by_number_or_by_place() -> None:
    assert find_frames(["00005", "00010"], ["5", "00010", "7", "0"]) == {
        "5": "00005",
        "00010": "00010",
        "7": None,
        "0": None,
    }
    assert find_frames(["view_a", "view_b"], ["1", "view_a", "2"]) == {"1": "view_b", "view_a": "view_a", "2": None}
    assert find_frames(["1", "01"], ["1", "001"]) == {"1": "1", "001": None}
