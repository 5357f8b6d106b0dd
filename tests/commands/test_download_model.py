"""download_model.py: released weights, downloaded or by hand, checked before they count."""

import hashlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

import download_model
from downloading.sources import RELEASE_PAGE, WEIGHTS
from model.fusion import FusionNetwork
from model.s2m import S2M
from tests.conftest import files_in, filled_network
from tests.download_server import QUOTA_PAGE, DownloadServer, release

API = "/repos/hkchengrex/STCN/releases/tags/"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture(scope="module")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that are quick to write: those of the small network."""
    path = tmp_path_factory.mktemp("small") / "weights.pth"
    torch.save(filled_network(size="small").state_dict(), path)
    return path


@pytest.fixture
def run(run_main: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Run download_model.py for a project in ``tmp_path``."""
    monkeypatch.setattr(download_model, "PROJECT_ROOT", tmp_path)
    return partial(run_main, download_model.main)


def test_weights_are_fetched_once(server: DownloadServer, run: Callable, small_weights: Path, tmp_path: Path) -> None:
    server.files[WEIGHTS["s012"].address.split("/")[-2]] = small_weights.read_bytes()
    status, out, _ = run()
    assert (status, out) == (0, f"wrote {tmp_path / 'saves/stcn.pth'}\n")
    assert (tmp_path / "saves/stcn.pth").read_bytes() == small_weights.read_bytes()
    server.close()
    assert run()[:2] == (0, f"{tmp_path / 'saves/stcn.pth'} is there already\n")


@pytest.mark.parametrize("tag", ["1.0", "v1.0"])
@pytest.mark.parametrize("names", [("stcn_s01.pth", "s.pth", "stcn_s0.pth"), ("s01.pth", "s0.txt", "S0_300000.pth")])
def test_weights_of_the_release_are_found_by_name(
    server: DownloadServer, run: Callable, small_weights: Path, tmp_path: Path, tag: str, names: tuple[str, ...]
) -> None:
    digest = "sha256:" + hashlib.sha256(small_weights.read_bytes()).hexdigest()
    s01, _, s0 = names
    server.files[API + tag] = release("stcn.pth", "s012.pth", *names, **{s0: digest})
    server.files["/files/" + s0] = small_weights.read_bytes()
    assert run("--which", "s0")[0] == 0
    assert (tmp_path / "saves/stcn_s0.pth").exists()
    server.files["/files/" + s01] = b"damaged"
    status, _, err = run("--which", "s01")
    assert status == 2
    assert "stcn_s01.wrong.pth" in err
    assert files_in(tmp_path / "saves") == ["stcn_s0.pth", "stcn_s01.wrong.pth"]


@pytest.mark.parametrize("content", [None, release("other.pth"), b"no JSON"])
def test_a_release_without_the_file(
    server: DownloadServer, run: Callable, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        server.files[API + "1.0"] = content
    status, _, err = run("--which", "s0")
    assert status == 2
    assert f"open {RELEASE_PAGE} in a browser, save the file as {tmp_path / 'saves/stcn_s0.pth'}" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("which", ["s012", "s03"])
def test_a_refusal_names_both_pages_and_the_place(
    server: DownloadServer, run: Callable, tmp_path: Path, which: str
) -> None:
    status, _, err = run("--which", which)
    source = WEIGHTS[which]
    assert status == 2
    assert f"open {source.address} (or {source.mirror}) in a browser" in err
    assert f"save the file as {tmp_path / source.target}" in err
    assert source.mirror.startswith("https://uillinoisedu-my.sharepoint.com/")


def test_weights_by_hand(run: Callable, small_weights: Path, tmp_path: Path) -> None:
    assert run("--which", "s03", "--from_archive", small_weights)[0] == 0
    assert (tmp_path / "saves/stcn_s03.pth").read_bytes() == small_weights.read_bytes()


def test_weights_for_interactive_use(server: DownloadServer, run: Callable, tmp_path: Path) -> None:
    networks = {"s2m": S2M("small"), "fusion_stcn": FusionNetwork()}
    for name, network in networks.items():
        torch.save(network.state_dict(), tmp_path / name)
        server.files[WEIGHTS[name].address.split("/")[-2]] = (tmp_path / name).read_bytes()
    assert run("--which", *networks)[0] == 0
    assert files_in(tmp_path / "saves") == ["fusion_stcn.pth", "s2m.pth"]
    status, _, err = run("--which", *networks, "--from_archive", tmp_path / "s2m")
    assert (status, "--from_archive is for one file" in err) == (2, True)


def test_a_web_page_by_hand_is_refused(run: Callable, tmp_path: Path) -> None:
    page = tmp_path / "page.pth"
    page.write_text(QUOTA_PAGE)
    status, _, err = run("--from_archive", page)
    assert (status, "page.pth: not a PyTorch file" in err) == (2, True)
    assert not (tmp_path / "saves").exists()


def test_weights_of_another_network_are_refused(server: DownloadServer, run: Callable, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save({"key_comp.bias": torch.zeros(512)}, other)
    status, _, err = run("--from_archive", other)
    assert (status, "other.pth: weights of another network" in err) == (2, True)
    assert not (tmp_path / "saves").exists()
    (tmp_path / "saves").mkdir()
    (tmp_path / "saves/stcn.pth").write_bytes(other.read_bytes())  # put into its place by hand
    status, _, err = run()
    assert (status, "kept aside as stcn.wrong.pth" in err) == (2, True)
    assert files_in(tmp_path / "saves") == ["stcn.wrong.pth"]


def test_weights_by_hand_replace_nothing(run: Callable, small_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "saves").mkdir()
    (tmp_path / "saves/stcn.pth").write_bytes(b"others")
    status, _, err = run("--from_archive", small_weights)
    assert status == 2
    assert "saves/stcn.pth: is there already, and nothing is overwritten; move it away first" in err
    assert (tmp_path / "saves/stcn.pth").read_bytes() == b"others"
