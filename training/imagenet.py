"""ImageNet weights in several processes: one of each machine fetches them, the others find them there."""

from collections.abc import Callable

from util.distributed import ProcessGroup, local_rank
from util.errors import InputError


def load_in_turn(load: Callable[[], None], group: ProcessGroup) -> None:
    """Load ImageNet weights in the first process of each machine, which may download them, and then in the others.

    Args:
        load: gives a network the weights.

    Raises:
        InputError: some process cannot load them; it is raised in all.
    """
    is_first = not local_rank()
    for is_turn in (is_first, not is_first):
        problem = _try(load) if is_turn else None
        if problem := group.first(problem):
            raise InputError(problem)


def _try(load: Callable[[], None]) -> str | None:
    try:
        load()
    except InputError as e:
        return str(e)
    except OSError as e:
        return f"ImageNet weights cannot be downloaded ({e}); set encoder_weights to a folder that holds them"
    return None
