"""Pictures of the first batches of a run: what the network is shown, what it should say, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from ..files import atomic_picture
from ..pose.checkpoints import Loaded
from ..pose.draw import draw_pose
from ..pose.skeleton import Skeleton
from ..progress import log
from .step import Step, StepWrapper

PICTURES, MAPS = 16, 4  # rows of the two sheets at most
TILE_PX = 160  # least side of a tile of the sheet of joints


class DrawnStep(StepWrapper):
    """A step that also draws its first batches. What it computes does not change.

    For every part of a batch that has targets (labelled, pseudo-labelled, ...) there are two sheets. `N_PART_joints.jpg` shows
    every picture twice, labelled joints on the left and predicted ones on the right; `N_PART_maps.jpg` the target maps of a picture
    above those predicted. Predicted is by the network as it is before the batch, in eval mode; nothing is where the part's joints
    are not the network's.

    Args:
        step: what is trained.
        network: describes joints and input.
        plain: the network that trains.
        folder: where the sheets go.
        count: batches to draw.
    """

    def __init__(self, step: Step, network: Loaded, plain: nn.Module, folder: Path, count: int):
        super().__init__(step)
        self.network, self.plain, self.folder, self.left, self.done = network, plain, folder, count, 0

    def __call__(self, model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        if self.left:
            self.left -= 1
            for name, part in labelled_parts(batch):
                self._draw(name, part)
            self.done += 1
            if not self.left:
                log.info("sheets of the first %d batches: %s", self.done, self.folder)
        return self.step(model, batch)

    @torch.no_grad()
    def _draw(self, name: str, part: dict[str, torch.Tensor]) -> None:
        spec, skeleton = self.network.spec, self.network.skeleton
        images, target = part["images"][:PICTURES], part["target"][:PICTURES]
        target = target if target.ndim == 4 else target[:, -1]
        known = part["weight"][:PICTURES].cpu().numpy() > 0
        pictures = (spec.to_rgb(images).cpu() * 255).byte().permute(0, 2, 3, 1).numpy()
        own = known.shape[1] == len(skeleton)
        predicted = self._predict(images, len(skeleton)) if own else None
        rows = []
        for maps, shown in ((target, known), (predicted, np.ones_like(known))):
            xy = None if maps is None else self._in_crop(maps)
            rows.append(_drawn(pictures, xy, skeleton if own else None, shown))
        stem = f"{self.done:03d}_{name}" if name else f"{self.done:03d}"
        pairs = [np.hstack(pair) for pair in zip(*rows)]
        _write(self.folder / f"{stem}_joints.jpg", _grid(pairs, 4))
        both = [target.cpu().numpy()] + ([] if predicted is None else [predicted.cpu().numpy()])
        top = max(1.0, float(target.max()))  # some codecs' peaks are 255 high
        tiles = [
            np.hstack([_coloured(m / top, p) for m in maps[i]]) for i, p in enumerate(pictures[:MAPS]) for maps in both
        ]
        _write(self.folder / f"{stem}_maps.jpg", np.vstack(tiles))

    def _predict(self, images: torch.Tensor, num_joints: int) -> torch.Tensor:
        training = self.plain.training
        self.plain.eval()
        maps = self.network.spec.joint_maps(self.plain(images), num_joints)
        self.plain.train(training)
        return maps

    def _in_crop(self, maps: torch.Tensor) -> np.ndarray:
        spec = self.network.spec
        xy, _ = spec.decode(maps.float())
        return spec.crop_from_heatmap(xy.cpu().double()).numpy()


def labelled_parts(batch: Any, name: str = "") -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    """Name and tensors of every part of a method's batch that has pictures and targets."""
    if isinstance(batch, dict) and {"images", "target", "weight"} <= batch.keys():
        yield name, batch
    elif isinstance(batch, dict):
        for key, part in batch.items():
            yield from labelled_parts(part, str(key))
    elif isinstance(batch, tuple) and hasattr(batch, "_asdict"):
        yield from labelled_parts(batch._asdict())
    elif isinstance(batch, list | tuple):
        for at, part in enumerate(batch):
            yield from labelled_parts(part, str(at))


def _drawn(
    pictures: np.ndarray, xy: np.ndarray | None, skeleton: Skeleton | None, shown: np.ndarray
) -> list[np.ndarray]:
    """Copies of pictures (B, R, Q, 3), large enough to be looked at, with joints (B, K, 2 in crop px) drawn in where `shown`."""
    tiles = []
    factor = max(1, -(-TILE_PX // min(pictures.shape[1:3])))
    for at, picture in enumerate(pictures):
        tile = np.ascontiguousarray(picture).repeat(factor, 0).repeat(factor, 1)
        if xy is not None:
            place = (xy[at] + 0.5) * factor - 0.5
            tile = draw_pose(tile, place, skeleton, shown[at]) if skeleton else _dots(tile, place[shown[at]])
        tiles.append(tile)
    return tiles


def _dots(tile: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Joints of a skeleton that the network has not: dots without sides and limbs."""
    for x, y in xy[np.isfinite(xy).all(1)]:
        cv2.circle(tile, (round(float(x)), round(float(y))), 3, (240, 60, 220), -1, cv2.LINE_AA)
    return tile


def _coloured(heat: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """A map (h, w) in colours over its picture, at twice its size; 0 is blue, 1 red."""
    h, w = heat.shape
    colour = cv2.applyColorMap((np.clip(np.nan_to_num(heat), 0, 1) * 255).astype(np.uint8), cv2.COLORMAP_JET)
    colour = cv2.resize(colour[..., ::-1], (2 * w, 2 * h), interpolation=cv2.INTER_NEAREST)
    below = cv2.resize(picture, (2 * w, 2 * h), interpolation=cv2.INTER_AREA)
    framed: np.ndarray = cv2.copyMakeBorder(
        (0.7 * colour + 0.3 * below).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT
    )
    return framed


def _grid(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % columns if len(tiles) > columns else 0)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def _write(path: Path, image: np.ndarray) -> None:
    atomic_picture(path, image[..., ::-1])
