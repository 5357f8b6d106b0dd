"""The plan of a video, made before its first frame is read: frames to compute, and how many become memory."""

from typing import NamedTuple

from dataset.passes import AnnotatedVideo
from inference_core import InferenceConfig, MemorySchedule


class FramePlan(NamedTuple):
    """The frames of a video that are needed."""

    needed: set[str]  # names of the frames that are computed; of the others not even the image is needed
    num_memory_frames: int  # to be held at a time, if the memory is not bounded


def plan_frames(video: AnnotatedVideo, config: InferenceConfig, *, backwards: bool = False) -> FramePlan:
    """Follow the memory's schedule through a pass over the video.

    Args:
        backwards: which pass.
    """
    annotated, wanted = set(video.annotated_names), set(video.output_names)
    schedule = MemorySchedule(config)
    roles = {
        name: schedule.next_role(is_annotated=name in annotated, need_output=name in wanted)
        for name in (video.passes.backward if backwards else video.passes.forward)
    }
    needed = {name for name, role in roles.items() if role.is_computed}
    return FramePlan(needed, sum(role.is_memory for role in roles.values()) + config.include_last)
