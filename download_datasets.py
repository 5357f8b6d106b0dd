"""Download the data of the benchmarks and of training, and put it where the scripts look for it.

    python download_datasets.py                                # all but BL30K (for that: download_bl30k.py)
    python download_datasets.py --only davis2017 youtube2019
    python download_datasets.py --only davis2016 --from_archive FILE      # an archive that you downloaded by hand
    python download_datasets.py --verify                       # is everything there, whole and in its place?

What is there already is skipped. After an interruption the same command goes on where it was.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from downloading.install import install, install_all, make_parser
from downloading.sources import DATA_SETS, DATA_SOURCES, Source
from downloading.verify import verify
from util.script import script_main


def verify_all(sources: Sequence[Source], root: Path) -> int:
    """Print what is there, and each flaw with the command that mends it; returns the exit status."""
    num_flaws = 0
    for source in sources:
        report = verify(source, root)
        print(*report.summary, sep="\n")
        for error in report.errors:
            print(f"error: {error}", file=sys.stderr)
        num_flaws += len(report.errors)
    print(f"{num_flaws or 'no'} flaws found")
    return 1 if num_flaws else 0


@script_main
def main() -> int:
    parser = make_parser(__doc__, list(dict.fromkeys([*DATA_SETS, *DATA_SOURCES])))
    parser.add_argument("--verify", action="store_true", help="check what is there instead of downloading")
    args = parser.parse_args()
    chosen = [source for name in args.only or DATA_SETS for source in DATA_SETS.get(name) or (DATA_SOURCES[name],)]
    sources = list(dict.fromkeys(chosen))
    return verify_all(sources, args.root) if args.verify else install_all(sources, args, install)


if __name__ == "__main__":
    main()
