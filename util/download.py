"""Where the released weights come from."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_WEIGHTS = PROJECT_ROOT / "saves" / "stcn.pth"  # released, to be downloaded
SMALL_WEIGHTS = PROJECT_ROOT / "pretrained" / "stcn_small.pth"  # of the small network, part of the repository

WEIGHTS_DRIVE_ID = {  # Google Drive
    "s012": "1mRrE0uCI2ktdWlUgapJI_KmgeIiF2eOm",
    "s03": "1JllXPJZola0G-g1aUQfXe9nLMBioj-aH",
}


def default_weights() -> Path:
    """The released weights if they are there, else the small network's."""
    return DEFAULT_WEIGHTS if DEFAULT_WEIGHTS.exists() else SMALL_WEIGHTS


def drive_address(drive_id: str) -> str:
    """The page of a Google Drive file."""
    return f"https://drive.google.com/file/d/{drive_id}/view"
