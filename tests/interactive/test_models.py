"""Loading the networks of interactive use."""

import pytest

from interactive.models import load_models
from util.errors import InputError


@pytest.mark.parametrize("name", ["precision", "fusion", "device"])
def test_an_unknown_choice_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} .*liner.*: unknown; choose auto"):
        load_models(**{name: "liner"})
