"""Which animals there are."""

from __future__ import annotations

from functools import cache

from ...errors import OptionError
from .bodies import Body
from .hoofed import cow, horse
from .pawed import hound, tiger

PLANS = {"horse": horse, "tiger": tiger, "hound": hound, "cow": cow}
ANIMALS = tuple(PLANS)


@cache
def body_of(animal: str) -> Body:
    """The standard individual of an animal.

    Raises:
        OptionError: for an animal without a body plan.
    """
    if animal not in PLANS:
        raise OptionError(f"an animal out of {', '.join(ANIMALS)}", repr(animal), f"--animal {ANIMALS[0]}")
    return PLANS[animal]()
