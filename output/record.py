"""A record beside the results of a video: what they were made of, so that a later run knows whether they still fit."""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

from output.names import RECORD, OutputPaths
from util.errors import InputError
from util.files import make_folder, write_then_rename

log = logging.getLogger(__name__)

UNKNOWN = "results without a record of what they were made of; taken as they are"
NUM_SHOWN = 3  # differences in a message
PNG_END = b"IEND\xaeB`\x82"
Facts = Mapping[str, Mapping[str, object]]  # by subject and name; whatever JSON holds


def describe_source(path: Path) -> dict[str, object]:
    """Describe a file, or all files below a folder: place, number, size in bytes, time of the last change."""
    files = list(path.rglob("*")) if path.is_dir() else [path]
    stats = [file.stat() for file in files if file.is_file() and not file.name.startswith(".")]  # no .DS_Store
    changed = datetime.fromtimestamp(max((stat.st_mtime for stat in stats), default=0), timezone.utc)
    size = sum(stat.st_size for stat in stats)
    return {"path": str(path.resolve()), "files": len(stats), "bytes": size, "changed": changed.isoformat()}


@cache
def digest_file(path: Path) -> str:
    """Give 64 bits that stand for a file's content; a file is read once."""
    digest = hashlib.blake2b(digest_size=8)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def record_run(path: Path, facts: Facts, *, goes_on: bool, kept: Iterable[Path] = ()) -> None:
    """Write what the results in a file's folder are made of.

    Args:
        path: the record.
        goes_on: whether results of an earlier run are kept; those without a record are taken as they are, with a note.
        kept: the results that are kept, if there are any.

    Raises:
        InputError: they are to be kept, but they were made of something else.
    """
    facts = json.loads(json.dumps(facts))  # as they are read back
    old = _read(path)["facts"]
    if goes_on and not old and any(kept):
        log.warning("%s: %s", path.parent, UNKNOWN)
    if goes_on and old and (differences := _list_differences(old, facts)):
        raise InputError(f"{path}: made with {differences}; run anew, or choose another folder")
    _write(path, {"facts": facts, "files": {}, "stale": []})


class RunRecord:
    """The record of one video's results. A run begins it, and finishes it once all its files are whole.

    Args:
        paths: the places of the results.
        facts: what the results are made of; ``facts["video"]["path"]`` tells one video from another.
        files: the results that the run is to leave.
    """

    def __init__(self, paths: OutputPaths, facts: Facts, files: Iterable[Path]) -> None:
        self._paths, self._path = paths, paths.path(RECORD)
        self._facts = json.loads(json.dumps(facts))  # as they are read back
        self._planned = {self._name(path): None for path in files}
        self._old = _read(self._path)

    def is_done(self) -> bool:
        """Tell whether an earlier run made all these results of the same things, and all are whole.

        Results without a record, such as merged ones or those of earlier releases, are taken as they are, with a note.

        Raises:
            InputError: they are there, but they were made of something else.
        """
        if not self._path.exists():
            return self._is_there_without_record()
        sizes = self._old["files"]
        if any(sizes.get(name) is None or sizes[name] != self._measure(name) for name in self._planned):
            return False
        if differences := self._differences():
            raise InputError(f"{self._path}: made with {differences}; run anew, or choose another folder")
        return True

    def begin(self, *, overwrite: bool = False) -> None:
        """Note that the results are about to be replaced, one by one.

        Args:
            overwrite: whether results of another video, or of nobody knows which, are removed.

        Raises:
            InputError: there are such results.
        """
        strangers = self._find_strangers()
        if strangers and not overwrite:
            raise InputError(
                f"{strangers[0]}: a result of another video of this name, or of an unknown run; choose another folder, "
                "or have it overwritten"
            )
        for path in strangers:
            path.unlink(missing_ok=True)
        others = {} if strangers else {**self._old["files"], **dict.fromkeys(self._old["stale"])}
        others = [name for name in others if name not in self._planned]
        self._stale = others if self._differences() else [name for name in others if name in self._old["stale"]]
        self._kept = dict.fromkeys(name for name in others if name not in self._stale)
        make_folder(self._path.parent)
        self._write({**self._planned, **self._kept})

    def finish(self, files: Iterable[Path] = ()) -> None:
        """Note that the results are whole, and remove those of an earlier run that were made of something else.

        Args:
            files: results that nobody could know when the run began.
        """
        self._planned |= {self._name(path): None for path in files}
        removed = [path for path in self._paths.existing_files() if self._name(path) in self._stale]
        for path in removed:
            path.unlink(missing_ok=True)
        if removed:
            shown = ", ".join(path.name for path in removed[:NUM_SHOWN]) + (", ..." if len(removed) > NUM_SHOWN else "")
            log.warning("%s: removed %s of an earlier run on other input or options", self._path.parent, shown)
        self._stale = []
        self._write({name: self._measure(name) for name in (*self._planned, *self._kept)})

    def _is_there_without_record(self) -> bool:
        is_there = all(_is_whole(self._path.parent / name) for name in self._planned)
        if is_there:
            log.warning("%s: %s", self._paths.folder, UNKNOWN)
        return is_there

    def _find_strangers(self) -> list[Path]:
        """List the results that are not known to be this video's and that would mix with them."""
        existing = self._paths.existing_files()
        if not self._old["facts"]:
            return [path for path in existing if self._name(path) not in self._planned]
        return existing if _place_of(self._old["facts"]) != _place_of(self._facts) else []

    def _differences(self) -> str:
        """Name what differs from the earlier run."""
        return _list_differences(self._old["facts"], self._facts)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._path.parent).as_posix()

    def _measure(self, name: str) -> int | None:
        """Size of a result in bytes; None if it is not there."""
        path = self._path.parent / name
        return path.stat().st_size if path.is_file() else None

    def _write(self, sizes: Mapping[str, int | None]) -> None:
        _write(self._path, {"facts": self._facts, "files": sizes, "stale": self._stale})


def _write(path: Path, content: dict) -> None:
    with write_then_rename(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _list_differences(old: Facts, new: Facts) -> str:
    """Name what differs between the facts of two runs; empty if nothing does."""
    pairs = dict.fromkeys((subject, name) for facts in (new, old) for subject in facts for name in facts[subject])
    found = [(*pair, *(facts.get(pair[0], {}).get(pair[1]) for facts in (old, new))) for pair in pairs]
    differing = [f"{subject} {name} {before}, not {now}" for subject, name, before, now in found if before != now]
    more = [f"and {len(differing) - NUM_SHOWN} more"] if len(differing) > NUM_SHOWN else []
    return ", ".join(differing[:NUM_SHOWN] + more)


def _is_whole(path: Path) -> bool:
    """Tell whether a result is there to its end, as far as its last bytes show."""
    if not path.is_file() or not path.stat().st_size:
        return False
    return path.suffix != ".png" or path.read_bytes().endswith(PNG_END)


def _place_of(facts: Facts) -> object:
    return facts.get("video", {}).get("path")


def _read(path: Path) -> dict[str, dict]:
    """Read a record: ``facts``, sizes of ``files`` by name, names of ``stale`` files; all empty if there is none."""
    empty = {"facts": {}, "files": {}, "stale": []}
    if not path.is_file():
        return empty
    try:
        content = json.loads(path.read_bytes())
        found = {key: content[key] for key in empty}
        if all(isinstance(facts, dict) for facts in (found["files"], found["facts"], *found["facts"].values())):
            return {**found, "stale": [str(name) for name in found["stale"]]}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    log.warning("%s: not a record of a run; the results beside it are taken for those of an unknown one", path)
    return empty
