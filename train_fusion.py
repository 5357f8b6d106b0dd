"""Train the fusion of two results, on those that generate_fusion.py stored.

    python train_fusion.py --stage 0 --id bl --load_prop saves/stcn.pth                     # BL30K
    python train_fusion.py --stage 1 --id davis --load_network saves/RUN/RUN_30000.pth      # DAVIS, from there

Several runs of generate_fusion.py side by side below --fusion_root or --fusion_bl_root are all used.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
from functools import partial
from pathlib import Path

from interactive.training.fusion import BOOTSTRAP, CROP, STAGES, list_bl30k, list_davis, prepare_fusion
from interactive.training.options import make_plan, make_task_parser
from model.weights import default_weights
from training.common_options import check_shared, parse_options
from training.data import DataPlaces
from training.launch import launch
from training.settings import Start
from util.script import script_main


@script_main
def main() -> int:
    parser, start = make_task_parser(__doc__, CROP)
    add = start.add_argument
    add("--stage", type=int, choices=STAGES, default=0, help="0: BL30K, 1: DAVIS")
    add("--load_prop", type=Path, metavar="FILE", help="weights of STCN, for keys (default: as for eval_generic.py)")
    add("--davis_root", type=Path, metavar="DIR", default=DataPlaces.davis, help="holds 2017/trainval")
    add("--bl_root", type=Path, metavar="DIR", default=DataPlaces.bl30k, help="BL30K")
    add("--fusion_root", type=Path, metavar="DIR", default=Path("../fusion_data/davis"), help="results of DAVIS")
    add("--fusion_bl_root", type=Path, metavar="DIR", default=Path("../fusion_data/bl"), help="results of BL30K")
    args = parse_options(parser)
    check_shared(parser, args)
    is_davis = args.stage == 1
    videos = list_davis(args.davis_root) if is_davis else list_bl30k(args.bl_root)
    root = args.fusion_root if is_davis else args.fusion_bl_root
    start = Start(args.load_network, args.load_model, resume=args.resume)
    plan = make_plan(args, f"fusion {args.stage}", STAGES[args.stage], BOOTSTRAP, start)
    prepare = partial(prepare_fusion, plan, videos, root, args.load_prop or default_weights())
    return launch(prepare, plan.compute, plan.seed)


if __name__ == "__main__":
    main()
