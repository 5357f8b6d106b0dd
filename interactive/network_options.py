"""The options about networks that the commands for interactive use share."""

import argparse
from pathlib import Path

from evaluation.options import add_device_options
from interactive.models import FUSIONS, Models, load_models


def add_network_options(parser: argparse.ArgumentParser, model_option: str, precision: str) -> None:
    """Add them in a group of their own.

    Args:
        model_option: name of the option for STCN's weights.
        precision: what to compute in unless the user says.
    """
    group = parser.add_argument_group("networks")
    add = group.add_argument
    model_help = "weights of STCN (default: saves/stcn.pth if it is there, else the small network's)"
    add(model_option, dest="stcn_model", type=Path, metavar="FILE", help=model_help)
    fusion_model_help = "weights of fusion (default: saves/fusion_stcn.pth, if there)"
    add("--fusion_model", type=Path, metavar="FILE", help=fusion_model_help)
    s2m_help = "weights of S2M (default: saves/s2m.pth if it is there, else the small network's)"
    add("--s2m_model", type=Path, metavar="FILE", help=s2m_help)
    add("--grabcut", action="store_true", help="make masks of strokes by GrabCut instead of S2M")
    fusion_help = "auto: the network if there are weights, else linear; linear: blend by distance; none: newest counts"
    add("--fusion", choices=FUSIONS, default="auto", help=fusion_help)
    add_device_options(group, precision)


def load_given_models(args: argparse.Namespace, *, is_dilated: bool = False) -> Models:
    """Load the networks that the options name.

    Args:
        is_dilated: as for ``load_models``.

    Raises:
        InputError: weights, a device or a precision that cannot be used.
    """
    return load_models(
        args.stcn_model,
        args.fusion_model,
        args.s2m_model,
        device=args.device,
        precision=args.precision,
        fusion=args.fusion,
        use_grabcut=args.grabcut,
        is_dilated=is_dilated,
    )
