"""Sources of the released weights and the data sets, the places where they belong, and the files found there then."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from dataset.published import PHOTOGRAPHS, YOUTUBE_DAMAGED

RELEASE_PAGE = "https://github.com/hkchengrex/STCN/releases/tag/1.0"
ONE_DRIVE = "https://uillinoisedu-my.sharepoint.com/:u:/g/personal/hokeikc2_illinois_edu/"

GB = 10**9


class Layout(Enum):
    """The places of a data set's images and masks in its folder."""

    PHOTOGRAPHS = auto()  # name.jpg beside name.png, at any depth
    DAVIS = auto()  # JPEGImages/480p/<video>/, Annotations/480p/<video>/, and lists that name the videos
    YOUTUBE = auto()  # JPEGImages/<video>/, Annotations/<video>/
    ALL_FRAMES = auto()  # JPEGImages/<video>/; ../../valid names the videos and frames that must be there


@dataclass(frozen=True)
class Content:
    """Sequences or photographs that are found in a complete data set and are counted together."""

    layout: Layout
    title: str
    count: int | None  # fewer are too few; None: nobody published how many there are
    folder: str = ""  # their place below the data set's folder
    lists: tuple[str, ...] = ()  # files that name the sequences; the first one that exists counts
    index: str = ""  # JSON file that must be there beside the sequences
    has_all_masks: bool = True  # whether each frame has a mask, rather than some frames of each sequence
    damaged: frozenset[str] = frozenset()  # sequences that are damaged as published, which nobody reads


@dataclass(frozen=True)
class Source:
    """A file to download, where it belongs, and what is found there when it is in place."""

    name: str  # users ask for it by this name
    address: str  # page to open in a browser
    target: str  # the file, or the folder that the archive becomes; below a root
    marker: str = ""  # path by which the folder in the archive is recognised; empty: the file is no archive
    suffix: str = ".zip"
    num_bytes: int = 0  # approximate; 0: unknown
    checksum: str = ""  # "algorithm:hexadecimal digits"; empty: unknown
    needs: str = ""  # folder that must be there before
    resized: str = ""  # folder for a copy of its videos with short side 480, which training reads
    mirror: str = ""  # another page with the same file, for people only
    contents: tuple[Content, ...] = ()  # in ``target``, and in ``resized`` as well

    @property
    def file_name(self) -> str:
        """Name of the archive on this disk."""
        return self.name + self.suffix

    def is_in(self, folder: Path) -> bool:
        """Whether a folder is what the archive becomes."""
        return any(folder.glob(self.marker))


def drive_address(drive_id: str) -> str:
    """The page of a Google Drive file."""
    return f"https://drive.google.com/file/d/{drive_id}/view"


def _drive(
    name: str, drive_id: str, target: str, *contents: Content, marker: str = "JPEGImages", **options: str
) -> Source:
    return Source(name, drive_address(drive_id), target, marker, contents=contents, **options)


WEIGHTS = {  # targets below the project
    "s012": Source(
        "s012",
        drive_address("1mRrE0uCI2ktdWlUgapJI_KmgeIiF2eOm"),
        "saves/stcn.pth",
        num_bytes=218_000_000,
        mirror=ONE_DRIVE + "Eav35v3GZIZFiq6dv9BM8n0BHtR1hD7QU9tcxH7hylG3dA?e=NXJpTu",
    ),
    "s03": Source(
        "s03",
        drive_address("1JllXPJZola0G-g1aUQfXe9nLMBioj-aH"),
        "saves/stcn_s03.pth",
        mirror=ONE_DRIVE + "EdhurrdqNTFIoK43NsboxOgBPTsMlJBoKOirflGUn-JqBA?e=8NATDz",
    ),
    "s0": Source("s0", RELEASE_PAGE, "saves/stcn_s0.pth"),
    "s01": Source("s01", RELEASE_PAGE, "saves/stcn_s01.pth"),
    "s2m": Source(
        "s2m",
        drive_address("1HKwklVey3P2jmmdmrACFlkXtcvNxbKMM"),
        "saves/s2m.pth",
        num_bytes=159_000_000,
        mirror="https://github.com/hkchengrex/XMem/releases/download/v1.0/s2m.pth",
    ),
    "fusion_stcn": Source("fusion_stcn", drive_address("1MAbWHrOjlze9vPQdW-HxMnvjPpaZlfLv"), "saves/fusion_stcn.pth"),
}

LISTS_2016 = ("ImageSets/480p/val.txt", "../2017/trainval/ImageSets/2016/val.txt")  # DAVIS 2017 brings the second one
TRAIN_2017, VAL_2017, TEST_DEV = (f"ImageSets/2017/{name}.txt" for name in ("train", "val", "test-dev"))

DATA_SETS = {
    "static": (
        _drive(
            "static",
            "1wUJq3HcLdN-z1t4CsUhjeZ9BVDb9YKLd",
            "static",
            *(Content(Layout.PHOTOGRAPHS, f"photographs of {name}", None, name) for name in PHOTOGRAPHS),
            marker="DUTS-TR",
        ),
    ),
    "davis2016": (
        _drive(
            "davis2016",
            "198aRlh5CpAoFz0hfRgYbiNenn_K8DxWD",
            "DAVIS/2016",
            Content(Layout.DAVIS, "sequences of val", 20, lists=LISTS_2016),
        ),
    ),
    "davis2017": (
        _drive(
            "davis2017_trainval",
            "1kiaxrX_4GuW6NmiVuKGSGVoKGWjOdp6d",
            "DAVIS/2017/trainval",
            Content(Layout.DAVIS, "sequences of train", 60, lists=(TRAIN_2017,)),
            Content(Layout.DAVIS, "sequences of val", 30, lists=(VAL_2017,)),
            marker=VAL_2017,
        ),
        _drive(
            "davis2017_testdev",
            "1fmkxU2v9cQwyb62Tj1xFDdh2p4kDsUzD",
            "DAVIS/2017/test-dev",
            Content(Layout.DAVIS, "sequences of test-dev", 30, lists=(TEST_DEV,), has_all_masks=False),
            marker=TEST_DEV,
        ),
        _drive(
            "davis2017_scribbles",
            "1JzIQSu36h7dVM8q0VoE4oZJwBXvrZlkl",
            "DAVIS/2017/trainval/Scribbles",
            marker="*/*.json",
            needs="DAVIS/2017/trainval",
        ),
    ),
    "youtube2019": (
        _drive(
            "youtube2019_train",
            "13Eqw0gVK-AO5B-cqvJ203mZ2vzWck9s4",
            "YouTube/train",
            Content(Layout.YOUTUBE, "sequences", 3471, damaged=YOUTUBE_DAMAGED),
            resized="YouTube/train_480p",
        ),
        _drive(
            "youtube2019_valid",
            "1o586Wjya-f2ohxYf9C1RlRH-gkrzGS8t",
            "YouTube/valid",
            Content(Layout.YOUTUBE, "sequences", 507, index="meta.json", has_all_masks=False),
        ),
        _drive(
            "youtube2019_all_frames",
            "1rWQzZcMskgpEQOZdJPJ7eTmLCBEIIpEN",
            "YouTube/all_frames/valid_all_frames",
            Content(Layout.ALL_FRAMES, "sequences", 507),
        ),
    ),
    "youtube2018": (
        _drive(
            "youtube2018_valid",
            "1-QrceIl5sUNTKz7Iq0UsWC6NLZq7girr",
            "YouTube2018/valid",
            Content(Layout.YOUTUBE, "sequences", 474, index="meta.json", has_all_masks=False),
        ),
        _drive(
            "youtube2018_all_frames",
            "1yVoHM6zgdcL348cFpolFcEl4IC1gorbV",
            "YouTube2018/all_frames/valid_all_frames",
            Content(Layout.ALL_FRAMES, "sequences", 474),
        ),
    ),
}
DATA_SOURCES = {source.name: source for sources in DATA_SETS.values() for source in sources}

BL30K = {  # its segments: each holds a sixth of BL30K/JPEGImages and of BL30K/Annotations
    letter: Source(
        f"bl30k_{letter}",
        drive_address(drive_id),
        f"BL30K/segments/{letter}",
        "JPEGImages",
        suffix=".tar",
        num_bytes=115 * GB,
        checksum=f"md5:{md5}",
    )
    for letter, drive_id, md5 in (
        ("a", "1z9V5zxLOJLNt1Uj7RFqaP2FZWKzyXvVc", "35312550b9a75467b60e3b2be2ceac81"),
        ("b", "11-IzgNwEAPxgagb67FSrBdzZR7OKAEdJ", "269e2f9ad34766b5f73fa117166c1731"),
        ("c", "1ZfIv6GTo-OGpXpoKen1fUvDQ0A_WoQ-Q", "a3f7c2a62028d0cda555f484200127b9"),
        ("d", "1G4eXgYS2kL7_Cc0x3N1g1x7Zl8D_aU_-", "e659ed7c4e51f4c06326855f4aba8109"),
        ("e", "1Y8q0V_oBwJIY27W_6-8CD1dRqV2gNTdE", "d704e86c5a6a9e920e5e84996c2e0858"),
        ("f", "1nawBAazf_unMv46qGBHhWcQ4JXZ5883r", "bf73914d2888ad642bc01be60523caf6"),
    )
}
