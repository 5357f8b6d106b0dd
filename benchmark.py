"""Measure speed and memory, on whatever machine this is; needs neither weights nor data.

    python benchmark.py inference --objects 1 3 --precision float32 bfloat16    frames per second, peak memory
    python benchmark.py memory                    readout of 1 to 200 memory frames against the dense one
    python benchmark.py long                      2000 frames: speed and memory of each hundred
    python benchmark.py data                      training clips per core-second
    python benchmark.py train                     training steps per second
    python benchmark.py agreement                 reduced precision against float32, with trained weights

What is compared with runs in the same call, in a process of its own: a plain twin of the published algorithm, in
float32 on a CPU and in the same precision on CUDA. Tables are Markdown; --json FILE writes all figures.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from benchmarking.agreement import compare_precisions
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
from util.options import positive_int
from util.script import script_main


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    subjects = parser.add_subparsers(dest="subject", required=True)

    def add_subject(name: str, run, text: str, *, has_device: bool = True):
        subject = subjects.add_parser(name, help=text)
        subject.set_defaults(run=run)
        subject.add_argument("--json", type=Path, help="file to write the figures to")
        subject.set_defaults(device="cpu")
        if has_device:
            subject.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
        return subject.add_argument

    add = add_subject("inference", run_inference, "frames per second and peak memory, beside the published algorithm")
    add("--objects", type=positive_int, nargs="+", default=[1, 3], help="(default: 1 3)")
    add("--precision", choices=PRECISIONS, nargs="+", help="(default: float32, and what the device is fast in)")
    add("--frames", type=positive_int, default=30, help="of the clip (default: 30)")
    add("--repeats", type=positive_int, default=3, help="of which the median counts (default: 3)")
    add("--frames_at_once", type=positive_int, help="frames encoded together (default: as eval_*.py)")
    add("--compile", action="store_true", help="compile the network")
    add("--no_twin", action="store_true", help="measure ours alone")
    add_network_options(add, (480, 854))

    add = add_subject("memory", run_memory, "time and memory of the readout, beside the dense one")
    add("--memory_frames", type=positive_int, nargs="+", default=[1, 5, 20, 50, 100, 200], help="(default: 1 to 200)")
    add("--objects", type=positive_int, default=1, help="(default: 1)")
    add("--precision", choices=PRECISIONS, default="float32", help="of keys and values (default: float32)")
    add("--size", type=positive_int, nargs=2, default=(480, 854), metavar=("HEIGHT", "WIDTH"), help="of the frames")

    add = add_subject("long", run_long, "speed and memory of each hundred frames of a long video")
    add("--frames", type=positive_int, default=2000, help="(default: 2000)")
    add("--objects", type=positive_int, default=1, help="(default: 1)")
    add("--precision", choices=PRECISIONS, default="float32", help="(default: float32)")
    add("--max_memory_frames", type=positive_int, default=20, help="bound on the memory (default: 20)")
    add_network_options(add, (96, 160))

    add = add_subject("data", run_data, "training clips per core-second", has_device=False)
    add("--clips", type=positive_int, default=60, help="per repeat (default: 60)")
    add("--repeats", type=positive_int, default=3, help="of which the median counts (default: 3)")

    add = add_subject("train", run_train, "training steps per second")
    add("--batch", type=positive_int, default=4, help="clips per step (default: 4)")
    add("--crop", type=positive_int, default=384, help="side of the clips (default: 384)")
    add("--objects", type=positive_int, default=2, help="(default: 2)")
    add("--steps", type=positive_int, default=5, help="of which the median counts, after a first one (default: 5)")
    add("--precision", choices=PRECISIONS, help="(default: what the device is fast in)")
    add("--network", choices=SIZES, default="full", help="(default: full)")

    add = add_subject("agreement", run_agreement, "share of pixels that reduced precision changes")
    add("--model", type=Path, default=default_weights(), help="trained weights (default: as eval_*.py)")
    add("--precision", choices=PRECISIONS, help="(default: what the device is fast in)")
    add("--video", type=Path, nargs="+", default=[DEMO / "clip.mp4"], help="files or folders (default: the demo's)")
    add("--mask", type=Path, nargs="+", default=[DEMO / "masks/00000.png"], help="of each video's first frame")
    return parser.parse_args()


def add_network_options(add, size: tuple[int, int]) -> None:
    """What is common to subjects that segment."""
    add("--size", type=positive_int, nargs=2, default=size, metavar=("HEIGHT", "WIDTH"), help=f"(default: {size})")
    add("--network", choices=SIZES, default="full", help="(default: full)")


def fast_precision(device: torch.device) -> str:
    """The precision that the device is fast in."""
    return str(choose_amp_dtype(device) or torch.float32).removeprefix("torch.")


def run_inference(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """Ours and the twin, for each precision and number of objects."""
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
    """Both readouts."""
    print(f"{args.objects} object(s), {args.size[0]} x {args.size[1]}, {args.precision}")
    return compare_readouts(args.memory_frames, args.objects, tuple(args.size), str(device), args.precision)


def run_long(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """A long video, by hundreds of frames."""
    case = Case(args.objects, args.precision, args.frames, tuple(args.size), str(device), args.network)
    stretches = run_apart(measure_long, case, args.max_memory_frames)
    print(
        f"{args.network} network, {args.size[0]} x {args.size[1]}, {args.precision}, {args.objects} object(s), "
        f"at most {args.max_memory_frames} memory frames"
    )
    print(format_table(["frames", "FPS", "peak GiB"], [list(stretch) for stretch in stretches]))
    return [stretch._asdict() for stretch in stretches]


def run_data(args: argparse.Namespace, _: torch.device) -> dict[str, float]:
    """Clips."""
    return measure_data(args.clips, args.repeats)


def run_train(args: argparse.Namespace, device: torch.device) -> dict[str, float]:
    """Steps."""
    precision = args.precision or fast_precision(device)
    clips = f"{args.batch} clips of 3 x {args.crop} x {args.crop}"
    print(f"{args.network} network, {clips}, {args.objects} object(s), {precision}", flush=True)
    return measure_steps(args.network, args.batch, args.crop, args.objects, precision, device, args.steps)


def run_agreement(args: argparse.Namespace, device: torch.device) -> list[dict]:
    """Both precisions on each video."""
    if len(args.video) != len(args.mask):
        raise InputError(f"{len(args.video)} of --video, {len(args.mask)} of --mask; give a mask for each video")
    entries = [VideoEntry(video.stem, video, mask) for video, mask in zip(args.video, args.mask)]
    return compare_precisions(args.precision or fast_precision(device), args.model, entries, device)


@script_main
def main() -> None:
    args = parse_arguments()
    device = choose_device(args.device)
    if args.json is not None:
        make_folder(args.json.resolve().parent)  # now rather than after an hour
    print(describe_machine(device), flush=True)
    figures = args.run(args, device)
    if args.json is not None:
        report = {"machine": describe_machine(device), "arguments": sys.argv[1:], "figures": figures}
        report = json.loads(json.dumps(report), parse_constant=lambda _: None)  # NaN, of what cannot be told here
        with write_then_rename(args.json) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
