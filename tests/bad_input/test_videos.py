"""Video files that are damaged, cut, hostile or unusual."""

from collections.abc import Callable
from pathlib import Path

from tests.bad_input.builders import fill, given
from tests.bad_input.rows import Row, check_row, table
from tests.bad_input.videos import cut, fragments, joined, latin, oblique, overwritten, sound_only, video, with_gaps

NO_FORMAT = r"unreadable video \(damaged, or of a format that is not read\); convert it to mp4"
UNREADABLE = r"(clip|list)\.\w+: unreadable video \(.+\); convert"
SHORTER = r"clip\.\w+: ends (at \d+\.\d\d s of|before) the .* that it states; copy it again"
MISSING = r"clip\.mkv: about 3 frame\(s\) are missing from its steady rate; copy it again"
DAMAGED = r"clip\.\w+: (damaged at|unreadable at|damaged after) frame 000\d\d"
CUT = [(suffix, share) for suffix in ("mkv", "webm", "ts", "flv") for share in (0.6, 0.75, 0.85)]
LISTS = {
    "HLS": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nother.mp4\n",
    "ffconcat": b"ffconcat version 1.0\nfile other.mp4\n",
    "SDP": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "DASH": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>\n',
}
LISTED = [(kind, f"list.{suffix}") for kind in LISTS for suffix in ("mp4", "m3u8")]
GIF_BOMB = b"GIF89a\xff\xff\xff\xff\0\0\0" + b"," + bytes(4) + b"\xff\xff\xff\xff\0\2\2\x44\1\0;"
NAMES = ("12:30.mp4", "2024-05-01T12:30:00.mp4", "http:x.mp4", "concat:a|b.mp4", "pipe:0.mp4", "-clip.mp4", "50%d.mp4")


@table(
    Row(
        "video that is empty", fill("clip.mp4", b"", "--video", Path("clip.mp4")), r"clip\.mp4: an empty file; copy it"
    ),
    Row("video that is text", fill("clip.mkv", b"text " * 99, "--video", Path("clip.mkv")), UNREADABLE),
    Row("video that is an image", given("--video", Path("frames/00000.png")), rf"00000\.png: {NO_FORMAT}"),
    Row("sound alone", sound_only, r"sound\.mp4: holds no video stream; give another file"),
    *(Row(f"{kind} as {name}", fill(name, LISTS[kind], "--video", Path(name)), UNREADABLE) for kind, name in LISTED),
    Row("GIF of gigabytes", fill("b.gif", GIF_BOMB, "--video", Path("b.gif")), r"b\.gif: unreadable at frame 00000"),
    *(Row(f"mp4 damaged in packet {packet}", overwritten("clip.mp4", packet), DAMAGED) for packet in (4, 8, 12)),
    *(Row(f"{name} damaged", overwritten(f"clip.{name}", 8), DAMAGED) for name in ("mkv", "avi", "webm", "mov")),
    *(Row(f"mp4 cut at {share:.0%}", cut("clip.mp4", share), UNREADABLE) for share in (0.2, 0.7, 0.98)),
    Row("mov cut within its index", cut("clip.mov", 0.93), r"clip\.mov: (its video has no|holds no|unreadable)"),
    Row("mpg cut at 60%", cut("clip.mpg", 0.6), DAMAGED),
    Row("avi cut at 60%", cut("clip.avi", 0.6), r"clip\.avi: (unreadable video|damaged after frame)"),
)
def test_unreadable_videos(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, run_generic)


@table(
    *(
        Row(f"{name} cut at {share:.0%}", cut(f"clip.{name}", share), SHORTER, status=0, is_long=share > 0.6)
        for name, share in CUT
    ),
    *(Row(f"{name} cut, strict", cut(f"clip.{name}", 0.8, "--strict"), SHORTER) for name in ("mkv", "ts", "webm")),
    Row("mp4 of fragments, cut", fragments(0.97), SHORTER, status=0),
    Row("mp4 of fragments, cut, strict", fragments(0.97, "--strict"), SHORTER),
    Row("mp4 of fragments", fragments(1, "--strict"), "", status=0),
    Row("frames missing", with_gaps("clip.mkv"), MISSING, status=0),
    Row("frames missing, strict", with_gaps("clip.mkv", "--strict"), MISSING),
    Row("shown at 45 degrees", oblique, r"clip\.mp4: is to be shown turned by -?\d+ degrees; .* unturned", status=0),
    Row(
        "hidden name", video(".clip.mp4"), r"\.clip: the name begins with a dot, so that its results are hid", status=0
    ),
    Row("joined transport streams", joined, "", status=0),
    *(Row(f"title in {name}", latin(f"clip.{name}"), "", 0, name > "mkv") for name in ("avi", "mkv", "mov", "mp4")),
    *(Row(f"named {name}", video(name), "", 0, index > 3) for index, name in enumerate(NAMES)),
    *(Row(f"intact {name}", video(f"clip.{name}", "--strict"), "", status=0) for name in ("mkv", "ts", "flv", "webm")),
)
def test_videos_that_are_read(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, run_generic)
    assert (row.status == 0) == bool(list(clip.glob("out/*/00002.png")))
