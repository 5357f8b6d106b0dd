"""Options of ``eval_generic.py``: where masks are propagated to, which masks are input, which frames are written."""

import argparse
from pathlib import Path
from typing import get_args

from dataset.frame_lists import select_videos, want_frames
from dataset.layouts import read_list
from dataset.passes import Direction, MasksUsed
from dataset.videos import VideoEntry
from output.video import EXPORTS

WRITTEN = ("all", "annotated", "list")


def add_choices(group: argparse._ArgumentGroup) -> None:
    """Add the options of where masks are propagated to, which of them, and what is written."""
    add = group.add_argument
    frame_help = "name or number of the frame of a single --mask, or of --box and --points (default: the first)"
    add("--mask_frame", metavar="FRAME", help=frame_help)
    both_help = "where to: to later frames, to earlier ones, or both ways from each mask"
    add("--direction", choices=get_args(Direction), default="forward", help=both_help)
    masks_help = "masks that are input; the others are left out (backward: the last of the video are the first)"
    add("--masks", choices=get_args(MasksUsed), default="all", help=masks_help)
    add("--list", type=Path, metavar="FILE", help="videos of --data_path, a name on each line (default: all)")
    write_help = "frames to write: all that are reached, those with masks, or those of --write_list"
    add("--write", choices=WRITTEN, default="all", help=write_help)
    list_help = "a frame on each line, or VIDEO/FRAME"
    add("--write_list", type=Path, metavar="FILE", help=list_help)


def check_choices(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options of ``add_choices`` that do not go together."""
    if args.mask_frame is not None and args.video is None:
        parser.error("--mask_frame goes with --video; masks of --data_path have the names of their frames")
    if args.mask_frame is not None and args.mask is not None and args.mask.is_dir():
        parser.error(f"--mask_frame goes with a single mask, but --mask {args.mask} is a folder of masks")
    if args.list is not None and args.data_path is None:
        parser.error("--list goes with --data_path; --video is a single one")
    if (args.write == "list") != (args.write_list is not None):
        parser.error("--write list and --write_list FILE go together")
    whole = [f"--export {kind}" for kind in args.export if EXPORTS[kind].shows_all_frames]
    whole = ["--overlay", *whole] if args.overlay else whole
    if args.write != "all" and whole:
        parser.error(f"{whole[0]} shows all frames, but --write {args.write} leaves some out; give one of them")


def choose(entries: list[VideoEntry], args: argparse.Namespace) -> list[VideoEntry]:
    """Apply the options of ``add_choices`` to the videos.

    Raises:
        InputError: a list is unreadable, or names what is not there.
    """
    if args.list is not None:
        entries = select_videos(entries, read_list(args.list), args.list)
    if args.write_list is not None:
        entries = want_frames(entries, args.write_list)
    return [
        entry._replace(
            mask_frame=args.mask_frame,
            direction=args.direction,
            masks_used=args.masks,
            only_annotated=args.write == "annotated",
        )
        for entry in entries
    ]
