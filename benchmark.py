"""Measure speed and memory, on whatever machine this is; needs neither weights nor data.

    python benchmark.py inference --objects 1 3 --precision float32 bfloat16    frames per second, peak memory
    python benchmark.py memory                    readout of 1 to 200 memory frames against the dense one
    python benchmark.py long                      2000 frames: speed and memory of each hundred
    python benchmark.py data                      training clips per core-second
    python benchmark.py train                     training steps per second
    python benchmark.py agreement                 reduced precision against float32, with trained weights
    python benchmark.py gpu --json gpu.json       all that a GPU has to show, in ten minutes; a CPU does it in small

The project is measured beside a plain twin of the published algorithm, which runs in the same call and in a process of
its own: in float32 on a CPU, in the same precision on CUDA. Tables are Markdown; --json FILE writes all figures.
"python benchmark.py SUBJECT --help" lists the options of a subject.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarking.agreement import compare_precisions
from benchmarking.gpu import choose_extent, describe_row, format_rows, run_steps
from benchmarking.inference import Case, compare, measure_long
from benchmarking.readout import compare_readouts
from benchmarking.report import describe_machine, format_table, run_apart
from benchmarking.training import DEMO, measure_data, measure_steps
from dataset.videos import VideoEntry
from model.network import SIZES
from model.weights import default_weights
from util.device import PRECISIONS, choose_amp_dtype, choose_device, default_frames_at_once
from util.errors import InputError
from util.files import make_folder, write_then_rename
from util.options import frames_at_once, pixels, positive_int
from util.script import make_parser, script_main


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    subjects = parser.add_subparsers(dest="subject", required=True)
    add_inference(subjects)
    add_memory(subjects)
    add_long(subjects)
    add_data(subjects)
    add_train(subjects)
    add_agreement(subjects)
    add_gpu(subjects)
    return parser.parse_args()


def add_inference(subjects) -> None:
    """Add the options of ``benchmark.py inference``."""
    parser = add_subject(subjects, "inference", run_inference, "frames per second and peak memory, beside the twin")
    clip = parser.add_argument_group("clip")
    clip.add_argument(
        "--objects", type=positive_int, nargs="+", default=[1, 3], help="numbers of objects, a row each (default: 1 3)"
    )
    add_number(clip, "--frames", 30, "frames of the clip")
    add_size(clip, 480, 854)
    computing = add_computing(parser)
    precision_help = "dtypes to compute in, a row each (default: float32 and what the device is fast in)"
    computing.add_argument("--precision", choices=PRECISIONS, nargs="+", help=precision_help)
    add_network(computing)
    frames_help = "frames encoded together (default: as eval_*.py)"
    computing.add_argument("--frames_at_once", type=frames_at_once, help=frames_help)
    computing.add_argument("--compile", action="store_true", help="compile the network")
    reading = parser.add_argument_group("measuring")
    add_number(reading, "--repeats", 3, "repeats, whose median counts")
    reading.add_argument("--no_twin", action="store_true", help="leave out the twin of the published algorithm")


def add_memory(subjects) -> None:
    """Add the options of ``benchmark.py memory``."""
    parser = add_subject(subjects, "memory", run_memory, "time and memory of the readout, beside the dense one")
    clip = parser.add_argument_group("memory to read")
    frames, text = [1, 5, 20, 50, 100, 200], "numbers of memory frames, a row each (default: 1 5 20 50 100 200)"
    clip.add_argument("--memory_frames", type=positive_int, nargs="+", default=frames, help=text)
    add_number(clip, "--objects", 1, "number of objects")
    add_size(clip, 480, 854)
    add_precision(add_computing(parser), "float32")


def add_long(subjects) -> None:
    """Add the options of ``benchmark.py long``."""
    parser = add_subject(subjects, "long", run_long, "speed and memory of each hundred frames of a long video")
    clip = parser.add_argument_group("video")
    add_number(clip, "--frames", 2000, "frames of the video")
    add_number(clip, "--objects", 1, "number of objects")
    add_size(clip, 96, 160)
    computing = add_computing(parser)
    add_precision(computing, "float32")
    add_network(computing)
    add_number(computing, "--max_memory_frames", 20, "bound on the memory frames")


def add_data(subjects) -> None:
    """Add the options of ``benchmark.py data``."""
    parser = add_subject(subjects, "data", run_data, "training clips per core-second")
    parser.set_defaults(device="cpu")
    reading = parser.add_argument_group("measuring")
    add_number(reading, "--clips", 60, "clips of each repeat")
    add_number(reading, "--repeats", 3, "repeats, whose median counts")


def add_train(subjects) -> None:
    """Add the options of ``benchmark.py train``."""
    parser = add_subject(subjects, "train", run_train, "training steps per second")
    clips = parser.add_argument_group("clips")
    add_number(clips, "--batch", 4, "clips of a step")
    add_number(clips, "--crop", 384, "side of the clips in pixels")
    add_number(clips, "--objects", 2, "number of objects")
    computing = add_computing(parser)
    add_precision(computing, None)
    add_network(computing)
    reading = parser.add_argument_group("measuring")
    add_number(reading, "--steps", 5, "steps after a first one, whose median counts")


def add_agreement(subjects) -> None:
    """Add the options of ``benchmark.py agreement``."""
    parser = add_subject(subjects, "agreement", run_agreement, "share of pixels that reduced precision changes")
    videos = parser.add_argument_group("videos")
    video, mask = DEMO / "clip.mp4", DEMO / "masks/00000.png"
    video_help = "files or folders of frames (default: the demo's)"
    videos.add_argument("--video", type=Path, nargs="+", default=[video], help=video_help)
    mask_help = "masks of the videos' first frames, in the same order (default: the demo's)"
    videos.add_argument("--mask", type=Path, nargs="+", default=[mask], help=mask_help)
    computing = add_computing(parser)
    computing.add_argument("--model", type=Path, default=default_weights(), help="weights (default: as eval_*.py)")
    add_precision(computing, None)


def add_gpu(subjects) -> None:
    """Add the options of ``benchmark.py gpu``."""
    parser = add_subject(subjects, "gpu", run_gpu, "a table of all that a GPU has to show, and as FILE.md with --json")
    reading = add_computing(parser)
    add_number(reading, "--minutes", 10, "minutes after which no more is measured")
    reading.add_argument("--quick", action="store_true", help="measure what takes two minutes on a fast GPU")


def add_subject(subjects, name: str, run: Callable[..., object], text: str) -> argparse.ArgumentParser:
    """Add a subject that ``run`` measures."""
    parser = subjects.add_parser(name, help=text, description=f"{text.capitalize()}.")
    parser.set_defaults(run=run)
    output = parser.add_argument_group("output")
    output.add_argument("--json", type=Path, help="file to write the figures to")
    return parser


def add_computing(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add a group of options for the computation, with the device."""
    group = parser.add_argument_group("computation")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    return group


def add_number(group: argparse._ArgumentGroup, flag: str, default: int, text: str) -> None:
    """Add an option whose value is a positive integer."""
    group.add_argument(flag, type=positive_int, default=default, help=text)


def add_size(group: argparse._ArgumentGroup, height: int, width: int) -> None:
    """Add ``--size``."""
    text = f"size of the frames in pixels (default: {height} {width})"
    names = ("HEIGHT", "WIDTH")
    group.add_argument("--size", type=pixels, nargs=2, default=(height, width), metavar=names, help=text)


def add_network(group: argparse._ArgumentGroup) -> None:
    """Add ``--network``."""
    group.add_argument("--network", choices=SIZES, default="full", help="size of the network")


def add_precision(group: argparse._ArgumentGroup, default: str | None) -> None:
    """Add ``--precision``; without a default it is what the device is fast in."""
    text = f"dtype to compute in (default: {default or 'what the device is fast in'})"
    group.add_argument("--precision", choices=PRECISIONS, default=default, help=text)


def fast_precision(device: torch.device) -> str:
    """Choose the precision that the device is fast in."""
    return str(choose_amp_dtype(device) or torch.float32).removeprefix("torch.")


def run_inference(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """Measure the project and the twin, for each precision and number of objects."""
    cases = [
        Case(
            objects=objects,
            precision=precision,
            frames=args.frames,
            size=tuple(args.size),
            device=str(device),
            network=args.network,
            repeats=args.repeats,
            frames_at_once=args.frames_at_once or default_frames_at_once(device),
            compile=args.compile,
        )
        for precision in args.precision or dict.fromkeys(["float32", fast_precision(device)])
        for objects in args.objects
    ]
    print(f"{args.network} network, {args.size[0]} x {args.size[1]}, {args.frames} frames, {args.repeats} repeats")
    return compare(cases, with_twin=not args.no_twin)


def run_memory(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """Measure both readouts."""
    print(f"{args.objects} object(s), {args.size[0]} x {args.size[1]}, {args.precision}")
    return compare_readouts(args.memory_frames, args.objects, tuple(args.size), str(device), args.precision)


def run_long(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """Measure each hundred frames of a long video."""
    case = Case(args.objects, args.precision, args.frames, tuple(args.size), str(device), args.network)
    stretches = run_apart(measure_long, case, args.max_memory_frames)
    print(
        f"{args.network} network, {args.size[0]} x {args.size[1]}, {args.precision}, {args.objects} object(s), "
        f"at most {args.max_memory_frames} memory frames"
    )
    print(format_table(["frames", "FPS", "peak GiB"], [list(stretch) for stretch in stretches]))
    return [stretch._asdict() for stretch in stretches]


def run_data(args: argparse.Namespace, _: torch.device) -> dict[str, float]:
    """Measure how fast training clips are made."""
    return measure_data(args.clips, args.repeats)


def run_train(args: argparse.Namespace, device: torch.device) -> dict[str, float]:
    """Measure how fast training steps are computed."""
    precision = args.precision or fast_precision(device)
    clips = f"{args.batch} clips of 3 x {args.crop} x {args.crop}"
    print(f"{args.network} network, {clips}, {args.objects} object(s), {precision}", flush=True)
    return measure_steps(args.network, args.batch, args.crop, args.objects, precision, device, args.steps)


def run_agreement(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """Compare both precisions on each video."""
    if len(args.video) != len(args.mask):
        raise InputError(f"--video names {len(args.video)}, --mask {len(args.mask)}; give a mask for each video")
    entries = [VideoEntry(video.stem, video, mask) for video, mask in zip(args.video, args.mask)]
    return compare_precisions(args.precision or fast_precision(device), args.model, entries, device)


def run_gpu(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """Run all steps, and show and write each as soon as it is done."""
    rows = []
    for row in run_steps(choose_extent(device, is_quick=args.quick), args.minutes):
        rows.append(row)
        print(f"{row['step']}: {describe_row(row)}", flush=True)
        if args.json is not None:
            write_report(args.json, device, rows)
            with write_then_rename(args.json.with_suffix(".md")) as temporary:
                temporary.write_text(f"{describe_machine(device)}\n\n{format_rows(rows)}\n")
    print(format_rows(rows))
    return rows


def write_report(path: Path, device: torch.device, figures: object) -> None:
    """Write figures, with the machine and the command line."""
    report = {"machine": describe_machine(device), "arguments": sys.argv[1:], "figures": figures}
    report = json.loads(json.dumps(report), parse_constant=lambda _: None)  # NaN: not known here
    with write_then_rename(path) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n")


@script_main
def main() -> None:
    """Measure a subject."""
    args = parse_arguments()
    device = choose_device(args.device)
    if args.json is not None:
        make_folder(args.json.resolve().parent)  # before the measuring, which may take an hour
    print(describe_machine(device), flush=True)
    figures = args.run(args, device)
    if args.json is not None:
        write_report(args.json, device, figures)


if __name__ == "__main__":
    main()
