"""The options that all ``eval_*.py`` share, and the tracker and the settings made of them."""

import argparse
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PIL import ImageColor

from evaluation.measuring import DAVIS, Protocol
from evaluation.run import EvaluationSettings
from model.weights import default_weights
from output.export import GREEN_SCREEN
from output.video import EXPORTS
from tracker import TrackerConfig, VideoTracker
from tracking.config import KERNEL_ABOVE
from util.device import FRAMES_AT_ONCE_CUDA, PRECISIONS
from util.errors import InputError
from util.options import frames_at_once, not_negative, positive_int, side, whole_number
from util.script import make_parser

DEFAULTS = TrackerConfig()
MAX_VIDEOS_AT_ONCE = 64  # each holds its memory on the device and reads in threads of its own
SCORE_HELP = "print J and F against the ground truth, and write scores.json and scores.csv"
PLOT_HELP = "draw J and F over the frames, and the worst frames beside their ground truth, into <output>/plots/"
ZIP_HELP = "write <output>/submission.zip for the evaluation server"
KERNEL_HELP = f"kernel of memory reading at --scales above {KERNEL_ABOVE}, in cells of 16 pixels; 0: plain reading"


def make_evaluation_parser(
    description: str,
    *,
    size: int | None = None,
    precision: str = "float32",
    exact: bool | None = True,
    needs_output: bool = True,
) -> tuple[argparse.ArgumentParser, argparse._ArgumentGroup, argparse._ArgumentGroup]:
    """Make a parser with the options that all evaluation scripts share.

    Args:
        description: the script's docstring, shown as it is written.
        size: short side to compute at unless the user says; None: native size.
        precision: what to compute in unless the user says; ``auto``: what the device is fast in.
        exact: whether to decode each object in the whole frame unless the user says; None: not on a CPU.
        needs_output: whether ``--output`` must be given.

    Returns:
        the parser, and its groups for input and for output, to which a script adds its own options.
    """
    parser = make_parser(description)
    given, written = parser.add_argument_group("input"), parser.add_argument_group("output")
    strict_help = "refuse video files that seem to lack frames, rather than note it"
    given.add_argument("--strict", action="store_true", help=strict_help)
    _add_output(written, is_required=needs_output)
    _add_accuracy(parser.add_argument_group("accuracy"), size, exact=exact)
    _add_speed(parser.add_argument_group("network, speed and memory"), precision)
    _add_masks(parser.add_argument_group("reading of masks"))
    return parser, given, written


def _add_output(group: argparse._ArgumentGroup, *, is_required: bool) -> None:
    add = group.add_argument
    add("--output", type=Path, required=is_required, help="folder to write to")
    add("--overlay", action="store_true", help="write <video>_overlay.mp4 with coloured, numbered objects")
    probabilities_help = "write the probabilities of each frame (.npz), and a table of confidences (.csv)"
    add("--save_probabilities", action="store_true", help=probabilities_help)
    add("--save_scores", dest="save_probabilities", action="store_true", help=argparse.SUPPRESS)  # the former name
    _add_exports(add)
    add("--keep_annotations", action="store_true", help="write given masks unchanged")
    add("--resume", action="store_true", help="skip videos whose results are all there, of the same input and options")
    add("--overwrite", action="store_true", help="remove results of another video that has the same name")


def _add_exports(add: Callable) -> None:
    kinds = [kind for kind in EXPORTS if kind != "masks"]
    export_help = f"write these beside the masks as well: {', '.join(kinds)}; see docs/export.md"
    add("--export", nargs="+", choices=kinds, metavar="KIND", default=[], help=export_help)
    colour_help = "colour behind the objects of green: rrggbb, or a name (default: 00ff00)"
    add("--green_colour", type=_colour, metavar="COLOUR", help=colour_help)


def _colour(text: str) -> tuple[int, int, int]:
    """Parse an option's value: a colour, by name or as rrggbb."""
    for name in (f"#{text}", text):
        with suppress(ValueError):
            return ImageColor.getrgb(name)[:3]
    raise argparse.ArgumentTypeError(f"{text[:40]!r} is no colour; give rrggbb, or a name such as blue")


def _list_exports(args: argparse.Namespace) -> tuple[str, ...]:
    """List the kinds of results, each once; two of them have options of their own."""
    chosen = {*args.export, *(["overlay"] * args.overlay), *(["probabilities"] * args.save_probabilities)}
    if args.green_colour is not None and "green" not in chosen:
        raise InputError("--green_colour goes with --export green")
    return ("masks", *(kind for kind in EXPORTS if kind in chosen))


def _add_accuracy(group: argparse._ArgumentGroup, size: int | None, *, exact: bool | None) -> None:
    add = group.add_argument
    sides = group.add_mutually_exclusive_group()
    size_help = f"short side to compute at, -1: native (default: {size or 'native'})"
    sides.add_argument("--size", type=side, default=size, help=size_help)
    scales_help = "compute at these short sides instead, and average"
    sides.add_argument("--scales", type=side, nargs="+", metavar="SIZE", help=scales_help)
    add(
        "--top",
        type=positive_int,
        metavar="N",
        help="memory positions read for each query position (default: 20, or as the network was trained)",
    )
    every_help = "memorise every n-th frame (default: 5, on DAVIS test-dev 3; with the small network 2)"
    add("--mem_every", type=positive_int, metavar="N", help=every_help)
    add("--include_last", action="store_true", help="hold the last frame as a temporary memory as well")
    add("--flip", action="store_true", help="compute on mirrored frames as well, and average")
    shown = {True: "whole frame", None: "whole frame on a GPU only"}[exact]
    exact_help = f"decode each object in the whole frame, or only where the memory shows it (default: {shown})"
    add("--exact", action=argparse.BooleanOptionalAction, default=exact, help=exact_help)
    add("--kernel_sigma", type=not_negative, metavar="SIGMA", default=DEFAULTS.kernel_sigma, help=KERNEL_HELP)


def _add_speed(group: argparse._ArgumentGroup, precision: str) -> None:
    add = group.add_argument
    add(
        "--model",
        type=Path,
        help="weights, a .pth (default: saves/stcn.pth if it is there, else the small network's)",
    )
    add_device_options(group, precision)
    for name, value in (("--amp", "auto"), ("--amp_off", "float32")):  # the published names
        add(name, dest="precision", action="store_const", const=value, help=argparse.SUPPRESS)
    bound_help = "bound on the memory frames, for long videos (default: none)"
    add("--max_memory_frames", type=positive_int, metavar="N", help=bound_help)
    at_once_help = f"frames encoded together (default: {FRAMES_AT_ONCE_CUDA} on CUDA, else 1)"
    add("--frames_at_once", type=frames_at_once, metavar="N", help=at_once_help)
    videos_help = "videos segmented together, their frames encoded in one batch; for a GPU that has time left"
    add("--videos_at_once", type=whole_number(1, MAX_VIDEOS_AT_ONCE), metavar="N", default=1, help=videos_help)
    add("--compile", action="store_true", help="compile the network: pays for many frames of one size")
    graphs_help = "on CUDA, replay the network as CUDA graphs: a fast GPU then waits less for the host"
    add("--cuda_graphs", action=argparse.BooleanOptionalAction, default=True, help=graphs_help)


def add_device_options(group: argparse._ArgumentGroup, precision: str) -> None:
    """Add the options about where and in what to compute.

    Args:
        precision: what to compute in unless the user says.
    """
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    precision_help = "what to compute in; auto: half precision where the device is fast in it"
    group.add_argument("--precision", choices=("auto", *PRECISIONS), default=precision, help=precision_help)


def _add_masks(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    max_help = "refuse masks with more ids than this"
    add("--max_objects", type=positive_int, metavar="N", default=DEFAULTS.max_objects, help=max_help)
    add("--ignore_id", type=positive_int, metavar="ID", help='an id that means "not labelled", such as 255')
    add(
        "--background",
        metavar="COLOUR",
        help="colour of the background (default: black; white around colours is detected)",
    )


def add_scoring(group: argparse._ArgumentGroup) -> None:
    """Add the options that score: ``check_scoring`` checks them, ``make_settings`` takes them."""
    group.add_argument("--score", action="store_true", help=SCORE_HELP)
    group.add_argument("--plot", action="store_true", help=PLOT_HELP)


def check_scoring(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options that go with scores where there are none."""
    if args.plot and not args.score:
        parser.error("--plot goes with --score")


def load_tracker(args: argparse.Namespace) -> VideoTracker:
    """Load the network and settle how to segment.

    Args:
        args: of ``make_evaluation_parser``.

    Raises:
        InputError: unusable weights or device, or options that contradict each other.
    """
    if args.compile and args.exact is False:
        raise InputError("--compile and --no-exact: a compiled decoder takes whole frames; leave one of them out")
    return VideoTracker.load(
        args.model,
        args.device,
        args.precision,
        compile=args.compile,
        cuda_graphs=args.cuda_graphs,
        size=args.size,
        scales=tuple(args.scales or ()),
        flip=args.flip,
        kernel_sigma=args.kernel_sigma or None,
        top_k=args.top,
        mem_every=args.mem_every,
        include_last=args.include_last,
        max_memory_frames=args.max_memory_frames,
        frames_at_once=args.frames_at_once,
        exact=args.compile or args.exact,  # a compiled decoder takes frames of one size
        keep_annotations=args.keep_annotations,
        max_objects=args.max_objects,
        ignore_id=args.ignore_id,
        background=args.background,
        strict=args.strict,
    )


def make_settings(
    args: argparse.Namespace,
    *,
    output: Path | None = None,
    score: bool = False,
    output_all: bool = False,
    protocol: Protocol = DAVIS,
) -> EvaluationSettings:
    """Settle what to write and where.

    Args:
        args: of ``make_evaluation_parser``.
        output: folder of the videos' folders, unless it is the option's.
        score: whether to score against the ground truth.
        output_all: whether to write frames that a data set does not ask for.
        protocol: how they are scored.

    Raises:
        InputError: options that contradict each other.
    """
    return EvaluationSettings(
        output=output or args.output,
        exports=_list_exports(args),
        green_colour=args.green_colour or GREEN_SCREEN,
        resume=args.resume,
        overwrite=args.overwrite,
        weights=args.model or default_weights(),
        score=score,
        plot=score and args.plot,
        protocol=protocol,
        output_all=output_all,
        videos_at_once=args.videos_at_once,
    )
