"""Random numbers of a run's steps, and of the parts of a batch that several processes augment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


def generator_for(*numbers: int) -> torch.Generator:
    """A CPU generator whose random numbers depend only on `numbers` (seed, epoch, step, ...)."""
    # the length comes first, since SeedSequence treats (1,) and (1, 0) as equal
    words = [len(numbers), *(n & 0xFFFFFFFF for n in numbers)]
    state = np.random.SeedSequence(words).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


@dataclass(frozen=True)
class BatchPart:
    """A generator for one part of a batch. It draws for the complete batch and returns the part's rows.

    So the random numbers of a picture do not depend on which process augments it.

    Attributes:
        generator: of the complete batch.
        rows: (B,) int64, indices of the part's pictures in the batch.
        total: pictures in the batch.
    """

    generator: torch.Generator
    rows: torch.Tensor
    total: int


Draws = torch.Generator | BatchPart


def drawn(draw: Callable[..., torch.Tensor], generator: Draws, shape: tuple[int, ...], **options: Any) -> torch.Tensor:
    """`draw(shape, ...)`; the first axis of `shape` is the batch."""
    if isinstance(generator, BatchPart):
        batch = draw((generator.total, *shape[1:]), generator=generator.generator, **options)
        return batch[generator.rows.to(batch.device)]
    return draw(shape, generator=generator, **options)


def generator_of_batch(generator: Draws) -> torch.Generator:
    """The generator of the complete batch."""
    return generator.generator if isinstance(generator, BatchPart) else generator


def uniform(generator: Draws, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    """U(low, high), float32 on the CPU; the first axis of `shape` is the batch."""
    return drawn(torch.rand, generator, shape) * (high - low) + low
