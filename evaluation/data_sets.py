"""The data sets that ``eval_dataset.py`` knows: where videos lie, how they are segmented, scored and handed in."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dataset.further_layouts import burst_videos, long_videos, lvos_videos, mose_videos, sav_videos, vost_videos
from dataset.videos import VideoEntry
from evaluation.forms import write_burst, write_object_folders
from evaluation.measuring import Protocol
from evaluation.submission import Form

MANY_FRAMES = 100  # bound on the memory frames where videos have thousands of frames


class DataSet(NamedTuple):
    """One data set: a line in the table."""

    title: str
    splits: tuple[str, ...]  # the first one is the default
    list_videos: Callable[[Path, str], list[VideoEntry]]
    protocol: Protocol = Protocol(all_objects=True)
    form: Form | None = None  # how results are written; None: masks of ids, <video>/<frame>.png
    max_memory_frames: int | None = None  # unless the user says
    ignore_id: int | None = None  # an id in masks that means "not labelled"


VOST = Protocol(all_objects=True, void_id=255, last_quarter=True)
DATA_SETS = {
    "mose": DataSet("MOSE v1", ("valid", "train"), mose_videos),
    "mose2": DataSet("MOSE v2", ("valid", "train"), mose_videos),
    "lvos": DataSet("LVOS v1", ("valid", "test"), lvos_videos, max_memory_frames=MANY_FRAMES),
    "lvos2": DataSet("LVOS v2", ("valid", "test"), lvos_videos, max_memory_frames=MANY_FRAMES),
    "long_video": DataSet("Long-time Video", ("x1", "x3"), long_videos, max_memory_frames=MANY_FRAMES),
    "sav": DataSet("SA-V", ("val", "test"), sav_videos, form=write_object_folders),
    "vost": DataSet("VOST", ("val", "train", "test"), vost_videos, VOST, ignore_id=255),
    "burst": DataSet("BURST", ("val", "test", "train"), burst_videos, form=write_burst),
}
