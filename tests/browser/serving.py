"""The page's server as tests need it: the command in a process that can be killed, and a small clip to work on."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import av
from PIL import Image

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo"
LINK = re.compile(r"http://\S+")


class Served:
    """``interactive.py`` on a video; a ``with`` block ends it.

    Args:
        video: a video file or a folder of frames.
        workspace: where the work is kept; another process may go on with it.
        options: more of the command.
        port: 0: a free one, and the same one after a restart.
    """

    def __init__(self, video: Path, workspace: Path, *options: str, port: int = 0) -> None:
        self._command = [sys.executable, "interactive.py", "--video", str(video), "--workspace", str(workspace)]
        self._options, self._port = options, port
        self.workspace, self.link = workspace, ""
        self.start()

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.kill()

    def start(self) -> None:
        """Start the command and wait for its link."""
        command = [*self._command, "--no_browser", "--port", str(self._port), *self._options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)
        told = []
        for line in self._process.stdout:
            told.append(line)
            if found := LINK.search(line):
                self.link = found[0]
                self._port = int(re.search(r":(\d+)", self.link)[1])
                return
        raise RuntimeError("the command ended: " + "".join(told))

    @property
    def pid(self) -> int:
        """Id of the command's process."""
        return self._process.pid

    def kill(self) -> None:
        """End the command without a warning."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()


def write_demo_frames(folder: Path, num_frames: int, height: int, *, every: int = 1) -> Path:
    """Write frames of the demo clip as JPEG files, smaller; returns the folder."""
    folder.mkdir(parents=True)
    with av.open(str(DEMO / "clip.mp4")) as clip:
        for index, frame in enumerate(clip.decode(video=0)):
            number, rest = divmod(index, every)
            if number == num_frames:
                break
            if not rest:
                width = 2 * round(height * frame.width / frame.height / 2)
                frame.to_image().resize((width, height), Image.Resampling.BOX).save(folder / f"{number:05d}.jpg")
    return folder
