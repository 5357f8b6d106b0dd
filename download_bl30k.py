"""Download BL30K, the rendered videos of training stage 1: six segments of 115 GB each, one at a time.

    python download_bl30k.py                          # all six; a segment needs 230 GB until it is unpacked
    python download_bl30k.py --only a b
    python download_bl30k.py --only c --from_archive FILE     # a segment that you downloaded by hand

If Google Drive refuses: make a shortcut to the folder in your own Drive and copy from there, for instance with rclone.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
from pathlib import Path

from downloading.install import InstallSettings, install, install_all
from downloading.options import make_download_parser, read_settings
from downloading.sources import BL30K, Source
from util.errors import InputError
from util.files import make_folder
from util.script import script_main


def install_segment(source: Source, settings: InstallSettings) -> None:
    """Install a segment, and move its videos to those of the other segments.

    The folder ``BL30K/segments/<letter>`` stays, empty, as the sign that the segment is there. After an interruption
    the videos left in it are moved by the next call.
    """
    install(source, settings)
    merge_segment(settings.root / source.target, settings.root / "BL30K")


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
    args = make_download_parser(__doc__, list(BL30K)).parse_args()
    sources = [BL30K[letter] for letter in args.only or BL30K]
    return 1 if install_all(sources, read_settings(args, sources), install_segment) else 0


if __name__ == "__main__":
    main()
