"""Means of an epoch's losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch


@dataclass
class Meter:
    """Means of the losses of the running epoch; part of the checkpoint, so that a resumed epoch logs the same means."""

    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, losses: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """Take in the losses of a batch; returns them as plain numbers."""
        numbers = {name: float(value.detach()) for name, value in losses.items()}
        self.count += 1
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        return numbers

    def means(self) -> dict[str, float]:
        return {name: total / max(self.count, 1) for name, total in self.sums.items()}
