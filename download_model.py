"""Download the released weights.

python download_model.py                     # s012 (the better ones) to saves/stcn.pth
python download_model.py --which s03         # to saves/stcn_s03.pth
"""

import argparse
from pathlib import Path

import gdown

from util.download import DEFAULT_WEIGHTS, WEIGHTS_DRIVE_ID, drive_address
from util.errors import InputError, script_main
from util.files import write_then_rename


def download(which: str, target: Path) -> None:
    """Fetch one file of weights; a file that is there already is left alone.

    Raises:
        InputError: if it cannot be fetched.
    """
    if target.exists():
        print(f"{target} is there already")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    drive_id = WEIGHTS_DRIVE_ID[which]
    by_hand = f"open {drive_address(drive_id)} in a browser and save the file as {target}"
    with write_then_rename(target) as temporary:
        try:
            gdown.download(id=drive_id, output=str(temporary))
        except Exception as e:  # gdown raises whatever its HTTP library does
            cause = (str(e).strip() or type(e).__name__).splitlines()[0]
            raise InputError(f"{target.name}: download failed ({cause}); {by_hand}") from e
        if not temporary.exists():
            raise InputError(f"{target.name}: Google Drive refused the download; {by_hand}")
    print(f"wrote {target}")


@script_main
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--which", choices=WEIGHTS_DRIVE_ID, default="s012", help="which weights (default: s012)")
    args = parser.parse_args()
    name = "stcn.pth" if args.which == "s012" else f"stcn_{args.which}.pth"
    download(args.which, DEFAULT_WEIGHTS.with_name(name))


if __name__ == "__main__":
    main()
