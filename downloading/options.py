"""The options that the download commands share, the question for consent, and the settings that come of them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from downloading.install import InstallSettings
from downloading.sources import Source
from util.errors import InputError
from util.script import make_parser

DEFAULT_ROOT = Path("..")
LICENCES = """\
These data sets belong to their authors, and each has a licence of its own. Read and respect the licences before use,
and cite the papers of what you use:
  DAVIS 2016, 2017       https://davischallenge.org
  YouTube-VOS            https://youtube-vos.org
  FSS-1000               Li et al., CVPR 2020
  DUTS                   Wang et al., CVPR 2017
  ECSSD                  Shi et al., TPAMI 2015
  HRSOD                  Zeng et al., ICCV 2019
  BIG                    Cheng et al., CVPR 2020, https://github.com/hkchengrex/CascadePSP
  BL30K                  Cheng et al., CVPR 2021, https://github.com/hkchengrex/MiVOS
"""


def make_download_parser(description: str, names: Sequence[str]) -> argparse.ArgumentParser:
    """Make a parser with the options that the download commands share.

    Args:
        description: the script's docstring, shown as it is.
        names: what can be downloaded.
    """
    parser = make_parser(description)
    what = parser.add_argument_group("what and where")
    what.add_argument(
        "--only", choices=names, nargs="+", metavar="NAME", help=f"any of {', '.join(names)} (default: all)"
    )
    what.add_argument(
        "--root", type=Path, default=DEFAULT_ROOT, help="folder for the data (default: .., beside the project)"
    )
    archives = parser.add_argument_group("archives and licences")
    archives.add_argument(
        "--from_archive", type=Path, metavar="FILE", help="take the one archive of --only from this file"
    )
    archives.add_argument("--keep_archives", action="store_true", help="keep downloaded archives after unpacking")
    archives.add_argument("--yes", action="store_true", help="I have read the licences; do not ask")
    return parser


def read_settings(args: argparse.Namespace, sources: Sequence[Source]) -> InstallSettings:
    """Turn the parsed options into settings, once the user accepts the licences.

    Raises:
        InputError: no consent, or a single archive is given for several sources.
    """
    if args.from_archive is not None and len(sources) > 1:
        raise InputError(f"{args.from_archive}: --from_archive is for one archive; name it with --only, see --help")
    accept_licences(is_accepted=args.yes)
    return InstallSettings(args.root, args.from_archive, args.keep_archives)


def accept_licences(*, is_accepted: bool) -> None:
    """Show whose the data are, and ask unless it is accepted already.

    Raises:
        InputError: no consent, or nobody to ask.
    """
    print(LICENCES, file=sys.stdout if is_accepted else sys.stderr, flush=True)  # a question is shown in any case
    if is_accepted:
        return
    if not sys.stdin.isatty():
        raise InputError("the licences need your consent and there is no terminal to ask; read them, then add --yes")
    print("Download and unpack under these terms? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InputError("nothing was downloaded, since the licences were not accepted; answer y to accept them")
