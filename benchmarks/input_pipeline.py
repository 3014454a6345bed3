"""Pictures a second that one core reads, crops, augments and draws targets for.

python benchmarks/input_pipeline.py
python benchmarks/input_pipeline.py --size 128 --batch 16

The pictures, 640 x 480 with shapes and noise, are made in a temporary folder. Times are processor time with one thread, so that a
machine that is busy with something else does not change the figures much.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from zoopose.datasets.crops import CropDataset, collate
from zoopose.datasets.open import open_data
from zoopose.datasets.original_items import OriginalItems
from zoopose.datasets.sample import PoseDataset
from zoopose.pose.augment import AUGMENTATIONS
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.random_draws import generator_for
from zoopose.pose.skeleton import TIGDOG18
from zoopose.train.feeds.base import FeedConfig
from zoopose.train.feeds.crops import CacheConfig, CropFeed

COUNT, SIZE_WH = 24, (640, 480)


def make_pictures(folder: Path, ending: str) -> PoseDataset:
    """COUNT pictures with an annotated animal-sized box each, as a COCO keypoints file."""
    rng = np.random.default_rng(0)
    width, height = SIZE_WH
    images, annotations = [], []
    for i in range(COUNT):
        smooth = cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), SIZE_WH, interpolation=cv2.INTER_CUBIC)
        picture = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
        for _ in range(12):
            centre, axes = rng.integers(0, SIZE_WH, 2).tolist(), rng.integers(10, 120, 2).tolist()
            cv2.ellipse(picture, centre, axes, int(rng.integers(180)), 0, 360, rng.integers(0, 256, 3).tolist(), -1)
        cv2.imwrite(str(folder / f"{i}{ending}"), picture)
        w, h = rng.integers(220, 380), rng.integers(180, 320)
        x, y = rng.integers(0, width - w), rng.integers(0, height - h)
        joints = np.stack([rng.uniform(x, x + w, 18), rng.uniform(y, y + h, 18), np.full(18, 2)], -1)
        images.append({"id": i, "file_name": f"{i}{ending}", "width": width, "height": height})
        annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": [int(v) for v in (x, y, w, h)],
                            "keypoints": joints.round(1).ravel().tolist(), "iscrowd": 0})  # fmt: skip
    categories = [{"id": 1, "name": "animal", "keypoints": list(TIGDOG18.joints)}]
    path = folder / f"pictures{ending}.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return open_data(f"coco:{path}")


def rate(work: Callable[[int], object], count: int, pictures: int = 1, rounds: int = 3) -> float:
    """Pictures per second of processor time: the median of rounds over work(0) ... work(count - 1)."""
    work(0)
    rates = []
    for _ in range(rounds):
        used = time.process_time()
        for i in range(count):
            work(i)
        rates.append(count * pictures / (time.process_time() - used))
    return statistics.median(rates)


def report(size: int = 256, batch: int = 6) -> None:
    """Print the table."""
    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(f"input pipeline, {SIZE_WH[0]} x {SIZE_WH[1]} pictures to {size} px: pictures/s on one core")
    spec = InputSpec("exact", size, size // 4)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for ending in (".png", ".jpg"):
            dataset = make_pictures(folder, ending)
            print(f"  {'read ' + ending[1:].upper():<46}{rate(lambda i, d=dataset: d[i], COUNT):>8.0f}")
            feed = CropFeed(dataset, spec, AUGMENTATIONS["strong"], FeedConfig(batch, 0), cache=CacheConfig(0))
            crops = CropDataset(dataset, feed.crops.size, feed.margin)
            print(f"  {'read + crop ' + ending[1:].upper():<46}{rate(crops.__getitem__, COUNT):>8.0f}")
        raw = collate([crops[i] for i in range(batch)])
        for recipe in ("none", "standard", "strong"):
            feed.augmentation = AUGMENTATIONS[recipe]
            speed = rate(lambda i: feed.views(raw, generator_for(0, 0, 0, i), 1.0, torch.device("cpu")), 12, batch)
            print(f"  {f'augment + targets, {recipe}, batches of {batch}':<46}{speed:>8.0f}")
        for recipe in ("none", "standard", "strong"):
            items = OriginalItems(dataset, inp_res=size, out_res=size // 4, augment=recipe, mean=(0.4, 0.4, 0.4))
            print(f"  {f'published items, {recipe}, read included (JPG)':<46}{rate(items.__getitem__, COUNT):>8.0f}")
    torch.set_num_threads(threads)
    cv2.setNumThreads(cv_threads)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256, help="side of the views, px")
    parser.add_argument("--batch", type=int, default=6)
    args = parser.parse_args()
    report(args.size, args.batch)
