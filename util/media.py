"""Names of files and streams: as FFmpeg takes them, and as people read them."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


def file_url(path: Path) -> str:
    """Make the URL by which FFmpeg opens exactly this file; a bare ``12:30.mp4`` would name a protocol."""
    return f"file:{path.absolute()}"


def describe_address(address: str) -> str:
    """Name a stream in messages and records: without password, query or anything else that may be secret.

    Args:
        address: an address, ``-`` for standard input, or the number of a camera.
    """
    if address == "-":
        return "standard input"
    if address.isdecimal():
        return f"camera {address}"
    try:
        parts = urlsplit(address)
    except ValueError:  # such as brackets that are not closed
        return f"{address.partition('://')[0]}://.."
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
