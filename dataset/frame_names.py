"""The frames that texts mean: in options, lists, and the names of masks."""

from collections.abc import Collection, Sequence


def find_frames(names: Sequence[str], texts: Collection[str]) -> dict[str, str | None]:
    """Find the frames that texts mean: by name, by number with other leading zeros, or by place.

    The place, from 0 on, counts only where no name of a frame is a number.

    Returns:
        The frame's name by text; None if there is no such frame, or more than one.
    """
    known = set(names)
    of_number: dict[int, list[str]] = {}
    for name in names:
        if name.isdecimal():
            of_number.setdefault(int(name), []).append(name)
    if not of_number:
        of_number = {place: [name] for place, name in enumerate(names)}
    numbered = {text: of_number.get(int(text), []) for text in texts if text.isdecimal()}
    found = {text: [text] if text in known else numbered.get(text, []) for text in texts}
    return {text: frames[0] if len(frames) == 1 else None for text, frames in found.items()}
