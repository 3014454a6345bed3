"""What every feed of training batches has: the order of an epoch, the share of the rank, the loader, pictures that cannot be read.

What a batch holds follows from (seed, stream, epoch, step) alone, so an interrupted run goes on with the batch it would have
had, whatever the number of workers and ranks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric

from ...datasets.loader import Loader
from ...datasets.pictures import FaultLog, SafeDataset
from ...errors import DataError
from ...evaluation.options import ReadingOptions
from ..streams import Stream

# images (B, 3, H, W) normalised, target as the codec has it ((B, K, h, w) for one map a joint), weight (B, K), index (B,); of a set
# with part maps also parts (B, H, W) int64; `pictures`, a number, where fewer pictures count than there are
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class FeedConfig:
    """How a feed draws and reads.

    Attributes:
        batch_size: pictures of a batch, on each rank.
        seed: of the run.
        stream: of the feed; two feeds of one run have different ones.
        workers: processes that decode.
        strict: stop at the first unreadable picture instead of counting it.
        rank, world: which share of every batch of world x batch_size this process makes. What is drawn for a picture is the same
            as if one process made the whole batch.
    """

    batch_size: int
    seed: int
    stream: int = Stream.SOURCE
    _: KW_ONLY
    workers: int = 0
    strict: bool = False
    rank: int = 0
    world: int = 1

    @classmethod
    def of(
        cls, options: ReadingOptions, fabric: Fabric, *, batch_size: int, seed: int, stream: int = Stream.SOURCE
    ) -> FeedConfig:
        """The configuration of a command on the ranks of `fabric`."""
        return cls(
            batch_size,
            seed,
            stream,
            workers=options.workers,
            strict=options.strict_data,
            rank=fabric.global_rank,
            world=fabric.world_size,
        )


@dataclass(frozen=True)
class Draw:
    """Which batch is made: its epoch, its step, and the rows of this rank's share."""

    epoch: int
    step: int
    rows: Sequence[int]


class Batches(Protocol):
    """What a training step asks of a feed."""

    @property
    def steps(self) -> int: ...

    def batches(self, epoch: int, start: int, device: torch.device) -> Iterator[Batch | None]: ...


class Feed(ABC):
    """Batches of one data set. A subclass says how items are read (`_items`) and what is made of them on the device (`_make`).

    Args:
        count: number of items.
        config: how to draw and read.

    Attributes:
        faults: pictures that could not be read.

    Raises:
        DataError: there is no item.
    """

    drops_last = True  # whether a last, smaller batch is left out, unless it is the only one

    def __init__(self, count: int, config: FeedConfig):
        if count == 0:
            raise DataError(
                "at least one labelled person or animal to train on",
                "an empty data set",
                "zoopose data check NAME:PATH",
            )
        self.count, self.config, self.faults = count, config, FaultLog()

    @property
    def batch_size(self) -> int:
        """Pictures of a batch, on each rank."""
        return self.config.batch_size

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.config.seed

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        span = self.config.batch_size * self.config.world
        return max(1, self.count // span) if self.drops_last else -(-self.count // span)

    def order(self, epoch: int) -> np.ndarray:
        """(N,) the order of an epoch's items, the same on every rank."""
        return np.random.default_rng([self.config.seed, self.config.stream, epoch]).permutation(self.count)

    def batches(self, epoch: int, start: int, device: torch.device) -> Iterator[Batch | None]:
        """Batches of an epoch from step `start` on, on the device.

        Yields:
            The batch; None where none of its pictures can be read: the step counts, and trains nothing.
        """
        config, order = self.config, self.order(epoch)
        span = config.batch_size * config.world
        own = [order[i * span : (i + 1) * span][config.rank :: config.world] for i in range(start, self.steps)]
        # a rank without a picture computes along with one that counts nothing
        shares = [(share if len(share) else order[:1]).tolist() for share in own]
        items, workers, collate = self._items(epoch)
        for step, raw in enumerate(Loader(SafeDataset(items, config.strict), shares, workers, collate), start):
            read = self.faults.take(raw)
            if read is None:
                yield None
                continue
            batch = self._make(read, Draw(epoch, step, shares[step - start]), device)
            if not len(own[step - start]):
                batch["weight"] = torch.zeros_like(batch["weight"])
                batch["pictures"] = torch.tensor(0)
            yield batch

    @abstractmethod
    def _items(self, epoch: int) -> tuple[Any, int, Callable[[Sequence[Any]], dict[str, Any]]]:
        """The items of an epoch, the number of processes to read them with, and what makes a batch of a list of them."""

    @abstractmethod
    def _make(self, read: dict[str, Any], draw: Draw, device: torch.device) -> Batch:
        """The batch of the items that could be read."""


@dataclass(frozen=True)
class NoPictures:
    """The feed of a part that a run does not have: every batch of it is None."""

    seed: int
    batch_size: int = 0
    steps: int = 1

    def batches(self, epoch: int, start: int, device: torch.device) -> Iterator[Batch | None]:
        """None, `steps - start` times."""
        yield from [None] * (self.steps - start)


def continued_batches(feed: Batches, at: int, count: int, device: torch.device) -> Iterator[Batch | None]:
    """Batches `at` to `at + count` of a feed that runs on through its own epochs, whatever the length of the run's.

    Args:
        at: batches before, counted from the beginning of the run.

    Yields:
        count times what `batches` yields.
    """
    while count > 0:
        epoch, begin = divmod(at, feed.steps)
        take = min(count, feed.steps - begin)
        for _, batch in zip(range(take), feed.batches(epoch, begin, device)):
            yield batch
        at, count = at + take, count - take
