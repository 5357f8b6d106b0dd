"""Names that FFmpeg would take for protocols are files."""

from pathlib import Path

import av
import numpy as np
import pytest

from util.media import describe_address, file_url


@pytest.mark.parametrize("name", ["12:30.mp4", "http:x.mp4", "concat:a|b.mp4", "file:x.mp4", "a%20b #?&.mp4", "-y.mp4"])
def test_any_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path(name), tmp_path / name):
        with av.open(file_url(path), "w") as container:
            stream = container.add_stream("libx264", rate=24)
            stream.height = stream.width = 32
            for frame in (av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24"), None):
                container.mux(stream.encode(frame))
        with av.open(file_url(path)) as container:
            assert len(list(container.decode(video=0))) == 1
        assert [file.name for file in tmp_path.iterdir()] == [name]
        (tmp_path / name).unlink()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("-", "standard input"),
        ("3", "camera 3"),
        ("rtsp://me:secret@host:554/live", "rtsp://host:554/live"),
        ("https://host/a/b.ts?token=secret#secret", "https://host/a/b.ts"),
        ("http://me:se@cret@host/", "http://host/"),
        ("http://[secret", "http://.."),
    ],
)
def test_messages_hold_no_secrets(address: str, expected: str) -> None:
    assert describe_address(address) == expected
