"""Did it help? A score of an adaptation that needs no label of the target."""

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
from .framing import AGREE, mirrored_joints
from .sample import Sample

FRAMES = 128


class SelfCheck:
    """Scores a network on some frames of the target by what should agree.

    The parts, each a share of joints in 0..1: `views`, a frame and its mirror image; `neighbours`, a frame and what flows there
    from the one before, where the target has shots; `teacher`, the network and its teacher; `source`, the source's validation.
    `score` is their geometric mean: agreement alone is had by a network that sees the same everywhere, and such a one fails the
    source.

    Args:
        crops: the target's.
        shots: N texts, see PoseDataset.
        form: input form of the network.
        flow: a key of `FLOWS`, or `none`.
        teacher: gives the teacher, or None.
        mirror: False leaves `views` out: nobody knows which joints change places in a mirror image.
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
        # Lucas-Kanade does for points a few pixels apart, whatever the labels are carried with
        self.linked = np.array([i > 0 and bool(s) and s == shots[i - 1] for i, s in enumerate(shots)], bool)
        self.linked &= flow != "none"
        self._sample: Sample | None = None

    @property
    def sample(self) -> Sample | None:
        if self._sample is None:
            self._sample = Sample.of(self.crops, FRAMES, self.linked)
        return self._sample

    @torch.no_grad()
    def __call__(self, model: nn.Module, source: float) -> Mapping[str, float]:
        """Scores by name, as they stand in the log.

        Args:
            model: put into eval mode.
            source: score of the source's validation, 0..1; NaN, where nothing there is visible, is left out.
        """
        sample = self.sample
        if sample is None:
            return {}
        device, near = next(model.parameters()).device, AGREE * self.spec.heatmap_size
        crops = sample.crops.to(device)
        model.eval()
        own, mirrored, _ = mirrored_joints(model, crops, self.spec, self.flip_order)
        parts = {"views": float(((own - mirrored).norm(dim=-1) < near).float().mean())} if self.mirror else {}
        if not math.isnan(source):
            parts["source"] = source
        teacher = self.teacher()
        if teacher is not None:
            apart = (own - _joints(teacher.eval(), crops, self.spec, len(self.flip_order))).norm(dim=-1)
            parts["teacher"] = float((apart < near).float().mean())
        flowing = self._neighbours((own.cpu().numpy() + 0.5) * self.spec.stride - 0.5, sample)
        if flowing is not None:
            parts["neighbours"] = flowing
        if not parts:
            return {}
        score = float(np.exp(np.mean(np.log(np.maximum(list(parts.values()), 1e-6)))))
        return {"selfcheck/score": score, **{f"selfcheck/{name}": value for name, value in parts.items()}}

    def _neighbours(self, xy: np.ndarray, sample: Sample) -> float | None:
        """Share of the joints of a frame where those of the frame before flow to; xy (F, K, 2) in px of the inner square."""
        pad = (self.crops.size - self.spec.size) // 2
        agree = []
        for at in range(1, len(sample.rows)):
            if sample.rows[at] - sample.rows[at - 1] != 1 or not self.linked[sample.rows[at]]:
                continue
            greys = [cv2.cvtColor(sample.crops[i].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY) for i in (at - 1, at)]
            there, missed = FLOWS["lk"](*greys, xy[at - 1].astype(np.float64) + pad)
            sound = missed <= 2 / 256 * self.spec.size
            agree += list(np.linalg.norm(there - pad - xy[at], axis=-1)[sound] < AGREE * self.spec.size)
        return float(np.mean(agree)) if agree else None


def _joints(model: nn.Module, crops: torch.Tensor, spec: InputSpec, k: int, at_once: int = 64) -> torch.Tensor:
    """(F, K, 2) cells."""
    pad, found = (crops.shape[-1] - spec.size) // 2, []
    for part in crops.split(at_once):
        images = spec.normalise_exact(part[..., pad : pad + spec.size, pad : pad + spec.size].float() / 255)
        maps = spec.joint_maps(model(images.contiguous(memory_format=torch.channels_last)), k)
        found.append(spec.decode(maps)[0])
    return torch.cat(found)
