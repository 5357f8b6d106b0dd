"""The options of streams, and the stream made of them."""

import argparse
import re
from fractions import Fraction
from pathlib import Path

from dataset.stream_source import RawFormat, is_stream
from dataset.streams import TIMEOUT, Stream
from util.media import describe_address
from util.options import given_path, not_negative

STREAM = "a stream (--video -, a camera's number or an address)"
FOR_STREAMS = ("raw", "realtime", "timeout", "show")
NOT_FOR_STREAMS = {  # option -> the value that a stream takes, and why it takes no other
    "resume": (False, "its frames do not come again"),
    "direction": ("forward", "its end is not there to begin from"),
    "mask_frame": (None, "its mask is that of the first frame"),
    "masks": ("all", "its mask is that of the first frame"),
    "write": ("all", "each frame is written as it comes"),
    "list": (None, "it is one video"),
    "videos_at_once": (1, "it is one video"),
}


def video_or_stream(text: str) -> Path | str:
    """Parse an option's value: the path of a file or folder, or the text that names a stream."""
    return text if is_stream(text) else given_path(text)


def raw_format(text: str) -> RawFormat:
    """Parse an option's value: the form of raw frames, such as ``640x480@25`` or ``640x480@30000/1001``."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})@(\d{1,6})(?:/(\d{1,6}))?", text)
    numbers = [int(number or 1) for number in match.groups()] if match else [0]
    if not all(numbers):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no form of raw frames; give WIDTHxHEIGHT@FPS")
    width, height, *rate = numbers
    return RawFormat(width, height, Fraction(*rate))


def seconds(text: str) -> float:
    """Parse an option's value: a positive number of seconds."""
    value = not_negative(text)
    if not value:
        raise argparse.ArgumentTypeError("must be positive")
    return value


def add_stream_options(given: argparse._ArgumentGroup, written: argparse._ArgumentGroup) -> None:
    """Add the options of streams to a command whose ``--video`` may name one."""
    raw_help = "the form of raw frames on standard input, 8 bits each of RGB (default: they have a container)"
    given.add_argument("--raw", type=raw_format, metavar="WxH@FPS", help=raw_help)
    realtime_help = "drop and count the frames of a stream that cannot be kept up with (default: compute all)"
    given.add_argument("--realtime", action="store_true", help=realtime_help)
    timeout_help = f"give up a stream that is silent for so many seconds (default: {TIMEOUT:g})"
    given.add_argument("--timeout", type=seconds, metavar="SECONDS", help=timeout_help)
    show_help = "show the overlay of a stream, as it comes, on a page of this machine whose address is printed"
    written.add_argument("--show", action="store_true", help=show_help)


def check_stream_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options of streams without a stream, and options that no stream can take."""
    if not isinstance(args.video, str):
        for name in (name for name in FOR_STREAMS if getattr(args, name)):
            parser.error(f"--{name} goes with {STREAM}")
        return
    for name, (plain, cause) in NOT_FOR_STREAMS.items():
        if getattr(args, name, plain) not in (plain, None):
            parser.error(f"--{name} and --video {describe_address(args.video)}: {cause}, leave --{name} out")


def open_stream(args: argparse.Namespace) -> Stream:
    """Open the stream that ``--video`` names.

    Raises:
        InputError: it cannot be opened, or has no frame.
    """
    timeout = args.timeout or TIMEOUT
    return Stream(args.video, raw=args.raw, timeout=timeout, is_realtime=args.realtime, strict=args.strict)
