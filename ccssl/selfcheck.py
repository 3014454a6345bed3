"""The self-check: a score of an adapted network that needs no label of the target."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch
from torch import nn

from ..datasets.crops import CropCache
from ..pose.flow import FLOWS
from ..pose.input_spec import InputSpec
from ..train.selftraining.labeller import inner_images
from .frame_sample import FrameSample, follows_previous
from .framing import AGREE, mirrored_joints

FRAMES = 128  # frames of the target in the score
# Largest forward-backward error of a flow that counts, in shares of the crop's side: 2 of 256 px, as in `Temporal.slip`.
SLIP = 2 / 256


class SelfCheck:
    """Scores a network by the agreement of its predictions on some frames of the target.

    The parts are shares of joints that agree, each in 0..1: `views`, a frame and its mirror image; `neighbours`, a frame and the
    joints that flow there from the frame before it, where the target has shots; `teacher`, the network and its teacher; `source`,
    the PCK of the source's validation. `score` is the geometric mean of the parts. The source is a part because a network that
    predicts the same pose everywhere agrees with itself, but fails on the source.

    Args:
        crops: of the target.
        shots: N texts, see `PoseDataset.shots`.
        spec: input of the network.
        flow: `none` leaves `neighbours` out. Any other flow is checked by Lucas-Kanade, which is exact enough for points.
        teacher: returns the teacher, or None.
        mirror: False leaves `views` out: left and right joints of the skeleton are not known.
    """

    def __init__(
        self,
        crops: CropCache,
        shots: list[str],
        spec: InputSpec,
        flow: str,
        teacher: Callable[[], nn.Module | None],
        mirror: bool = True,
    ):
        self.crops, self.spec, self.teacher, self.mirror = crops, spec, teacher, mirror
        self.flip_order = crops.dataset.skeleton.flip_order
        self.linked = follows_previous(shots) & (flow != "none")
        self._sample: FrameSample | None = None

    @property
    def sample(self) -> FrameSample | None:
        """The frames that are scored; read at the first call."""
        if self._sample is None:
            self._sample = FrameSample.spread(self.crops, FRAMES, self.linked)
        return self._sample

    @torch.no_grad()
    def __call__(self, model: nn.Module, source: float) -> Mapping[str, float]:
        """Scores by name, for the log; empty where no frame can be read.

        Args:
            model: put into eval mode.
            source: PCK of the source's validation, 0..1; NaN is left out.
        """
        sample = self.sample
        if sample is None:
            return {}
        device, near = next(model.parameters()).device, AGREE * self.spec.heatmap_size
        crops = sample.crops.to(device)
        model.eval()
        joints, mirrored, _ = mirrored_joints(model, crops, self.spec, self.flip_order)
        parts = {"views": float(((joints - mirrored).norm(dim=-1) < near).float().mean())} if self.mirror else {}
        if not math.isnan(source):
            parts["source"] = source
        teacher = self.teacher()
        if teacher is not None:
            distance = (joints - _joints(teacher.eval(), crops, self.spec, len(self.flip_order))).norm(dim=-1)
            parts["teacher"] = float((distance < near).float().mean())
        neighbours = self._neighbours((joints.cpu().numpy() + 0.5) * self.spec.stride - 0.5, sample)
        if neighbours is not None:
            parts["neighbours"] = neighbours
        if not parts:
            return {}
        score = float(np.exp(np.mean(np.log(np.maximum(list(parts.values()), 1e-6)))))
        return {"selfcheck/score": score, **{f"selfcheck/{name}": value for name, value in parts.items()}}

    def _neighbours(self, xy: np.ndarray, sample: FrameSample) -> float | None:
        """Share of joints that lie where the joints of the frame before flow to; None without a pair of frames.

        Args:
            xy: (F, K, 2) joints, px of the inner square.
        """
        pad = (self.crops.side - self.spec.size) // 2
        agree: list[bool] = []
        for at in range(1, len(sample.rows)):
            if sample.rows[at] - sample.rows[at - 1] != 1 or not self.linked[sample.rows[at]]:
                continue
            before, now = (
                cv2.cvtColor(sample.crops[i].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY) for i in (at - 1, at)
            )
            flowed, error = FLOWS["lk"](before, now, xy[at - 1].astype(np.float64) + pad)
            reliable = error <= SLIP * self.spec.size
            agree += list(np.linalg.norm(flowed - pad - xy[at], axis=-1)[reliable] < AGREE * self.spec.size)
        return float(np.mean(agree)) if agree else None


def _joints(model: nn.Module, crops: torch.Tensor, spec: InputSpec, k: int, at_once: int = 64) -> torch.Tensor:
    """Joints (F, K, 2) of padded crops, cells."""
    joints = []
    for part in crops.split(at_once):
        images = inner_images(part, spec).contiguous(memory_format=torch.channels_last)
        joints.append(spec.decode(spec.joint_maps(model(images), k))[0])
    return torch.cat(joints)
