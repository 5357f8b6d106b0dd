"""Exports of a session: masks, overlay and what else ``output.video`` writes, frame by frame."""

import shutil
import uuid
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch.nn.functional as F

from dataset.video_file import VideoFile
from interactive.objects import enlarge
from interactive.record import State
from interactive.results import spread
from interactive.session import Progress, Session
from interactive.workspace import shrink_ids
from output.result import FrameResult
from output.video import EXPORTS, VideoOutput
from util.errors import InputError
from util.files import make_folder, remove_leftovers, write_then_rename
from util.palette import PALETTE

EXPORT = "export"  # folder in the workspace
DOWNLOADS = ".downloads"  # another one
KEPT_DOWNLOADS = 2  # more of them would fill the disk


def export(session: Session, kind: str, *, is_download: bool) -> Generator[Progress, None, dict[str, object]]:
    """Write an export of all frames, as they are shown when this is called; it appears when all is done.

    Args:
        kind: a key of ``EXPORTS``.
        is_download: whether it is one file, for a person elsewhere, rather than files in the workspace.

    Yields:
        the frames that are done.

    Returns:
        the event that says where it is.

    Raises:
        InputError: an unknown kind, or a session without a workspace.
    """
    if kind not in EXPORTS:
        raise InputError(f"export {kind}: unknown; choose {', '.join(EXPORTS)}")
    if session.workspace is None:
        raise InputError("a session without a workspace exports nothing; give it one")
    return _run(session, session.state, kind, is_download)


def _run(session: Session, state: State, kind: str, is_download: bool) -> Generator[Progress, None, dict[str, object]]:
    source = session.frames.source
    folder = session.workspace / (Path(DOWNLOADS) / uuid.uuid4().hex if is_download else EXPORT)
    remove_downloads(session.workspace, num_kept=KEPT_DOWNLOADS)
    make_folder(folder)
    remove_leftovers(folder)
    name = source.path.resolve().stem
    audio = source.path if isinstance(source, VideoFile) else None
    with _removed_on_errors(folder if is_download else None):
        facts = {"audio": audio, "colours": state.objects.colours, "labels": list(state.objects.names)}
        with VideoOutput(folder / name, PALETTE, source.frame_rate, [kind], **facts) as output:
            for frame in range(len(session.frames)):
                output.write(make_result(session, state, frame, EXPORTS[kind].needs_probabilities))
                yield Progress(frame, frame + 1, len(session.frames))
        event = {"event": "exported", "kind": kind}
        if not is_download:
            return {**event, "path": str(folder)}
        file = _as_one_file(folder, f"{name}_{kind}.zip")
        return {**event, "url": f"/download/{folder.name}", "name": file.name}


def make_result(session: Session, state: State, frame: int, needs_probabilities: bool) -> FrameResult:
    """Make the result of a frame, at the video's own size, for the exports."""
    size = session.frames.size
    ids = state.ids(frame)
    ids = np.zeros(size, np.int32) if ids is None else enlarge(ids, size)
    labels = tuple(entry.object_id for entry in state.objects.entries)
    probabilities = _probabilities(session, state, frame) if needs_probabilities else None
    return FrameResult(session.frames.names[frame], session.frames[frame], shrink_ids(ids), labels, probabilities)


def _probabilities(session: Session, state: State, frame: int) -> np.ndarray:
    """Give probabilities ``[1+K,H,W]`` float16 at the video's own size; those of a drawn frame are 0 or 1."""
    result, numbers = state.propagation.results.get(frame), state.objects.numbers
    if frame in state.drawn or result is None:
        ids = state.ids(frame)
        rows = np.zeros(session.size, np.int32) if ids is None else state.objects.to_rows(state.objects.to_numbers(ids))
        found = spread(rows, len(numbers))
    else:
        found = session.propagation.read(result, numbers)
    enlarged = F.interpolate(found[None], session.frames.size, mode="bilinear", align_corners=False)[0]
    return enlarged.half().numpy()


def remove_downloads(workspace: Path, num_kept: int = 0) -> None:
    """Remove files that were made for downloads, except the newest ones."""
    folders = sorted((workspace / DOWNLOADS).glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in folders[num_kept:]:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _removed_on_errors(folder: Path | None) -> Iterator[None]:
    """Remove a folder unless the block ends well."""
    try:
        yield
    except BaseException:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _as_one_file(folder: Path, name: str) -> Path:
    """Leave a folder's only file, or an archive of all that is in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if len(files) == 1:
        return files[0]
    with write_then_rename(folder / name) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    for path in folder.iterdir():
        if path.name != name:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder / name
