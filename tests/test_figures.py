"""Another set of figures takes the place of the usual one by the environment alone; see ``tests/golden_figures.py``."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import golden_figures
from tests.conftest import filled_network
from tests.deterministic import synthetic_video
from tests.test_golden import one_hot, propagate

ROOT = Path(__file__).parent.parent


def write_value_figures(folder: Path, seed: int) -> None:
    """Compute the file of figures of the network without CBAM with the project itself."""
    network = filled_network(seed, use_cbam=False)
    video, masks = synthetic_video(1, 96, 128, 3, seed=1 + seed)
    frames = golden_figures.frames_of(video)
    values = network.encode_value(frames, network.encode_key(frames).f16, one_hot(masks[0], 3))
    np.savez(folder / "value_without_cbam.npz", value_3_objects=values[0, :, ::8].numpy())


def write_propagation_figures(folder: Path, seed: int) -> None:
    """Compute the file of figures of a video of odd size with the project itself."""
    video, masks = synthetic_video(8, 119, 197, 2, seed=6 + seed)
    index_masks, probabilities = propagate(filled_network(seed), video, masks, {0: (1, 2)}, mem_every=3)
    prob = np.stack([probabilities[frame][:, ::4, ::4] for frame in (1, 4, 7)], 1)
    np.savez(folder / "propagate_odd_size.npz", masks=index_masks, prob=prob)


@pytest.mark.long
@pytest.mark.parametrize(("seed", "status"), [("100", 0), ("0", 1)])
def test_figures_of_another_seed_agree_with_that_seed_alone(tmp_path: Path, seed: str, status: int) -> None:
    write_value_figures(tmp_path, 100)
    write_propagation_figures(tmp_path, 100)
    environment = os.environ | {"GOLDEN_DIR": str(tmp_path), "GOLDEN_SEED": seed}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-k",
        "golden and (without_cbam or odd_size)",
        "tests/test_golden.py",
    ]
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == status, result.stdout
    assert f"2 {('passed', 'failed')[status]}" in result.stdout


def test_folder_and_seed_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden_figures, "GOLDEN_DIR", tmp_path)
    monkeypatch.setattr(golden_figures, "GOLDEN_SEED", 100)
    np.savez(tmp_path / "figures.npz", figure=np.arange(3))
    assert golden_figures.golden("figures")["figure"].tolist() == [0, 1, 2]
    for found, expected in zip(golden_figures.golden_video(2, 24, 32, 1, 5), synthetic_video(2, 24, 32, 1, seed=105)):
        assert np.array_equal(found, expected)
    bias = golden_figures.golden_network(size="small").key_comp.bias
    assert np.array_equal(bias, filled_network(100, size="small").key_comp.bias)
    assert not np.array_equal(bias, filled_network(size="small").key_comp.bias)
