"""Random damage of files: flipped bits, cuts, splices and extreme numbers, also where checksums would reveal them."""

import io
import random
import zipfile
import zlib

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\x80")


def damage(content: bytes, source: random.Random) -> bytes:
    """Damage a file; of every second zip or PNG the inside, under checksums that are right again."""
    if source.random() < 0.5:
        if content.startswith(b"PK"):
            return _damage_members(content, source)
        if content.startswith(PNG_MAGIC):
            return _with_checksums(_damage(content, source))
    return _damage(content, source)


def _damage(content: bytes, source: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(source.choice((1, 1, 1, 2, 4, 16))):
        place, length = _place(len(data), source), source.choice((1, 2, 4, 16, 64, 1024))
        match source.choice(("flip", "flip", "byte", "number", "cut", "drop", "repeat", "move")):
            case "flip" if data:
                data[place] ^= 1 << source.randrange(8)
            case "byte" if data:
                data[place] = source.choice((0, 1, 127, 128, 255, source.randrange(256)))
            case "number":
                data[place : place + 4] = source.choice(EXTREMES)
            case "cut" if source.random() < 0.3:
                del data[place:]
            case "drop":
                del data[place : place + length]
            case "repeat":
                data[place:place] = data[place : place + length]
            case "move":
                start = _place(len(data), source)
                data[place : place + length] = data[start : start + length]
    return bytes(data)


def _place(length: int, source: random.Random) -> int:
    """Choose a place, often in the first or the last bytes, where headers and indices are."""
    if length == 0:
        return 0
    edge = min(length, 200)
    return source.choice((source.randrange(length), source.randrange(edge), length - 1 - source.randrange(edge)))


def _damage_members(content: bytes, source: random.Random) -> bytes:
    """Damage a member of a zip, or its name, and write the zip anew."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [[info.filename, archive.read(info), info.compress_type] for info in archive.infolist()]
    member = source.choice(members)
    if source.random() < 0.2:
        member[0] = _damage(member[0].encode(), source).decode("latin-1")[:200]
    else:
        member[1] = _damage(member[1], source)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data, method in members:
            archive.writestr(zipfile.ZipInfo(name or "x"), data, method)
    return buffer.getvalue()


def _with_checksums(content: bytes) -> bytes:
    """Correct the checksum of each chunk of a PNG, as far as the lengths lead."""
    data, place = bytearray(content), len(PNG_MAGIC)
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(data)
