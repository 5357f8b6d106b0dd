"""Passes over a video: their frames, and the masks that are input."""

import pytest

from dataset.passes import choose_masks, plan_passes

NAMES = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("direction", "wanted", "forward", "backward", "outputs", "is_whole"),
    [
        ("forward", None, "bcde", "", "bcde", True),
        ("backward", None, "", "dcba", "abcd", True),
        ("both", None, "bcde", "dcba", "abcde", True),
        ("forward", "acd", "bcd", "", "cd", False),
        ("backward", "cde", "", "dc", "cd", False),
        ("both", "ac", "bc", "dcba", "ac", False),
        ("both", "a", "", "dcba", "a", False),
        ("both", "de", "bcde", "", "de", False),
        ("both", "c", "bc", "dc", "c", False),
        ("forward", "a", "", "", "", False),
        ("backward", "e", "", "", "", False),
    ],
)
def test_passes_reach_from_the_masks_to_the_wanted_frames(
    direction: str, wanted: str | None, forward: str, backward: str, outputs: str, is_whole: bool
) -> None:
    """The masks are those of b and d."""
    passes = plan_passes(NAMES, ["b", "d"], direction, wanted)
    assert ["".join(names) for names in passes[:3]] == [forward, backward, outputs]
    assert passes.is_whole == is_whole


def test_masks_are_chosen_in_the_order_of_the_pass() -> None:
    labels = {"a": [], "b": [1], "c": [1, 2], "e": [2]}
    assert choose_masks(labels, "all") == {"b": {1}, "c": {1, 2}, "e": {2}}
    assert choose_masks(labels, "first") == {"b": {1}}
    assert choose_masks(labels, "first", "backward") == {"e": {2}}
    assert choose_masks(labels, "first_of_each_object") == {"b": {1}, "c": {2}}
    backward = choose_masks(labels, "first_of_each_object", "backward")
    assert list(backward.items()) == [("c", {1}), ("e", {2})]
    assert choose_masks(labels, "first_of_each_object", "both") == {"b": {1}, "c": {2}}
