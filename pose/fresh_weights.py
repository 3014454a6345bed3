"""Random numbers for the fresh weights of networks, apart from torch's global generator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class FreshWeights:
    """A random stream for networks built one after the other: the same seed gives the same weights, whatever was built, read or
    drawn before. torch's layers draw their weights from the global generator; it is borrowed and given back as it was.

        >>> fresh = FreshWeights(7)
        >>> with fresh.drawing():
        ...     one = torch.nn.Linear(2, 2)
        >>> with FreshWeights(7).drawing():
        ...     other = torch.nn.Linear(2, 2)
        >>> torch.equal(one.weight, other.weight)
        True

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int):
        self._state = torch.Generator().manual_seed(seed).get_state()
        self._used = False

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Inside, fresh weights come from this stream."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._state)
            yield
            self._state, self._used = torch.get_rng_state(), True

    def continue_globally(self) -> None:
        """Set the global generator to where this stream is; nothing happens where nothing was drawn.

        For the set-up of a run, after its networks are built: dropout then continues the stream, which makes a run independent of
        what was read before it.
        """
        if self._used:
            torch.set_rng_state(self._state)
