"""Download the released weights to saves/.

    python download_model.py                     # s012 (the better ones) to saves/stcn.pth
    python download_model.py --which s03         # to saves/stcn_s03.pth; s0 and s01 are what training goes on from
    python download_model.py --which s2m fusion_stcn    # for interactive use: strokes to masks, fusion of results
    python download_model.py --from_archive FILE # weights that you downloaded by hand

An interrupted download goes on where it was when the command is run again.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import shutil
from pathlib import Path

from downloading.fetch import fetch, set_aside
from downloading.sources import WEIGHTS, Source
from model.checkpoint import load_network
from model.fusion import load_fusion
from model.s2m import load_s2m
from util.errors import InputError
from util.files import PROJECT_ROOT, make_folder, write_then_rename
from util.script import make_parser, script_main

LOADERS = {"s2m": load_s2m, "fusion_stcn": load_fusion}  # all others are weights of STCN


def copy_weights(source: Source, file: Path, target: Path) -> None:
    """Put a file of weights in place.

    Raises:
        InputError: it does not hold weights of the network.
    """
    check_weights(source, file)
    make_folder(target.parent)
    with write_then_rename(target) as temporary:
        shutil.copyfile(file, temporary)


def check_weights(source: Source, file: Path) -> None:
    """Make sure that a file holds weights of the network that they are meant for.

    Raises:
        InputError: it does not.
    """
    LOADERS.get(source.name, load_network)(file)


def install(source: Source, from_archive: Path | None) -> None:
    """Put weights in place, from the network or from a file.

    Raises:
        InputError: they cannot be had, are of another network, or would replace others.
    """
    target = PROJECT_ROOT / source.target
    is_there = target.exists()
    if from_archive is not None:
        if is_there:
            raise InputError(f"{target}: is there already, and nothing is overwritten; move it away first")
        copy_weights(source, from_archive, target)
    fetch(source, target)
    try:
        check_weights(source, target)
    except InputError as e:
        raise InputError(f"{e}; this one is kept aside as {set_aside(target).name}") from e
    print(f"{target} is there already" if is_there else f"wrote {target}")


@script_main
def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--which", choices=WEIGHTS, nargs="+", default=["s012"], metavar="NAME", help=f"any of {', '.join(WEIGHTS)}"
    )
    parser.add_argument("--from_archive", type=Path, metavar="FILE", help="take this file instead of downloading it")
    args = parser.parse_args()
    if args.from_archive is not None and len(args.which) > 1:
        raise InputError(f"{args.from_archive}: --from_archive is for one file; name one by --which")
    for name in args.which:
        install(WEIGHTS[name], args.from_archive)


if __name__ == "__main__":
    main()
