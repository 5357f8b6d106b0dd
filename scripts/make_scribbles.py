"""Make scribbles for annotated sequences that have none: the robot draws them instead of a person.

    python -m scripts.make_scribbles --davis ../DAVIS/2017

Each sequence of val gets three files, Scribbles/<sequence>/001.json to 003.json, with the middle lines of all objects
and of the background in its first, middle and last frame. Files that are there stay.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
from pathlib import Path

import numpy as np

from dataset.images import list_images
from dataset.layouts import davis_2017_videos
from dataset.stored_masks import read_stored_ids
from interactive.davis.protocol import write_scribbles
from interactive.davis.robot import RobotConfig, draw_lines
from util.files import make_folder
from util.progress import with_progress
from util.script import make_parser, script_main

NO_ID = -1
FINE = RobotConfig(kernel=0.1)  # also thin objects get a line


@script_main
def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--davis", type=Path, default=Path("../DAVIS/2017"), help="folder of DAVIS 2017")
    args = parser.parse_args()
    entries, written = davis_2017_videos(args.davis, "val"), 0
    for entry in with_progress(entries, "scribbles", len(entries)):
        masks = list(list_images(entry.truth).values())
        folder = entry.frames.parents[2] / "Scribbles" / entry.name
        make_folder(folder)
        largest = int(read_stored_ids(masks[0]).max())
        for number, frame in enumerate((0, len(masks) // 2, len(masks) - 1), 1):
            path = folder / f"{number:03d}.json"
            if not path.exists():
                truth = read_stored_ids(masks[frame])
                lines = draw_lines(truth, np.full_like(truth, NO_ID), range(largest + 1), FINE)
                write_scribbles(path, entry.name, len(masks), {frame: lines})
                written += 1
    print(f"{written} files written")


if __name__ == "__main__":
    main()
