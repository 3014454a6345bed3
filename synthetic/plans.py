"""Which animals there are."""

from __future__ import annotations

from ..errors import OptionError
from .bodies import Body
from .farm import GOAT, PIG, SHEEP
from .hoofed import COW, HORSE
from .pawed import DOG, HOUND, TIGER

PLANS = {body.name: body for body in (HORSE, TIGER, HOUND, COW, SHEEP, GOAT, PIG, DOG)}
ANIMALS = tuple(PLANS)


def body_of(animal: str) -> Body:
    """The standard individual of an animal.

    Raises:
        OptionError: for an animal without a body plan.
    """
    if animal not in PLANS:
        raise OptionError(f"an animal out of {', '.join(ANIMALS)}", repr(animal), f"--animal {ANIMALS[0]}")
    return PLANS[animal]
