"""Temporal consistency (CC-SSL, CVPR 2020, section 3): optical flow carries labels from a frame of a shot to the next frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch

from ..pose.flow import flow_for
from ..pose.geometry import apply, compose, invert

# (N, K) arrays of labels: mean distances between the views of a frame. A larger distance is weaker evidence.
DISTANCES = ("agreement", "invariance", "equivariance")
# Arrays of labels that `Propagation` changes.
CHANGED = ("xy", "confidence", "peak", *DISTANCES, "carried", "temporal")


@dataclass(frozen=True)
class Temporal:
    """How labels are carried to the next frame of a video, with a forward-backward check of the flow.

    Attributes:
        flow: `lk`, `dis`, `raft` or `none`.
        decay: factor on the confidence for every frame. A label is carried to the next frame where the label there has less than
            `decay` x its confidence. A carried label takes the evidence of the label it comes from: confidence and peak x decay,
            distances between the views / decay. 0.9 is the published factor.
        reach: longest movement between two frames, in shares of the crop's side; 15 of 256 px as published.
        slip: largest forward-backward error of a flow, in shares of the crop's side.
        weights: file with the weights of RAFT.
    """

    flow: str = "lk"
    decay: float = 0.9
    reach: float = 15 / 256
    slip: float = 2 / 256
    weights: str = ""


class Frame(NamedTuple):
    """A frame of a shot: its row in the labels, its padded crop (S, S) grey uint8, and crop_from_image (2, 3) float64."""

    row: int
    grey: np.ndarray
    crop_from_image: np.ndarray

    @classmethod
    def of_crop(cls, row: int, crop: torch.Tensor, crop_from_image: torch.Tensor) -> Frame:
        """A frame from its padded crop (3, S, S) uint8."""
        return cls(row, cv2.cvtColor(crop.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY), crop_from_image.numpy())


class Propagation:
    """Carries labels along a shot.

    Args:
        rule: the flow and its limits; not `none`.
        side: side of the network's input, px of the crop.
        device: where RAFT runs.

    Raises:
        OptionError, WeightsError: see `flow_for`.
    """

    def __init__(self, rule: Temporal, side: int, device: torch.device):
        self.rule, self.side = rule, side
        self._flow = flow_for(rule.flow, rule.weights, device)

    def carry(self, before: Frame, now: Frame, labels: dict[str, np.ndarray]) -> None:
        """Compare the labels of a frame with those that flow there from the frame before; replace the ones that are weaker.

        Args:
            before, now: neighbouring frames of a shot.
            labels: arrays with a row for every frame; those of `CHANGED` are changed in place. `xy` is in px of the picture.
        """
        rule, old, new = self.rule, before.row, now.row
        joints = np.flatnonzero(labels["confidence"][old] > 0)
        if not len(joints) or np.isnan(labels["xy"][new]).any():
            return
        # both frames in the crop of the new one, so that a box that moves is not taken for motion
        align = compose(now.crop_from_image, invert(before.crop_from_image))
        aligned = cv2.warpAffine(before.grey, align, now.grey.shape[::-1], flags=cv2.INTER_LINEAR)
        start = apply(now.crop_from_image, labels["xy"][old][joints].astype(np.float64))
        flowed, error = self._flow(aligned, now.grey, start)
        moved = np.linalg.norm(flowed - start, axis=-1)
        reliable = (error <= rule.slip * self.side) & (moved <= rule.reach * self.side)
        joints, flowed = joints[reliable], flowed[reliable].astype(np.float64)
        current = apply(now.crop_from_image, labels["xy"][new][joints].astype(np.float64))
        labels["temporal"][new][joints] = np.linalg.norm(flowed - current, axis=-1)
        decayed = rule.decay * labels["confidence"][old][joints]
        weaker = labels["confidence"][new][joints] < decayed
        joints = joints[weaker]
        labels["xy"][new][joints] = apply(invert(now.crop_from_image), flowed[weaker])
        labels["confidence"][new][joints] = decayed[weaker]
        # the evidence for the replaced label says nothing about the carried one
        labels["peak"][new][joints] = rule.decay * labels["peak"][old][joints]
        for name in DISTANCES:
            labels[name][new][joints] = labels[name][old][joints] / rule.decay
        labels["carried"][new][joints] = True
