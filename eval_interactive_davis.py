"""Evaluate interactive segmentation on DAVIS 2017 val: a robot corrects masks by strokes; area under J&F over time.

    python eval_interactive_davis.py --output results
    python eval_interactive_davis.py --prop_model saves/stcn.pth --fusion_model saves/fusion_stcn.pth \\
        --s2m_model saves/s2m.pth --davis ../DAVIS/2017 --output results --save_mask

Each of three files of scribbles of each sequence is corrected eight times. results/ gets report.csv, summary.json and
curve.png. Run again with --resume, a run goes on after the samples that are finished.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
from dataclasses import asdict
from pathlib import Path

from dataset.layouts import davis_2017_videos
from interactive.davis.evaluation import REPORT, InteractiveSettings, evaluate_interactive, list_samples
from interactive.davis.protocol import METRICS, THRESHOLD
from interactive.davis.run import ProtocolConfig
from interactive.models import Models
from interactive.network_options import add_network_options, load_given_models
from interactive.propagation import PropagationConfig
from output.record import Facts, digest_file, record_run
from util.files import claim_folder
from util.options import positive_int
from util.script import make_parser, script_main

RECORD = "run.json"  # beside the report: weights and options
DEFAULT = PropagationConfig()


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument_group("input and output").add_argument
    add("--davis", type=Path, default=Path("../DAVIS/2017"), help="folder of DAVIS 2017, in either layout")
    add("--output", type=Path, required=True, help="folder to write to")
    add("--save_mask", action="store_true", help="write the masks of each sample's last interaction")
    add("--resume", action="store_true", help="skip samples that an earlier run into the same folder finished")
    add("--max_sequences", type=positive_int, metavar="N", help="take the first N sequences only (default: all)")
    add_network_options(parser, "--prop_model", "float32")
    add = parser.add_argument_group("protocol").add_argument
    add("--mem_freq", type=positive_int, metavar="N", default=DEFAULT.mem_every, help="memorise every n-th frame")
    add("--top", type=positive_int, metavar="N", default=DEFAULT.top_k, help="memory positions read")
    metric_help = "what the robot chooses frames by, and what is summarised"
    add("--metric", choices=METRICS, default=METRICS[0], help=metric_help)
    time_help = "seconds per object"
    add("--max_time", type=positive_int, metavar="S", default=int(ProtocolConfig.max_time), help=time_help)
    return parser.parse_args()


def describe_run(args: argparse.Namespace, models: Models, settings: InteractiveSettings) -> Facts:
    """Describe what the scores are made of."""
    options = {**asdict(settings.protocol), **asdict(settings.propagation), "precision": str(models.network.dtype)}
    weights = {name: path and digest_file(path) for name, path in models.weights.items()}
    return {"data": {"path": str(args.davis.resolve())}, "weights": weights, "options": options}


@script_main
def main() -> None:
    args = parse_arguments()
    entries = davis_2017_videos(args.davis, "val")[: args.max_sequences]
    models = load_given_models(args, is_dilated=True)
    settings = InteractiveSettings(
        args.output,
        args.save_mask,
        args.resume,
        ProtocolConfig(max_time=args.max_time, metric=args.metric),
        PropagationConfig(mem_every=args.mem_freq, top_k=args.top, is_blended=args.fusion != "none"),
    )
    list_samples(entries)  # missing data are refused before an earlier report goes
    with claim_folder(args.output):
        if not args.resume:
            (args.output / REPORT).unlink(missing_ok=True)
        kept = args.output.glob(REPORT)
        record_run(args.output / RECORD, describe_run(args, models, settings), goes_on=args.resume, kept=kept)
        summary = evaluate_interactive(entries, models, settings)
    at_threshold = summary["metric_at_threshold"][args.metric]
    print(f"{models.maker.name}: AUC {summary['auc']:.4f}, {args.metric} at {THRESHOLD} s {at_threshold:.4f}")


if __name__ == "__main__":
    main()
