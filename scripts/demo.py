"""Segment the repository's clip and compare with its known masks: `make demo`, or

    python -m scripts.demo [any option of eval_generic.py but --output]

Masks and the overlay are written to results/demo/. The weights are saves/stcn.pth if it is there, else the small
network's.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import subprocess
import sys

from evaluation.scoring import format_scores, score_sequence
from util.files import PROJECT_ROOT
from util.script import make_parser, script_main

DEMO, OUTPUT = PROJECT_ROOT / "demo", PROJECT_ROOT / "results" / "demo"


@script_main
def main() -> int:
    make_parser(__doc__).parse_known_args()  # --help and --version; eval_generic.py reads the rest
    arguments = ["--video", DEMO / "clip.mp4", "--mask", DEMO / "masks" / "00000.png", "--output", OUTPUT, "--overlay"]
    command = [str(item) for item in (PROJECT_ROOT / "eval_generic.py", *arguments, *sys.argv[1:])]
    print("$ python", *command, flush=True)
    status = subprocess.run([sys.executable, *command]).returncode
    if status == 0:
        print(format_scores({"clip": score_sequence(OUTPUT / "clip", DEMO / "masks")}, 1))
    return status


if __name__ == "__main__":
    main()
