"""Download the data sets of evaluation and of training, and put them where the scripts look for them.

    python download_datasets.py                                # all but BL30K (for that: download_bl30k.py)
    python download_datasets.py --only davis2017 youtube2019
    python download_datasets.py --only davis2016 --from_archive FILE      # an archive that you downloaded by hand
    python download_datasets.py --verify                       # is everything there, whole and in its place?

What is there already is skipped. After an interruption the same command goes on where it was.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from downloading.install import install, install_all
from downloading.options import DEFAULT_ROOT, make_download_parser, read_settings
from downloading.sources import DATA_SETS, DATA_SOURCES, Source
from downloading.verify import Report, verify
from util.script import script_main


def verify_all(sources: Sequence[Source], root: Path) -> int:
    """Print what is there, each problem, and how to fix the source that has it; returns the exit status."""
    num_problems = 0
    for source in sources:
        report = verify(source, root)
        print(*report.summary, sep="\n")
        for path, cause in report.problems:
            print(f"error: {path}: {cause}", file=sys.stderr)
        if report.problems:
            print(f"to fix {source.name}: {find_remedy(source, report, root)}", file=sys.stderr)
        num_problems += len(report.problems)
    print(f"{num_problems or 'no'} problems found")
    return 1 if num_problems else 0


def find_remedy(source: Source, report: Report, root: Path) -> str:
    """Tell what the user must do to get a source whole."""
    place = [] if root == DEFAULT_ROOT else ["--root", str(root)]
    command = shlex.join(["python", "download_datasets.py", "--only", source.name, *place])
    if not report.in_the_way:
        return f"run `{command}`"
    return f"move {' and '.join(map(str, report.in_the_way))} away, then run `{command}`"


@script_main
def main() -> int:
    parser = make_download_parser(__doc__, list(dict.fromkeys([*DATA_SETS, *DATA_SOURCES])))
    parser.add_argument("--verify", action="store_true", help="check what is there instead of downloading")
    args = parser.parse_args()
    chosen = [source for name in args.only or DATA_SETS for source in DATA_SETS.get(name) or (DATA_SOURCES[name],)]
    sources = list(dict.fromkeys(chosen))
    if args.verify:
        return verify_all(sources, args.root)
    return 1 if install_all(sources, read_settings(args, sources), install) else 0


if __name__ == "__main__":
    main()
