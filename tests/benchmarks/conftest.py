"""A few pictures of two animals in the layout of --data."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

JOINTS = (
    "mouth eye ear neck shoulder chest hip tail elbow l_fore_wrist l_fore_foot r_fore_wrist r_fore_foot hind_knee "
    "l_hind_hock l_hind_foot r_hind_hock r_hind_foot"
).split()


def write_animal(folder: Path, part: str, count: int, groups: list[str] | None = None) -> None:
    """`count` pictures of 64 px, joints on a grid inside the box (12, 12, 40, 40), jittered."""
    rng = np.random.default_rng(count)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    grid = np.stack(np.meshgrid(np.linspace(16, 48, 6), np.linspace(18, 46, 3)), -1).reshape(-1, 2)
    images, annotations = [], []
    for i in range(1, count + 1):
        name = f"images/{part}_{i:03d}.png"
        cv2.imwrite(str(folder / name), rng.integers(0, 256, (64, 64, 3), np.uint8))
        xy = grid + rng.uniform(-1, 1, grid.shape)
        keypoints = np.column_stack([xy, np.full(18, 2)]).round(2)
        group = groups[i - 1] if groups else f"g{i}"
        images.append({"id": i, "file_name": name, "width": 64, "height": 64, "group": group})
        annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": [12, 12, 40, 40], "iscrowd": 0, "area": 1600,
                            "keypoints": keypoints.ravel().tolist(), "num_keypoints": 18})  # fmt: skip
    categories = [{"id": 1, "name": "animal", "keypoints": JOINTS, "skeleton": [[1, 2]]}]
    data = {"images": images, "annotations": annotations, "categories": categories}
    (folder / f"{part}.json").write_text(json.dumps(data))


@pytest.fixture
def livestock(tmp_path) -> Path:
    root = tmp_path / "livestock"
    write_animal(root / "pony", "train", 3)
    write_animal(root / "pony", "test", 2)
    write_animal(root / "cow", "all", 12)
    return root


@pytest.fixture
def animal_writer():
    """`write_animal`, for data of a test's own."""
    return write_animal
