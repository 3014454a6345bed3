"""Limits of numeric options: written on the field of the options class, checked at one place."""

from __future__ import annotations

import dataclasses
import math
import typing
from dataclasses import dataclass
from typing import Annotated, Any

from ..errors import OptionError


@dataclass(frozen=True)
class Limits:
    """Smallest and largest value of a numeric option; goes into the annotation of its field: `Annotated[int, Limits(1, 64)]`.

    Every number of an option that takes several is checked. None (no value given) and numbers in `also` are allowed besides.

    Attributes:
        low, high: both allowed. NaN never is; infinity is where `high` is infinite.
        also: further values, mostly 0 where it stands for a default.
    """

    low: float
    high: float
    also: tuple[float, ...] = ()

    def allow(self, value: float) -> bool:
        """Whether one number is within the limits."""
        return value in self.also or self.low <= value <= self.high

    def __str__(self) -> str:
        parts = [f"{value:.15g}" for value in self.also]
        if self.high == math.inf:
            return " or ".join([*parts, f"at least {self.low:.15g}"])
        return " or ".join([*parts, f"between {self.low:.15g} and {self.high:.15g}"])


def zero_or(low: float, high: float) -> Limits:
    """0, which stands for a default or turns something off, or a number between `low` and `high`."""
    return Limits(low, high, (0,))


# limits that several options share
SHARE = Limits(0, 1)
SEED = Limits(0, 2**32 - 1)  # what NumPy's and torch's generators take alike
COUNT = Limits(1, 1_000_000_000)
COUNT_OR_ZERO = Limits(0, 1_000_000_000)
PROCESSES = Limits(0, 512)
SIDE = zero_or(8, 8192)  # px; the memory for one picture of the largest is 0.8 GB


def flag_of(name: str) -> str:
    """The flag of a field: `inp_res` -> `--inp-res`."""
    return "--" + name.replace("_", "-").rstrip("-")


def numeric_fields(options: type) -> dict[str, Limits | None]:
    """Fields of an options class that hold numbers, with their limits; None where a field has none.

    Flags that are accepted and ignored (`DEAD_FLAGS`) are left out.
    """
    hints = typing.get_type_hints(options, include_extras=True)
    found = {}
    for field in dataclasses.fields(options):
        hint = hints[field.name]
        if field.name in getattr(options, "DEAD_FLAGS", ()) or not _kinds(hint) & {int, float}:
            continue
        metadata = typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()
        found[field.name] = next((part for part in metadata if isinstance(part, Limits)), None)
    return found


def check_limits(options: Any) -> None:
    """Refuse a number outside the limits of its field, before anything is opened.

    Args:
        options: an instance of a dataclass whose numeric fields carry `Limits`.

    Raises:
        OptionError: names the flag, its limits and the value.
    """
    for name, limits in numeric_fields(type(options)).items():
        value = getattr(options, name)
        numbers = value if isinstance(value, tuple | list) else (value,)
        for number in numbers:
            if number is None or limits is None:
                continue
            if not limits.allow(number):
                raise OptionError(f"{flag_of(name)} {limits}", f"{flag_of(name)} {number}")


def _kinds(hint: Any) -> set[Any]:
    """The plain types within an annotation: `Annotated[int | tuple[float, ...], ...]` -> {int, float, ...}."""
    origin = typing.get_origin(hint)
    if origin is None:
        return {hint}
    if origin is typing.Literal:
        return set()
    arguments = typing.get_args(hint)[:1] if origin is Annotated else typing.get_args(hint)
    return set().union(*map(_kinds, arguments))
