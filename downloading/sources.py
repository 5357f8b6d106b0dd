"""Where the released weights and the data sets come from, and where they belong: the one table of sources."""

from dataclasses import dataclass
from pathlib import Path

RELEASE_PAGE = "https://github.com/hkchengrex/STCN/releases/tag/1.0"

GB = 10**9


def drive_address(drive_id: str) -> str:
    """The page of a Google Drive file."""
    return f"https://drive.google.com/file/d/{drive_id}/view"


@dataclass(frozen=True)
class Source:
    """A file to download, and where it belongs."""

    name: str  # to ask for it by
    address: str  # to open in a browser
    target: str  # the file, or the folder that the archive becomes; below a root
    marker: str = ""  # path that tells the folder in the archive that becomes the target; empty: not an archive
    suffix: str = ".zip"
    num_bytes: int = 0  # about; 0: unknown
    checksum: str = ""  # "algorithm:hexadecimal digits"; empty: unknown
    needs: str = ""  # folder that must be there before
    resized: str = ""  # folder for a copy of its videos with short side 480, the one that training reads

    @property
    def file_name(self) -> str:
        """Of the archive."""
        return self.name + self.suffix

    def is_in(self, folder: Path) -> bool:
        """Whether a folder is what the archive becomes."""
        return any(folder.glob(self.marker))


def _drive(name: str, drive_id: str, target: str, marker: str = "JPEGImages", **options: str) -> Source:
    return Source(name, drive_address(drive_id), target, marker, **options)


WEIGHTS = {  # targets below the project
    "s012": Source("s012", drive_address("1mRrE0uCI2ktdWlUgapJI_KmgeIiF2eOm"), "saves/stcn.pth", num_bytes=218_000_000),
    "s03": Source("s03", drive_address("1JllXPJZola0G-g1aUQfXe9nLMBioj-aH"), "saves/stcn_s03.pth"),
    "s0": Source("s0", RELEASE_PAGE, "saves/stcn_s0.pth"),
    "s01": Source("s01", RELEASE_PAGE, "saves/stcn_s01.pth"),
}

DATA_SETS = {
    "static": (_drive("static", "1wUJq3HcLdN-z1t4CsUhjeZ9BVDb9YKLd", "static", "DUTS-TR"),),
    "davis2016": (_drive("davis2016", "198aRlh5CpAoFz0hfRgYbiNenn_K8DxWD", "DAVIS/2016"),),
    "davis2017": (
        _drive(
            "davis2017_trainval", "1kiaxrX_4GuW6NmiVuKGSGVoKGWjOdp6d", "DAVIS/2017/trainval", "ImageSets/2017/val.txt"
        ),
        _drive(
            "davis2017_testdev",
            "1fmkxU2v9cQwyb62Tj1xFDdh2p4kDsUzD",
            "DAVIS/2017/test-dev",
            "ImageSets/2017/test-dev.txt",
        ),
        _drive(
            "davis2017_scribbles",
            "1JzIQSu36h7dVM8q0VoE4oZJwBXvrZlkl",
            "DAVIS/2017/trainval/Scribbles",
            "*/*.json",
            needs="DAVIS/2017/trainval",
        ),
    ),
    "youtube2019": (
        _drive("youtube2019_train", "13Eqw0gVK-AO5B-cqvJ203mZ2vzWck9s4", "YouTube/train", resized="YouTube/train_480p"),
        _drive("youtube2019_valid", "1o586Wjya-f2ohxYf9C1RlRH-gkrzGS8t", "YouTube/valid"),
        _drive("youtube2019_all_frames", "1rWQzZcMskgpEQOZdJPJ7eTmLCBEIIpEN", "YouTube/all_frames/valid_all_frames"),
    ),
    "youtube2018": (
        _drive("youtube2018_valid", "1-QrceIl5sUNTKz7Iq0UsWC6NLZq7girr", "YouTube2018/valid"),
        _drive(
            "youtube2018_all_frames", "1yVoHM6zgdcL348cFpolFcEl4IC1gorbV", "YouTube2018/all_frames/valid_all_frames"
        ),
    ),
}
DATA_SOURCES = {source.name: source for sources in DATA_SETS.values() for source in sources}

BL30K = {  # segments, a sixth of BL30K/JPEGImages and BL30K/Annotations each
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
