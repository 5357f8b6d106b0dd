"""Generate the results that fusion is trained on: objects propagated from many frames of annotated videos.

    python generate_fusion.py --output ../fusion_data/davis/sep30_m5 --separation 30
    python generate_fusion.py --dataset BL --output ../fusion_data/bl/sep10_m5 --separation 10 --range 30

Of DAVIS the training videos are taken, over their whole length. Interrupted, it goes on where it was.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
from dataclasses import asdict
from pathlib import Path

from interactive.training.fusion import list_bl30k, list_davis
from interactive.training.fusion_generation import GenerationSettings, generate
from model.checkpoint import load_network
from model.optimise import optimise
from model.weights import default_weights
from output.record import digest_file, record_run
from training.data import DataPlaces
from util.device import PRECISIONS, choose_device, choose_dtype
from util.files import claim_folder, make_folder
from util.options import not_negative_int, positive_int
from util.progress import with_progress
from util.script import make_parser, script_main

RECORD = "run.json"  # beside the videos: weights and options


@script_main
def main() -> None:
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--model", type=Path, metavar="FILE", help="weights of STCN (default: as for eval_generic.py)")
    add("--dataset", choices=("DAVIS", "BL"), default="DAVIS", help="DAVIS 2017 train or BL30K")
    add("--davis_root", type=Path, metavar="DIR", default=DataPlaces.davis, help="holds 2017/trainval")
    add("--bl_root", type=Path, metavar="DIR", default=DataPlaces.bl30k, help="BL30K")
    add("--output", type=Path, required=True, help="folder of this run's results")
    add("--separation", type=positive_int, required=True, metavar="S", help="frames between two references")
    add("--range", type=positive_int, metavar="R", help="frames each way (default: the whole video)")
    add("--mem_freq", type=positive_int, metavar="M", default=5, help="memorise every n-th frame")
    add("--start", type=not_negative_int, metavar="N", default=0, help="first video")
    add("--end", type=positive_int, metavar="N", help="video to stop before (default: all)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    add("--precision", choices=("auto", *PRECISIONS), default="auto", help="what to compute in")
    args = parser.parse_args()
    videos = list_davis(args.davis_root) if args.dataset == "DAVIS" else list_bl30k(args.bl_root)
    videos = videos[args.start : args.end]
    device = choose_device(args.device)
    dtype = choose_dtype(args.precision, device)
    model = args.model or default_weights()
    network = optimise(load_network(model, device), dtype)
    settings = GenerationSettings(args.separation, args.range, args.mem_freq)
    options = {**asdict(settings), "precision": str(dtype)}
    make_folder(args.output)
    facts, kept = {"weights": {"stcn": digest_file(model)}, "options": options}, args.output.glob("*/[0-9]*")
    record_run(args.output / RECORD, facts, goes_on=True, kept=kept)
    for video, name in with_progress(videos, "videos", len(videos)):
        with claim_folder(args.output / name):  # not the whole output, which runs with --start and --end may share
            generate(video, network, settings, args.output / name)
    print(f"{len(videos)} videos in {args.output}")


if __name__ == "__main__":
    main()
