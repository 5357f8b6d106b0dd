"""Resize videos and their masks to a short side of 480, as training on YouTube-VOS reads them.

    python -m scripts.resize_videos --data_path MY_DATA --output MY_DATA_480p
    python train.py --stage 3 --vos_root MY_DATA_480p

MY_DATA holds JPEGImages/<video>/*.jpg and Annotations/<video>/*.png. Masks keep their ids and palettes. The output
folder appears when all is done. After an interruption the same command goes on where it was.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
from pathlib import Path

from dataset.resize import SHORT_SIDE, resize_videos
from util.options import pixels
from util.script import make_parser, script_main


@script_main
def main() -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--data_path", type=Path, required=True, help="folder with JPEGImages and Annotations")
    parser.add_argument("--output", type=Path, required=True, help="folder to write, which is not there yet")
    parser.add_argument("--size", type=pixels, default=SHORT_SIDE, help="short side in pixels")
    args = parser.parse_args()
    num_unreadable = resize_videos(args.data_path, args.output, args.size)
    print(f"{args.output} is written; {num_unreadable} unreadable files are left out")
    return 1 if num_unreadable else 0


if __name__ == "__main__":
    main()
