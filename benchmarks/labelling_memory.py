"""Memory and time of labelling many frames: crops in a file, a tiny network, frames drawn on the fly.

python benchmarks/labelling_memory.py                       # 100,000 frames of 32 px
python benchmarks/labelling_memory.py --frames 20000 --size 64 --folder /scratch

Prints the process's resident memory over its start, and the time, at every tenth of the frames, of both passes: labelling and
following the shots. The crops of all frames are kept, in a file in --folder, as a run keeps them when they exceed its memory.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from zoopose.ccssl import labelling
from zoopose.ccssl.labelling import Labeller
from zoopose.datasets.crops import CropCache
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.skeleton import TIGDOG18
from zoopose.progress import Progress
from zoopose.train.feeds.crops import margin_px
from zoopose.train.selftraining.labeller import Execution

SHOT = 200  # frames


class Drawn(PoseDataset):
    """Frames that exist only while they are looked at: one texture, moving by (1, 0.5) px a frame."""

    crop_factor, labels, skeleton = 1.0, None, TIGDOG18

    def __init__(self, count: int, size: int):
        noise = np.random.default_rng(0).integers(0, 256, (2 * size + SHOT, 2 * size + SHOT, 3)).astype(np.float32)
        blurred = cv2.GaussianBlur(noise, (0, 0), 2)
        self.texture = cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
        self.count, self.side = count, 2 * size
        self.ids = [f"{i // SHOT}/{i % SHOT}" for i in range(count)]
        self.shots = [f"{i // SHOT}" for i in range(count)]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> PoseSample:
        x, y = i % SHOT, i % SHOT // 2
        image, k = self.texture[y : y + self.side, x : x + self.side], len(self.skeleton)
        box = np.array([self.side / 4, self.side / 4, self.side / 2, self.side / 2], np.float32)
        return PoseSample(image, np.zeros((k, 2), np.float32), np.zeros(k, np.uint8), box, {"id": self.ids[i]})


def resident_mib() -> float:
    """Of this process, mapped files included."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Measured(Progress):
    """Notes memory and time at every tenth."""

    start_mib, rows = 0.0, []

    def add(self, count: int = 1, note: str = "") -> None:
        tenths = 10 * self.done // self.total
        super().add(count, note)
        if 10 * self.done // self.total > tenths:
            row = (
                self.phase,
                self.done,
                resident_mib() - self.start_mib,
                time.monotonic() - self.start,
                time.process_time(),
            )
            self.rows.append(row)
            print(f"{row[0]:34s} {row[1]:8d} frames  {row[2]:7.0f} MiB over the start  {row[3]:7.1f} s", flush=True)


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    spec, pad = InputSpec("exact", args.size, args.size // 4), margin_px(args.size)
    data = Drawn(args.frames, args.size)
    network = build_model("hg", len(data.skeleton), num_stacks=1, width=2, depth=1).eval()
    labelling.Progress, Measured.start_mib = Measured, resident_mib()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        crops = CropCache(data, args.size + 2 * pad, 1 + 2 * pad / args.size, args.memory_mib << 20, Path(folder))
        labeller = Labeller(crops, spec, Execution(torch.device("cpu")))
        labels = labeller.label(network, 0, Path(folder) / "partial.npz")
        gib = len(data) * (3 * crops.size**2) / 2**30
    most = max(row[2] for row in Measured.rows)
    rows = [row for row in Measured.rows if row[0] == Measured.rows[0][0]]
    halves = [rows[len(rows) // 2 - 1][4] - rows[0][4], rows[-1][4] - rows[len(rows) // 2][4]]
    print(f"crops in a {crops.place}: {gib:.2f} GiB; most memory over the start {most:.0f} MiB; processor s of the second half "
          f"over the first's {halves[1] / halves[0]:.2f}; {labels.carried.mean():.0%} carried")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=32, help="side of the input, px")
    parser.add_argument(
        "--memory-mib", type=int, default=64, help="most memory for crops; beyond it they go to the file"
    )
    parser.add_argument("--folder", default=None, help="where the file of crops may lie")
    main(parser.parse_args())
