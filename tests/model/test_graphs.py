"""CUDA graphs, on a stand-in that records operations on a CPU and computes them again."""

from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from model.graphs import MAX_RECORDED, RECORDED_AT, GraphedFunction
from model.modules import ResBlockFramePart


class FakeGraph(TorchDispatchMode):
    """Record operations, and compute them again on the same tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.launches = []
        self.num_replays = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.launches.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        self.num_replays += 1
        for func, args, kwargs, result in self.launches:
            for mine, new in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs))):
                mine.copy_(new)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeGraph]:
    """The graphs that are made."""
    graphs_made = []

    @contextmanager
    def record(graph, **_):
        graphs_made.append(graph)
        with graph:
            yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: "mine")
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: None)
    return graphs_made


def scaled(x: Tensor, part: ResBlockFramePart, *, factor: int = 1) -> ResBlockFramePart:
    return ResBlockFramePart((x + part.residual).relu(), factor * part.skip)


def arguments(size: int = 3) -> tuple[Tensor, ResBlockFramePart]:
    return torch.randn(size), ResBlockFramePart(torch.randn(size), torch.randn(size))


def test_replays_equal_the_function_and_never_change_what_was_returned(made: list[FakeGraph]) -> None:
    graphed, found, expected = GraphedFunction(scaled), [], []
    for size, factor in [(3, 1), (3, 2), (5, 1)] * 5:
        given = arguments(size)
        found.append(graphed(*given, factor=factor))
        expected.append(scaled(*given, factor=factor))
    assert [graph.num_replays for graph in made] == 3 * [6 - RECORDED_AT]
    for mine, plain in zip(found, expected):
        assert isinstance(mine, ResBlockFramePart)
        torch.testing.assert_close(mine, plain)


def test_shapes_used_last_stay_recorded(made: list[FakeGraph]) -> None:
    graphed = GraphedFunction(scaled)
    for size in [*range(1, MAX_RECORDED + 3), MAX_RECORDED + 2, 1]:
        for _ in range(RECORDED_AT):
            given = arguments(size)
            torch.testing.assert_close(graphed(*given), scaled(*given))
    assert len(made) == MAX_RECORDED + 3  # the first one twice
    assert made[MAX_RECORDED + 1].num_replays == RECORDED_AT + 1


def test_where_recording_fails_the_function_runs_as_it_is(made, monkeypatch, caplog) -> None:
    def fail(*_, **__):
        raise RuntimeError("operation not permitted\nwhile a stream is captured")

    streams = []
    monkeypatch.setattr(torch.cuda, "graph", fail)
    monkeypatch.setattr(torch.cuda, "set_stream", streams.append)
    graphed = GraphedFunction(scaled)
    for _ in range(2 * RECORDED_AT):
        given = arguments()
        torch.testing.assert_close(graphed(*given), scaled(*given))
    assert streams == ["mine"]
    assert caplog.messages == ["CUDA graphs: scaled runs without (RuntimeError: operation not permitted)"]
