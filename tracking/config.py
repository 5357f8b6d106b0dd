"""Settings of the tracker."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from inference_core import InferenceConfig
from model.network import STCN

MIN_SIDE = 32  # pixels, two cells of the network's stride
KERNEL_ABOVE = 480  # short side above which multi-scale testing reads the memory kernelized


class View(NamedTuple):
    """One way to look at the frames; the probabilities of all views are averaged."""

    short_side: int | None  # short side of the network's input, in pixels; None: native size
    is_mirrored: bool = False
    kernel_sigma: float | None = None  # kernelized memory reading, in cells of 16 pixels; None: plain


@dataclass(frozen=True)
class TrackerConfig(InferenceConfig):
    """The settings of a tracker: those of propagation, and how frames and masks are read and sized."""

    top_k: int | None = None  # memory positions read; None: 20 as published, or as the network was trained
    mem_every: int | None = None  # memorise every n-th frame; None: 5 as published, 2 with the small network
    kernel_sigma: float | None = 7  # kernelized memory reading at ``scales`` above 480, in cells of 16 pixels
    exact: bool | None = None  # decode whole frames; False: objects where the memory shows them; None: so on a CPU
    size: int | None = 480  # short side to compute at, in pixels; None: native size
    scales: tuple[int | None, ...] = ()  # compute at these short sides instead of ``size``, and average
    flip: bool = False  # compute on mirrored frames as well, and average
    frames_at_once: int | None = None  # frames that are encoded together; None: 4 on CUDA, else 1
    keep_annotations: bool = False  # return given masks unchanged
    max_objects: int = 50  # refuse masks with more ids
    ignore_id: int | None = None  # an id that means "not labelled" in mask files
    background: str | None = None  # colour of the background in mask files, such as "white"; None: black, or found
    strict: bool = False  # refuse video files that seem to lack frames, rather than note it

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("max_objects", "frames_at_once"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, not {value}")
        for side in (self.size, *self.scales):
            if side is not None and side < MIN_SIDE:
                raise ValueError(f"size and scales must be at least {MIN_SIDE} pixels, or None, not {side}")

    def suited_to(self, network: STCN) -> "TrackerConfig":
        """Fill in what depends on the network."""
        top_k = self.top_k or network.reading.top_k or InferenceConfig.top_k
        return replace(self, mem_every=self.mem_every or network.mem_every, top_k=top_k)

    @property
    def views(self) -> tuple[View, ...]:
        """Each scale, plain and perhaps mirrored."""
        mirrorings = (False, True) if self.flip else (False,)
        if not self.scales:
            return tuple(View(self.size, is_mirrored) for is_mirrored in mirrorings)
        return tuple(
            View(side, is_mirrored, self.kernel_sigma if (side or 0) > KERNEL_ABOVE else None)
            for side in self.scales
            for is_mirrored in mirrorings
        )
