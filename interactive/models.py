"""The networks of interactive use, and how they are loaded."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from interactive.interaction import GrabCutMaker, Maker, default_s2m, load_maker
from model.checkpoint import load_network
from model.fusion import FusionNetwork, load_fusion
from model.network import STCN
from model.optimise import optimise
from model.weights import FUSION_WEIGHTS, default_weights
from util.device import choose_device, choose_dtype
from util.errors import InputError

log = logging.getLogger(__name__)

FUSIONS = ("auto", "linear", "none")


@dataclass(frozen=True)
class Models:
    """The networks of a session, on their device."""

    network: STCN
    maker: Maker  # makes masks of strokes
    fusion: FusionNetwork | None = None  # None: results are blended by distance
    weights: Mapping[str, Path | None] = field(default_factory=dict)  # file of each network; None: it has none


def load_models(
    model: Path | None = None,
    fusion_model: Path | None = None,
    s2m_model: Path | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    fusion: str = "auto",
    use_grabcut: bool = False,
    is_dilated: bool = False,
) -> Models:
    """Load what interactive use needs; what is not given is taken from its usual place.

    Args:
        model: weights of STCN.
        fusion_model: weights of fusion.
        s2m_model: weights of S2M.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``auto``, or a key of ``PRECISIONS``, for STCN; the others compute in float32.
        fusion: one of ``FUSIONS``; only ``auto`` loads the network.
        use_grabcut: whether GrabCut makes masks of strokes, rather than S2M.
        is_dilated: whether S2M sees strokes thickened, as lines of the DAVIS interactive protocol are.

    Raises:
        InputError: weights, a device, a precision or a fusion that cannot be used.
    """
    if fusion not in FUSIONS:
        raise InputError(f"fusion {fusion}: unknown; choose {', '.join(FUSIONS)}")
    place = choose_device(device)
    dtype = choose_dtype(precision, place)
    model, s2m_model = model or default_weights(), None if use_grabcut else s2m_model or default_s2m()
    network = optimise(load_network(model, place), dtype)
    maker = GrabCutMaker() if use_grabcut else load_maker(s2m_model, place, is_dilated=is_dilated)
    fusion_network = None
    if fusion == "auto" and (fusion_model is not None or FUSION_WEIGHTS.exists()):
        fusion_model = fusion_model or FUSION_WEIGHTS
        fusion_network = load_fusion(fusion_model, place)
    elif fusion == "auto":
        log.info("results are blended by distance; `python download_model.py` fetches fusion_stcn, which is better")
    weights = {"stcn": model, "s2m": s2m_model, "fusion": fusion_model if fusion_network else None}
    return Models(network, maker, fusion_network, weights)
