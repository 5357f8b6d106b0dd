"""Download the released weights to saves/.

    python download_model.py                     # s012 (the better ones) to saves/stcn.pth
    python download_model.py --which s03         # to saves/stcn_s03.pth; s0 and s01 are what training goes on from
    python download_model.py --from_archive FILE # weights that you downloaded by hand

An interrupted download goes on where it was when the command is run again.
"""

import shutil
from pathlib import Path

from downloading.fetch import fetch, set_aside
from downloading.sources import WEIGHTS
from model.checkpoint import load_network
from util.errors import InputError
from util.files import PROJECT_ROOT, make_folder, write_then_rename
from util.script import make_parser, script_main


def copy_weights(file: Path, target: Path) -> None:
    """Put a file of weights in place.

    Raises:
        InputError: it does not hold weights of this network.
    """
    load_network(file)
    make_folder(target.parent)
    with write_then_rename(target) as temporary:
        shutil.copyfile(file, temporary)


@script_main
def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--which", choices=WEIGHTS, default="s012", help="which weights")
    parser.add_argument("--from_archive", type=Path, metavar="FILE", help="take this file instead of downloading it")
    args = parser.parse_args()
    source = WEIGHTS[args.which]
    target = PROJECT_ROOT / source.target
    is_there = target.exists()
    if args.from_archive is not None:
        if is_there:
            raise InputError(f"{target}: is there already, and nothing is overwritten; move it away first")
        copy_weights(args.from_archive, target)
    fetch(source, target)
    try:
        load_network(target)
    except InputError as e:
        raise InputError(f"{e}; this one is kept aside as {set_aside(target).name}") from e
    print(f"{target} is there already" if is_there else f"wrote {target}")


if __name__ == "__main__":
    main()
