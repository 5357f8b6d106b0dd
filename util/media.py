"""Names of files, as FFmpeg takes them."""

from pathlib import Path


def file_url(path: Path) -> str:
    """Make the URL by which FFmpeg opens exactly this file; a bare ``12:30.mp4`` would name a protocol."""
    return f"file:{path.absolute()}"
