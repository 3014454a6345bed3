"""Tiny data for tests that train: pictures with dots for joints, and the options of a network that learns in a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import settings

settings.register_profile("zoopose", max_examples=30, deadline=None, derandomize=True)
settings.load_profile("zoopose")

JOINTS = ("nose", "left_ear", "right_ear", "l_hip", "r_hip", "tail")


@pytest.fixture(scope="session", autouse=True)
def two_threads():
    """The suite shares its machine; numbers must not depend on how many cores that has."""
    torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture(scope="session")
def tiny_coco() -> Callable[..., Path]:
    """(folder, n, seed, video, size) -> a COCO file of `n` pictures of `size` px, each with six dots at random joints.

    With `video` the pictures are the frames of two recordings, halves of the set.
    """

    def make(folder: Path, n: int = 12, seed: int = 0, video: bool = False, size: int = 64) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        images, annotations = [], []
        for i in range(n):
            picture = rng.integers(40, 120, (size, size, 3), dtype=np.uint8)
            xy = rng.uniform(10, size - 10, (len(JOINTS), 2))
            for x, y in xy:
                cv2.circle(picture, (round(x), round(y)), 3, tuple(int(v) for v in rng.integers(120, 255, 3)), -1)
            cv2.imwrite(str(folder / f"p{i:02d}.png"), picture)
            images.append({"id": i, "file_name": f"p{i:02d}.png", "width": size, "height": size})
            if video:
                images[-1] |= {"video_id": 2 * i // n, "frame_id": i}
            flags = rng.choice([0, 1, 2, 2, 2], len(JOINTS))
            flags[0] = 2
            keypoints = [float(v) for (x, y), flag in zip(xy, flags) for v in (x, y, flag)]
            box = [4, 4, size - 8, size - 8]
            annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": box, "keypoints": keypoints})
        category = {"id": 1, "name": "beast", "keypoints": list(JOINTS), "skeleton": [[1, 2], [1, 3]]}
        path = folder / "labels.json"
        path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
        return path

    return make


@pytest.fixture(scope="session")
def tiny_options() -> Callable[..., dict]:
    """(checkpoint folder, further options) -> options of a network of one narrow hourglass on 32 px."""

    def options(checkpoint: Path, **more) -> dict:
        tiny = {"stacks": 1, "width": 4, "inp_res": 32, "train_batch": 4, "workers": 0, "accelerator": "cpu"}
        return {**tiny, "checkpoint": str(checkpoint), **more}

    return options
