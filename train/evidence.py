"""Evidence of what an adaptation does to a network, from target frames without labels. It is measured after every epoch.

Each kind of evidence has a module: box fill (`evaluation/box_fill.py`, measured by the guard), the joints that the start network
was sure of (`evaluation/start_reference.py`), the pose prior of the source (`pose/prior.py`), and facing (`pose/facing.py`). What
follows from it is in `train/verdict.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from ..datasets.views import Subset
from ..evaluation.inference import PredictConfig, Predictions, predict
from ..evaluation.score import BATCH
from ..evaluation.start_reference import StartReference, near, trust_in_joints
from ..pose.checkpoints import Loaded
from ..pose.facing import certainty, front_and_back, neighbours_agree, share_that_agrees
from ..pose.input_spec import InputSpec
from ..pose.prior import PosePrior
from .run_state import Run

Numbers = dict[str, float]  # name -> value; only those that can be measured


class Mirrored(nn.Module):
    """A network that sees mirrored pictures, and whose maps are mirrored back.

    Args:
        network: takes normalised pictures (B, 3, R, Q).
        spec: its input.
        flip_order: (K,) partner of every joint.
    """

    def __init__(self, network: nn.Module, spec: InputSpec, flip_order: np.ndarray):
        super().__init__()
        self.network, self.spec, self.flip_order = network, spec, flip_order

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps = self.spec.joint_maps(self.network(images.flip(-1)), len(self.flip_order))
        return [self.spec.flip_back(maps, self.flip_order)]


@dataclass
class Evidence:
    """Measures the network of a run on the frames of the guard.

    Its `state` is saved with the run: `start`, the numbers of the start network, `epochs`, those of all epochs, `trust`, of every
    joint after every epoch (`trust_in_joints`), and the joints of the start network. Empty before the first epoch.

    The numbers, as far as they can be measured:

    - `views`: share of the joints that a frame and its mirror image put at the same place. Agreement with itself raises it, whether
      the network is right or wrong.
    - `kept_size`, `kept_place`, `drift`: see `StartReference`.
    - `pose_prior`: median over the frames of the mean distance of the joints from the source's pose prior, see
      `PosePrior.edge_distance`.
    - `facing_views`, `facing_neighbours`, `facing_certainty`: share of frames that face the same way as their mirror image, and as
      the next frame of their recording; and how decided that is, see `certainty`.

    Args:
        network: describes the input; its weights are not used.
        run: the run. All methods are called on all ranks, and have the same result there.
        mirror: whether pictures may be mirrored, see `mirrors`.
    """

    network: Loaded
    run: Run
    mirror: bool = True
    state: dict[str, Any] = field(default_factory=dict, init=False)

    @property
    def start(self) -> Mapping[str, float]:
        """Numbers of the start network; empty where nothing was measured."""
        return dict(self.state.get("start", {}))

    @property
    def epochs(self) -> list[Mapping[str, float]]:
        """Numbers of every epoch."""
        return list(self.state.get("epochs", []))

    def begin(self, few: Subset, found: Predictions, prior: PosePrior | None) -> None:
        """Measure the start network.

        Args:
            few: the target frames; found: its joints there.
            prior: of the source; None: it cannot be computed.
        """
        mirrored = self._mirrored(few, found)
        reference = StartReference.of(found.xy_px, found.score, found.box_xywh, mirrored)
        self.state = {
            "prior": prior.to_dict() if prior else {},
            "xy_px": torch.from_numpy(reference.xy_px),
            "sure": torch.from_numpy(reference.sure),
            "start": {},
            "epochs": [],
            "trust": [],
        }
        self.state["start"] = self._numbers(few, found, mirrored)

    def after_epoch(self, few: Subset, found: Predictions, more: Mapping[str, float] | None = None) -> Numbers:
        """Measure the network after an epoch; returns its numbers.

        Args:
            more: numbers of the guard, which are kept with the others.
        """
        mirrored = self._mirrored(few, found)
        numbers = {**_finite(more or {}), **self._numbers(few, found, mirrored)}
        trust = trust_in_joints(found.xy_px, found.box_xywh, self._reference().xy_px, mirrored)
        self.state["epochs"].append(numbers)
        self.state["trust"].append(self._of_first_rank([float(share) for share in trust]))
        return numbers

    def _mirrored(self, few: Subset, found: Predictions) -> np.ndarray | None:
        """(N, K, 2) joints of the mirrored pictures, picture px; None where pictures cannot be mirrored."""
        if not self.mirror:
            return None
        spec, order = self.network.spec.framed(self.run.framing), np.asarray(few.skeleton.flip_order)
        config = PredictConfig(BATCH, phase="evidence")
        seen = predict(Mirrored(self.run.plain, spec, order).eval(), few, spec, self.run.fabric.device, config)
        return np.where(found.read[:, None, None], seen.xy_px, np.nan)

    def _reference(self) -> StartReference:
        return StartReference(self.state["xy_px"].numpy(), self.state["sure"].numpy())

    def _numbers(self, few: Subset, found: Predictions, mirrored: np.ndarray | None) -> Numbers:
        xy, box = found.xy_px.astype(np.float64), found.box_xywh
        reference = self._reference()
        numbers = {
            "kept_size": reference.kept_size(xy),
            "kept_place": reference.kept_place(xy, box),
            "drift": reference.drift(xy, box),
        }
        if mirrored is not None:
            numbers["views"] = float(near(xy, mirrored, box)[found.read].mean())
        if self.state["prior"]:
            distance = PosePrior.from_dict(self.state["prior"]).edge_distance(xy[found.read], box[found.read])
            known = distance[np.isfinite(distance).any(1)]
            numbers["pose_prior"] = float(np.median(np.nanmean(known, 1))) if len(known) else math.nan
        numbers |= _facing(few, xy[found.read], None if mirrored is None else mirrored[found.read], found.read)
        first: Numbers = self._of_first_rank(_finite(numbers))
        return first

    def _of_first_rank(self, value: Any) -> Any:
        return self.run.fabric.broadcast(value)


def _finite(numbers: Mapping[str, float]) -> Numbers:
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def _facing(few: Subset, xy: np.ndarray, mirrored: np.ndarray | None, read: np.ndarray) -> Numbers:
    """Numbers on facing; empty for a skeleton whose names do not tell front from back.

    Args:
        xy, mirrored: (N, K, 2) of the frames that could be read.
        read: (M,) bool, which frames of `few` these are.
    """
    joints = front_and_back(few.skeleton)
    if joints is None:
        return {}
    heading = joints.heading(xy)
    numbers = {"facing_certainty": certainty(joints, [xy] if mirrored is None else [xy, mirrored])}
    if mirrored is not None:
        numbers["facing_views"] = share_that_agrees(heading, joints.heading(mirrored))
    names = [few.shots[i] or str(few.meta_of(i).get("group") or "") for i in np.flatnonzero(read).tolist()]
    neighbours = neighbours_agree(heading, names)
    return numbers if neighbours is None else {**numbers, "facing_neighbours": neighbours}
