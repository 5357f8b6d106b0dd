"""What the downloads of data share: options, licences, and one archive after the other fetched, unpacked and placed."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dataset.resize import SHORT_SIDE, resize_videos
from downloading.fetch import UnreachableError, fetch, find_flaw, set_aside
from downloading.sources import Source
from downloading.unpack import DamagedError, unpack
from util.errors import InputError

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


def make_parser(description: str, names: Sequence[str]) -> argparse.ArgumentParser:
    """A parser with the options that the scripts share.

    Args:
        description: the script's docstring, shown as it is.
        names: of what can be downloaded.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--only", choices=names, nargs="+", metavar="NAME", help=f"of {', '.join(names)} (default: all)")
    add("--root", type=Path, default=Path(".."), help="folder for the data (default: .., beside the project)")
    add("--from_archive", type=Path, metavar="FILE", help="take the one archive of --only from this file")
    add("--keep_archives", action="store_true", help="keep downloaded archives after they are unpacked")
    add("--yes", action="store_true", help="I have read the licences; do not ask")
    return parser


def accept_licences(*, is_accepted: bool) -> None:
    """Show whose the data are, and ask unless it is accepted already.

    Raises:
        InputError: no consent, or nobody to ask.
    """
    print(LICENCES)
    if is_accepted:
        return
    if not sys.stdin.isatty():
        raise InputError("the licences need your consent and there is no terminal to ask; read them, then add --yes")
    try:
        answer = input("Download and unpack under these terms? [y/N] ")
    except EOFError:
        answer = "no"
    if answer.strip().lower() not in ("y", "yes"):
        raise InputError("nothing was downloaded, since the licences were not accepted")


def install_all(
    sources: Sequence[Source], args: argparse.Namespace, install: Callable[[Source, argparse.Namespace], None]
) -> int:
    """Install one source after the other; one that fails is told of and does not stop the others.

    Returns:
        Exit status: 1 if some are missing.

    Raises:
        InputError: all failed, there is no connection, or ``--from_archive`` with several sources.
    """
    if args.from_archive is not None and len(sources) > 1:
        raise InputError(f"{args.from_archive}: --from_archive is for one archive; name it with --only, see --help")
    accept_licences(is_accepted=args.yes)
    num_failed = 0
    for source in sources:
        try:
            install(source, args)
        except (InputError, OSError) as e:
            if len(sources) == 1 or isinstance(e, UnreachableError):
                raise
            num_failed += 1
            print(f"error: {e}", file=sys.stderr)
    if num_failed == len(sources):
        raise InputError(f"none of {num_failed} archives could be installed")
    return 1 if num_failed else 0


def install(source: Source, args: argparse.Namespace) -> None:
    """Fetch an archive and unpack it to its place, and resize its videos if training reads them so.

    Raises:
        InputError: with the remedy.
    """
    target, last = args.root / source.target, args.root / (source.resized or source.target)
    if source.is_in(last):
        print(f"{last} is there already")
        return
    if not source.is_in(target):
        _place(source, args, target)
    if source.resized:
        print(f"resizing {target} to short side {SHORT_SIDE}; when interrupted, run this again to go on")
        num_unreadable = resize_videos(target, last)
        print(f"{last} is in place" + (f", without {num_unreadable} unreadable files" if num_unreadable else ""))


def _place(source: Source, args: argparse.Namespace, target: Path) -> None:
    if source.needs and not (args.root / source.needs).exists():
        raise InputError(f"{args.root / source.needs}: must be there before {source.name}; install it first")
    archive = args.from_archive
    if archive is None:
        archive = args.root / "archives" / source.file_name
        fetch(source, archive)
    elif flaw := find_flaw(archive, source.checksum):
        raise InputError(f"{archive}: {flaw}; get it again from {source.address}")
    try:
        unpack(archive, target, source.marker)
    except DamagedError as e:
        if args.from_archive is not None:
            raise
        raise InputError(f"{e}: it is kept aside as {set_aside(archive).name}, run this again") from e
    print(f"{target} is in place")
    if args.from_archive is None and not args.keep_archives:
        archive.unlink()
        print(f"removed {archive}")
