"""Ways to spoil the files below a folder, for the rows of the tables."""

import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Spoil = Callable[[Path], list | None]
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def cut(path: str, share: float) -> Spoil:
    """Keep a share of a file."""

    def spoil(root: Path) -> None:
        whole = (root / path).read_bytes()
        (root / path).write_bytes(whole[: int(share * len(whole))])

    return spoil


def fill(path: str, content: bytes, *options: object) -> Spoil:
    """Write a file; options that are paths are below the folder."""

    def spoil(root: Path) -> list:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        return resolve(root, options)

    return spoil


def replaced(path: str, make: Callable[[Path], None]) -> Spoil:
    """Put something else in the place of a file."""

    def spoil(root: Path) -> None:
        (root / path).unlink()
        make(root / path)

    return spoil


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def given(*options: object) -> Spoil:
    """Spoil nothing, but give further options."""
    return lambda root: resolve(root, options)


def resolve(root: Path, options: tuple[object, ...]) -> list:
    """Put paths below the folder."""
    return [root / option if isinstance(option, Path) else option for option in options]


def open_socket(path: Path) -> None:
    former = Path.cwd()
    os.chdir(path.parent)  # the names of sockets must be short
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path.name)
    os.chdir(former)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Make a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def make_png(pixels: np.ndarray, bits: int, colour_type: int) -> bytes:
    """Encode ``[H,W,C]`` as a PNG of any kind: 0 grey, 2 RGB, 4 grey with alpha, 6 RGB with alpha."""
    rows = pixels.astype(f">u{bits // 8}")
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return PNG_MAGIC + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def make_bomb(width: int, height: int) -> bytes:
    """Make a PNG of a few bytes that states a huge size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return PNG_MAGIC + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def save_as(path: str, file_format: str) -> Spoil:
    """Save an image again in another format, under its old name."""

    def spoil(root: Path) -> None:
        with Image.open(root / path) as image:
            image.convert("RGB").save(root / path, format=file_format)

    return spoil
