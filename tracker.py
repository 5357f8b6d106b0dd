"""Segment videos from the masks of a few frames: the Python API, and the engine behind all ``eval_*.py``.

    from tracker import VideoTracker

    tracker = VideoTracker.load()
    for frame in tracker.track("clip.mp4", "painted.png"):
        print(frame.name, frame.labels, frame.ids.shape)

A camera's frames, or those of another program, go in one by one:

    session = tracker.start()
    session.step(first_image, first_ids)
    ids = session.step(next_image)

Images are ``[H,W,3]`` uint8 RGB arrays, masks ``[H,W]`` arrays of object ids, 0 for background. Resizing,
normalising, padding, devices and precision are the tracker's business.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dataset.arrays import ArrayVideo, is_path, read_frames, read_masks, read_stream
from dataset.masks import MaskReader
from dataset.passes import AnnotatedVideo, Direction, Frame, MasksUsed, check_choice
from dataset.streams import Stream
from dataset.videos import Video, VideoEntry
from model.checkpoint import load_network
from model.network import STCN
from model.optimise import optimise
from model.weights import default_weights
from output.result import FrameResult
from tracking.config import TrackerConfig, View
from tracking.joining import join_passes
from tracking.plan import plan_frames
from tracking.session import Step, TrackerSession, take_results
from util.device import choose_device, choose_dtype
from util.errors import InputError
from util.pipeline import prefetch
from util.progress import with_progress
from util.tensor_util import pinned_for

__all__ = ["FrameResult", "InputError", "TrackerConfig", "TrackerSession", "VideoTracker", "View"]

STREAM_MEMORY_FRAMES = 20  # streams are bounded so, unless the settings say otherwise
FRAMES_AHEAD = 4  # frames are read while others are computed


class VideoTracker:
    """Segment any number of videos with one network.

    Args:
        network: a network as ``model.optimise`` returns it, on its device and in the precision to compute in.
        config: how to segment; None: the defaults.
    """

    def __init__(self, network: STCN, config: TrackerConfig | None = None) -> None:
        self.network = network
        self.config = (config or TrackerConfig()).suited_to(network)

    @classmethod
    def load(
        cls,
        weights: Path | str | None = None,
        device: torch.device | str = "auto",
        precision: str | None = None,
        *,
        compile: bool = False,
        cuda_graphs: bool = True,
        **settings: object,
    ) -> "VideoTracker":
        """Read a network's weights and make it ready.

        Args:
            weights: a .pth; None: ``saves/stcn.pth`` if it is there, else the small network's.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            precision: ``float32``, ``bfloat16`` or ``float16``; None or ``auto``: the fastest that suits the device.
            compile: whether to compile the network with ``torch.compile``; it pays for many frames of one size.
            cuda_graphs: whether to replay the network as CUDA graphs, on CUDA: a GPU then waits less for the host.
            settings: fields of ``TrackerConfig``.

        Raises:
            InputError: no such weights, device or precision.
            TypeError, ValueError: a setting that does not exist, or that is out of range.
        """
        config, device = TrackerConfig(**settings), choose_device(str(device))
        dtype = choose_dtype(precision, device)
        network = load_network(default_weights() if weights is None else weights, device)
        return cls(optimise(network, dtype, use_compile=compile, use_graphs=cuda_graphs), config)

    def track(
        self,
        video: Path | str | Iterable[np.ndarray],
        masks: Path | str | np.ndarray | Mapping[str | int, np.ndarray],
        *,
        mask_frame: str | int | None = None,
        direction: Direction = "forward",
        masks_used: MasksUsed = "all",
        need_probabilities: bool = False,
    ) -> Iterator[FrameResult]:
        """Segment a video: the results of its frames, in order.

        Forwards they come one after the other, from the first frame with a mask on. Backwards and both ways the
        backward pass is computed first; its results wait, compressed, in 64 MiB of memory, beyond that in a temporary
        file.

        Args:
            video: a video file, a folder of frames, or images (uint8 RGB), which are named 00000, 00001, ..
            masks: a mask, or those of several frames: a file or a folder of masks named by frame, an array of ids, or
                arrays by frame name or number. A mask adds objects, or corrects known ones.
            mask_frame: name or number of the frame of a single mask; None: the first frame.
            direction: ``forward``; ``backward``: from the last mask to the first frame, as forwards in the reversed
                video; ``both``: both ways from each mask, blended between two masks of an object.
            masks_used: ``all``; ``first``: only the first mask (backwards the last in the video);
                ``first_of_each_object``: masks let objects enter, but correct none.
            need_probabilities: whether the results hold probabilities.

        Raises:
            InputError: a video or mask that cannot be used; at once, or when the frame is reached.
            ValueError: no such direction, or no such choice of masks.
        """
        check_choice(direction, masks_used)
        if is_path(video) and is_path(masks):
            frame = None if mask_frame is None else str(mask_frame)
            entry = VideoEntry(Path(video).stem, Path(video), Path(masks), mask_frame=frame)
            entry = entry._replace(direction=direction, masks_used=masks_used)
            return self.segment(self.open(entry), need_probabilities=need_probabilities)
        strict, arrays = self.config.strict, self._read_masks(masks, mask_frame)
        if (direction, masks_used) != ("forward", "all"):
            opened = ArrayVideo(video, arrays, direction=direction, masks_used=masks_used, strict=strict)
            return self.segment(opened, need_probabilities=need_probabilities)
        frames = prefetch(self._pinned(read_frames(video, arrays, strict=strict)), FRAMES_AHEAD)
        return self.start().run(frames, need_probabilities=need_probabilities)

    def start(self) -> "TrackerSession":
        """Begin a video whose frames come one by one."""
        return TrackerSession(self.network, self.config)

    def track_stream(
        self, stream: Stream, mask: np.ndarray, *, need_probabilities: bool = False
    ) -> Iterator[FrameResult]:
        """Segment a stream as its frames come, until it ends, is lost (see its ``error``) or is stopped.

        A stream may never end, so that the memory is bounded in any case: to 20 frames unless the tracker says else.

        Args:
            stream: an opened stream; of one in real time each frame is computed on its own.
            mask: ``[H,W]`` object ids in its first frame, ``stream.first``.
            need_probabilities: whether the results hold probabilities.

        Raises:
            InputError: a mask that cannot be used.
        """
        config = replace(self.config, max_memory_frames=self.config.max_memory_frames or STREAM_MEMORY_FRAMES)
        session = TrackerSession(self.network, replace(config, frames_at_once=1) if stream.is_realtime else config)
        return session.run(self._pinned(read_stream(stream, mask)), need_probabilities=need_probabilities)

    def open(self, entry: VideoEntry, *, output_all: bool = False) -> Video:
        """Open a video of files and check its masks.

        Raises:
            InputError: a frame or mask that cannot be used.
        """
        config = self.config
        return Video(
            entry,
            max_objects=config.max_objects,
            ignore_id=config.ignore_id,
            background=config.background,
            strict=config.strict,
            output_all=output_all,
        )

    def segment(
        self, video: AnnotatedVideo, *, need_probabilities: bool = False, title: str | None = None
    ) -> Iterator[FrameResult]:
        """Segment an opened video: the results of the frames that it wants, in order."""
        return take_results(self.segment_in_steps(video, need_probabilities=need_probabilities, title=title))

    def segment_in_steps(
        self, video: AnnotatedVideo, *, need_probabilities: bool = False, title: str | None = None
    ) -> Iterator[Step]:
        """Segment an opened video as ``segment`` does, and yield each batch of frames before it is encoded.

        Reading runs in a thread of its own, some frames ahead; frames that nobody needs are not decoded.

        Args:
            need_probabilities: whether the results hold probabilities.
            title: of the progress bars, one for each pass; None: no bar.
        """
        if not video.passes.backward:
            return _with_bar(self._run_pass(video, need_probabilities), title, video.passes.forward, video)
        needed = need_probabilities or bool(video.passes.forward)
        backward = self._run_pass(video, needed, backwards=True)
        forward = self._run_pass(video, needed)
        return join_passes(
            video,
            _with_bar(forward, title, video.passes.forward, video),
            _with_bar(backward, title and f"{title}, backwards", video.passes.backward, video),
            need_probabilities=need_probabilities,
            keep_annotations=self.config.keep_annotations,
        )

    def _run_pass(self, video: AnnotatedVideo, need_probabilities: bool, *, backwards: bool = False) -> Iterator[Step]:
        """Segment the frames of a pass, in its order."""
        plan = plan_frames(video, self.config, backwards=backwards)
        session = TrackerSession(
            self.network, self.config, num_memory_frames=plan.num_memory_frames, largest_id=video.labels[-1]
        )
        read = video.read(plan.needed, backwards=backwards)
        frames = prefetch(self._pinned(read), FRAMES_AHEAD + session.frames_at_once)
        return session.run_in_steps(frames, need_probabilities=need_probabilities)

    def _read_masks(
        self, masks: Path | str | np.ndarray | Mapping[str | int, np.ndarray], mask_frame: str | int | None
    ) -> np.ndarray | Mapping[str | int, np.ndarray]:
        """Give masks as arrays; a single one by its frame, if that is known."""
        if is_path(masks):
            masks = read_masks(Path(masks), MaskReader(self.config.ignore_id, background=self.config.background))
        if mask_frame is None:
            return masks
        if isinstance(masks, Mapping):
            raise InputError("several masks, which have frames of their own; give mask_frame with a single mask only")
        return {mask_frame: masks}

    def _pinned(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Bring images, as they are read, to where the device copies them from."""
        for frame in frames:
            image = None if frame.image is None else pinned_for(frame.image, self.network.device)
            yield frame._replace(image=image)


def _with_bar(steps: Iterator[Step], title: str | None, names: list[str], video: AnnotatedVideo) -> Iterator[Step]:
    """Show the progress of a pass, whose frames are ``names``, unless there is no title or nothing to do."""
    if title is None or not names:
        return steps
    total = len(set(names) & set(video.output_names))
    return with_progress(steps, title, total, lambda step: isinstance(step, FrameResult))
