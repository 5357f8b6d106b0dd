"""Segment a video in a page of the browser: mark objects, propagate, correct, export.

    python interactive.py                        # the demo clip
    python interactive.py --video clip.mp4       # a video file or a folder of frames
    python interactive.py --video clip.mp4 --masks FOLDER    # begin with masks

Everything is kept in the workspace at once: end the command at any moment, and the same command goes on.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import os
import socket
import sys
import threading
import webbrowser
from pathlib import Path

from dataset.videos import Video, VideoEntry
from interactive.network_options import add_network_options, load_given_models
from interactive.propagation import PropagationConfig
from interactive.server import Server
from interactive.serving.access import needs_token, read_token
from interactive.serving.listening import bind, serve
from interactive.session import Session
from util.files import PROJECT_ROOT
from util.options import positive_int, side, whole_number
from util.script import make_parser, script_main

DEMO = PROJECT_ROOT / "demo" / "clip.mp4"
WORKSPACES = Path("results/interactive")
DEFAULT = PropagationConfig()


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument_group("input and output").add_argument
    video_help = "a video file or a folder of frames (default: the demo clip)"
    add("--video", "--images", dest="video", type=Path, default=DEMO, metavar="PATH", help=video_help)
    workspace_help = f"folder that keeps the work (default: {WORKSPACES}/<video>)"
    add("--workspace", type=Path, metavar="FOLDER", help=workspace_help)
    add("--masks", type=Path, metavar="FOLDER", help="masks to begin with, named by frame, or that of the first frame")
    add("--size", type=side, default=480, metavar="N", help="short side to compute at in pixels; -1: the video's own")
    add = parser.add_argument_group("page").add_argument
    add("--host", default="127.0.0.1", help="address to serve at; any but this machine's own asks for a secret link")
    port_help = "port to serve at, or the next one that is free; 0: any"
    add("--port", type=whole_number(0, 2**16 - 1), default=8417, help=port_help)
    add("--no_browser", action="store_true", help="do not open the page in a browser")
    add_network_options(parser, "--model", "auto")
    add = parser.add_argument_group("memory").add_argument
    mem_help = "memorise every n-th frame"
    add("--mem_every", type=positive_int, metavar="N", default=DEFAULT.mem_every, help=mem_help)
    bound_help = "bound on the memory frames of a round, beside the interacted ones"
    add("--max_memory_frames", type=positive_int, metavar="N", default=DEFAULT.max_memory_frames, help=bound_help)
    return parser.parse_args()


def open_session(args: argparse.Namespace) -> Session:
    """Open the session that the options name.

    Raises:
        InputError: a video, a mask, weights, a device or a workspace that cannot be used.
    """
    video = Path(os.path.realpath(args.video))
    workspace = args.workspace or WORKSPACES / (video.name if video.is_dir() else video.stem)
    masks = None if args.masks is None else Video(VideoEntry(video.stem, args.video, args.masks))
    models = load_given_models(args)
    config = PropagationConfig(
        mem_every=args.mem_every, max_memory_frames=args.max_memory_frames, is_blended=args.fusion != "none"
    )
    session = Session(args.video, models, workspace, size=args.size, config=config)
    if masks is not None and not session.objects:
        number_of = {name: number for number, name in enumerate(session.frames.names)}
        session.import_masks((number_of[name], ids) for name, ids in masks.read_masks())
    return session


def can_show() -> bool:
    """Tell whether a browser could open a window here."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@script_main
def main() -> None:
    args = parse_arguments()
    with open_session(args) as session, bind(args.host, args.port) as listening:
        port = listening.getsockname()[1]
        token = read_token(session.workspace / ".token") if needs_token(args.host) else None
        if args.port not in (0, port):
            print(f"port {args.port} is taken, {port} is not")
        place = f":{port}/" + (f"?token={token}" if token else "")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(args.host, args.host)  # every address is none to open
        link = f"http://[{host}]{place}" if ":" in host else f"http://{host}{place}"
        print(f"open {link} in a browser; Ctrl-C ends, and the same command goes on", flush=True)
        if host != args.host:
            print(f"on other machines open http://{socket.gethostname()}{place}", flush=True)
        if not args.no_browser and can_show():
            threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
        serve(Server(session, token), listening)


if __name__ == "__main__":
    main()
