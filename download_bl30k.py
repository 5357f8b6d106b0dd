"""Download BL30K, the rendered videos of training stage 1: six segments of 115 GB each, one at a time.

    python download_bl30k.py                          # all six; a segment needs 230 GB until it is unpacked
    python download_bl30k.py --only a b
    python download_bl30k.py --only c --from_archive FILE     # a segment that you downloaded by hand

If Google Drive refuses: make a shortcut to the folder in your own Drive and copy from there, for instance with rclone.
"""

import argparse
from pathlib import Path

from downloading.install import install, install_all, make_parser
from downloading.sources import BL30K, Source
from util.errors import InputError
from util.files import make_folder
from util.script import script_main


def install_segment(source: Source, args: argparse.Namespace) -> None:
    """Install a segment, and move its videos to those of the others.

    The folder ``BL30K/segments/<letter>`` stays, empty, as the sign that the segment is there. After an interruption
    the videos left in it are moved by the next call.
    """
    install(source, args)
    merge_segment(args.root / source.target, args.root / "BL30K")


def merge_segment(segment: Path, whole: Path) -> None:
    """Move ``JPEGImages/<video>``, ``Annotations/<video>`` from one folder to another.

    Raises:
        InputError: a video is there already.
    """
    videos = [path.relative_to(segment) for path in sorted(segment.glob("*/*"))]
    for video in videos:
        if (whole / video).exists():
            raise InputError(
                f"{whole / video}: is there already, and nothing is overwritten; move it away, run this again"
            )
    for video in videos:
        make_folder((whole / video).parent)
        (segment / video).rename(whole / video)


@script_main
def main() -> int:
    args = make_parser(__doc__, list(BL30K)).parse_args()
    return install_all([BL30K[letter] for letter in args.only or BL30K], args, install_segment)


if __name__ == "__main__":
    main()
