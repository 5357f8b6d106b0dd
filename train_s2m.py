"""Train scribble to mask on photographs with masks.

    python train_s2m.py --id s2m --size small
    torchrun --nproc_per_node 2 train_s2m.py --id s2m                      # the published size and batch
    python train_s2m.py --load_model saves/<date>_s2m/<date>_s2m_checkpoint.pth

Each photograph gives one of its objects, a wrong mask of it, and the strokes of a simulated user. The last line resumes
an interrupted training exactly.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
from functools import partial
from pathlib import Path

from interactive.training.options import make_plan, make_task_parser
from interactive.training.s2m import BOOTSTRAP, CROP, STAGE, prepare_s2m
from model.s2m import SIZES
from training.common_options import check_shared, parse_options
from training.data import DataPlaces
from training.launch import launch
from training.settings import Start
from util.script import script_main


@script_main
def main() -> int:
    parser, start = make_task_parser(__doc__, CROP)
    add = start.add_argument
    add("--size", choices=SIZES, default="full", help="the published network or the small one")
    encoder_help = "folder of resnet50*.pth or resnet18*.pth (default: torchvision downloads them)"
    add("--encoder_weights", type=Path, metavar="DIR", help=encoder_help)
    add("--from_scratch", action="store_true", help="start from random weights (default: an ImageNet backbone)")
    add("--static_root", type=Path, metavar="DIR", default=DataPlaces.static, help="photographs")
    args = parse_options(parser)
    check_shared(parser, args)
    start = Start(args.load_network, args.load_model, args.from_scratch, args.encoder_weights, args.resume)
    plan = make_plan(args, f"s2m {args.size}", STAGE, BOOTSTRAP, start)
    return launch(partial(prepare_s2m, plan, args.size, args.static_root), plan.compute, plan.seed)


if __name__ == "__main__":
    main()
