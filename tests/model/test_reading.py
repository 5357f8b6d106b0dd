"""The similarities and the number of positions that a network can be trained with: one reading everywhere."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from inference_core import InferenceCore
from inference_memory_bank import MemoryBank
from model.aggregate import aggregate
from model.checkpoint import load_network, start_from_weights
from model.memory import SIMILARITIES, MemoryReading, read_memory
from model.network import READING, STCN
from tests.deterministic import fill_state_dict
from tracking.config import TrackerConfig
from util.errors import InputError

CK, CV = 8, 6


def naive_readout(keys: Tensor, values: Tensor, query: Tensor, kind: str, top_k: int | None) -> Tensor:
    """Read N positions, one query position after the other: ``[CK,N]``, ``[CV,N]``, ``[CK,M]`` -> ``[CV,M]``."""
    columns = []
    for q in query.t().double():
        k = keys.double()
        similarity = {
            "l2": -(k - q[:, None]).square().sum(0) / math.sqrt(CK),
            "dot": (k * q[:, None]).sum(0) / math.sqrt(CK),
            "cosine": 20 * (k * q[:, None]).sum(0) / (k.norm(dim=0) * q.norm()),
        }[kind]
        best = similarity.sort(descending=True).indices[:top_k]
        columns.append(values[:, best].double() @ similarity[best].softmax(0))
    return torch.stack(columns, 1).float()


@pytest.mark.parametrize("kind", SIMILARITIES)
@pytest.mark.parametrize("top_k", [1, 5, None])
def test_training_and_inference_read_as_the_formulas_do(kind: str, top_k: int | None) -> None:
    keys, values, query = torch.randn(3, CK, 3, 4), torch.randn(3, 1, CV, 3, 4), torch.randn(CK, 3, 4)
    flat = keys.transpose(0, 1).flatten(1), values[:, 0].transpose(0, 1).flatten(1), query.flatten(1)
    expected = naive_readout(*flat, kind, top_k).view(CV, 3, 4)
    trained = read_memory(keys[None], values[None], query[None], MemoryReading(kind, top_k))[0, 0]
    torch.testing.assert_close(trained, expected, atol=1e-5, rtol=1e-4)
    bank = MemoryBank(top_k or 1000, similarity=kind)
    for key, value in zip(keys, values):
        bank.add_memory(key[None], value)
    torch.testing.assert_close(bank.read(query[None])[0], expected, atol=1e-5, rtol=1e-4)


def test_positions_that_do_not_count_get_no_gradient() -> None:
    with torch.enable_grad():
        keys, values = torch.randn(1, 1, CK, 3, 4), torch.randn(1, 1, 1, CV, 3, 4, requires_grad=True)
        found = read_memory(keys, values, torch.randn(1, CK, 3, 4), MemoryReading(top_k=5))
        found[..., 0, 0].sum().backward()
    assert (values.grad[0, 0, 0, 0] != 0).sum() == 5


def test_the_kernel_lies_around_the_most_similar_cell() -> None:
    """The first key resembles cell 0 most by cosine, by dot product the long query of cell 1."""
    key = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(1, 2, 1, 2)
    query = torch.tensor([[1.0, 9.0, 0.0, -1.0], [0.1, 9.0, 1.0, 0.0]]).view(1, 2, 1, 4)
    reads = {}
    for kind in ("dot", "cosine"):
        bank = MemoryBank(2, similarity=kind, kernel_sigma=0.5)
        bank.add_memory(key, torch.tensor([1.0, 0.0]).view(1, 1, 1, 2))
        reads[kind] = bank.read(query)[0, 0, 0]
    cosines = torch.tensor([1.0, 0.1]) / math.hypot(1, 0.1)
    weights = torch.tensor([-0.0, -2.0]) * torch.tensor([0.0, 4.0])  # the second key's centre is cell 2
    assert reads["cosine"][0] == pytest.approx((20 * cosines + weights).softmax(0)[0].item(), abs=1e-5)
    plain = torch.tensor([1.0, 0.1]) / math.sqrt(2)  # both keys' centre is cell 1
    assert reads["dot"][0] == pytest.approx(plain.softmax(0)[0].item(), abs=1e-5)


def network_of(reading: MemoryReading) -> STCN:
    """A small network with deterministic weights."""
    network = STCN(size="small", reading=reading).eval()
    fill_state_dict({name: tensor for name, tensor in network.state_dict().items() if name != READING})
    return network


@pytest.mark.parametrize("reading", [MemoryReading("dot"), MemoryReading("cosine", 7), MemoryReading("l2", 3)])
def test_saved_weights_are_read_as_they_were_trained(tmp_path: Path, reading: MemoryReading) -> None:
    """The second frame of a clip has the same probabilities in training and in evaluation."""
    network = network_of(reading)
    torch.save(network.state_dict(), tmp_path / "x.pth")
    loaded = load_network(tmp_path / "x.pth")
    assert loaded.reading == reading
    config = TrackerConfig(exact=True, kernel_sigma=None).suited_to(loaded)
    assert config.top_k == (reading.top_k or 20)
    assert TrackerConfig(top_k=11).suited_to(loaded).top_k == 11
    frames, mask = torch.randn(2, 3, 32, 64), torch.zeros(32, 64, dtype=torch.int32)
    mask[:20, :30], mask[20:, 40:] = 1, 2
    masks = aggregate(torch.stack([mask == 1, mask == 2]).float()).softmax(0)[1:]  # as evaluation gives them
    trained = network(frames[None], masks[None], torch.ones(1, 2, dtype=torch.bool))[0, 0].softmax(0)
    core = InferenceCore(loaded, config)  # eight memory positions, so that 20 are all
    core.step(frames[0], mask)
    torch.testing.assert_close(core.step(frames[1]), trained, atol=2e-5, rtol=0)


def test_the_published_reading_leaves_state_dicts_as_they_are() -> None:
    assert READING not in STCN(size="small").state_dict()


def test_a_stage_may_read_in_another_way_than_the_one_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save(network_of(MemoryReading("dot")).state_dict(), tmp_path / "dot.pth")
    torch.save(network_of(MemoryReading()).state_dict(), tmp_path / "l2.pth")
    for name, reading in (("dot", MemoryReading()), ("l2", MemoryReading("cosine", 5)), ("dot", MemoryReading("dot"))):
        caplog.clear()
        network = STCN(size="small", reading=reading)
        with caplog.at_level("INFO"):
            start_from_weights(network, tmp_path / f"{name}.pth")
        assert ("trained further with" in caplog.text) == (name != reading.similarity)
        torch.save(network.state_dict(), tmp_path / "next.pth")
        assert load_network(tmp_path / "next.pth").reading == reading


@pytest.mark.parametrize("numbers", [[3, 0], [-1, 0], [0], [0, -1], [0.5, 1]])
def test_an_unknown_reading_is_refused(tmp_path: Path, numbers: list[float]) -> None:
    torch.save({**STCN(size="small").state_dict(), READING: torch.tensor(numbers)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"x\.pth: reads its memory in a way that is not known here"):
        load_network(tmp_path / "x.pth")
