"""The live page: served to those who know its address, picture after picture."""

import urllib.error
import urllib.request

import cv2
import numpy as np
import pytest

from output.live import LivePage
from tests.videos import picture


def read_picture(stream) -> np.ndarray:
    """Read the next picture of a stream of JPEGs."""
    assert stream.readline() == b"--picture\r\n"
    assert stream.readline() == b"Content-Type: image/jpeg\r\n"
    length = int(stream.readline().split()[1])
    stream.readline()
    jpeg = stream.read(length)
    stream.readline()
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def test_pictures_come_as_they_are_shown() -> None:
    with LivePage() as page:
        with urllib.request.urlopen(page.address, timeout=5) as answer:
            assert b'<img src="stream"' in answer.read()
        with urllib.request.urlopen(f"{page.address}stream", timeout=5) as stream:
            assert stream.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=picture"
            for index in (0, 5, 9):
                page.show(picture(index))
                assert np.abs(read_picture(stream).astype(int) - picture(index)).mean() < 6


@pytest.mark.parametrize("path", ["/", "/stream", "/guess/", "/guess/stream"])
def test_nobody_finds_the_page_without_its_address(path: str) -> None:
    with LivePage() as page:
        place = page.address.split("/")[2]
        assert place.startswith("127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://{place}{path}", timeout=5)
