"""CUDA graphs: the many launches of a function are recorded once for each shape, and replayed as one.

A GPU that computes faster than the host can launch waits for the host; with graphs it does not.
"""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

log = logging.getLogger(__name__)

RECORDED_AT = 3  # use of a shape at which it is recorded: recording takes as long as many uses
MAX_RECORDED = 4  # shapes, the ones used last; each holds memory for its inputs and outputs


class Recording:
    """The launches of a function for inputs of one shape.

    Args:
        function: takes tensors, on CUDA; it must have run for this shape before, which loads its kernels.
        inputs: the arguments.
        pool: of the memory that recordings share, which are never replayed at the same time.
    """

    def __init__(self, function: Callable, inputs: Sequence[Tensor], pool: tuple[int, int]) -> None:
        self._inputs = [tensor.clone() for tensor in inputs]
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may pin memory meanwhile.
        with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self._outputs, self._structure = tree_flatten(function(*self._inputs))

    def replay(self, inputs: Sequence[Tensor]) -> object:
        """Compute the function for other inputs. The result is a copy: the next replay does not change it."""
        for mine, given in zip(self._inputs, inputs):
            mine.copy_(given)
        self._graph.replay()
        return tree_unflatten([tensor.clone() for tensor in self._outputs], self._structure)


class GraphedFunction:
    """Call a function of tensors, and tuples of them, on CUDA; replay it for shapes that come often.

    Where recording fails, a note is logged and the function runs as it is from then on.
    """

    def __init__(self, function: Callable) -> None:
        self._function = function
        self._pool: tuple[int, int] | None = None
        self._uses: Counter[Hashable] = Counter()
        self._recordings: OrderedDict[Hashable, Recording] = OrderedDict()  # the one used last is the last
        self._is_given_up = False

    def __call__(self, *args, **options: object):
        """Compute ``function(*args, **options)``; of the options, such as numbers, each value is a shape of its own."""
        inputs, structure = tree_flatten(args)
        shape = *((x.shape, x.stride(), x.dtype, x.device) for x in inputs), *sorted(options.items())
        if shape not in self._recordings and self._is_worth_recording(shape):
            self._record(shape, lambda *leaves: self._function(*tree_unflatten(leaves, structure), **options), inputs)
        if shape in self._recordings:
            self._recordings.move_to_end(shape)
            return self._recordings[shape].replay(inputs)
        return self._function(*args, **options)

    def _is_worth_recording(self, shape: Hashable) -> bool:
        self._uses[shape] += 1
        return not self._is_given_up and self._uses[shape] >= RECORDED_AT

    def _record(self, shape: Hashable, function: Callable, inputs: Sequence[Tensor]) -> None:
        if len(self._recordings) == MAX_RECORDED:
            dropped, _ = self._recordings.popitem(last=False)
            del self._uses[dropped]
        stream = torch.cuda.current_stream()
        try:
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            self._recordings[shape] = Recording(function, inputs, self._pool)
        except Exception as e:
            torch.cuda.set_stream(stream)  # a failed recording leaves its own
            self._is_given_up = True
            text = str(e).partition("\n")[0]
            log.warning("CUDA graphs: %s runs without (%s: %s)", self._function.__name__, type(e).__name__, text)
