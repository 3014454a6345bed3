"""A source model that sees bright spots, and labels of made-up frames, once for all tests of the adaptation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zoopose.datasets.pictures import PictureError
from zoopose.datasets.pseudo_labels import CHECKS, REASONS, PseudoLabels
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.pose.skeleton import TIGDOG18, Skeleton
from zoopose.train import train
from zoopose.train.options import TrainOptions


@pytest.fixture(scope="session")
def source_data(tmp_path_factory, tiny_coco) -> Path:
    return tiny_coco(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="session")
def source_model(tmp_path_factory, source_data, tiny_options, seeing) -> Path:
    """A checkpoint as training leaves it, with weights whose outputs are known."""
    options = tiny_options(
        tmp_path_factory.mktemp("run"), dataset=f"coco:{source_data}", valid=f"coco:{source_data}", epochs=1
    )
    folder = train.run(TrainOptions(**options))
    return seeing(folder / "model_best.pth.tar")


@pytest.fixture
def no_report(monkeypatch):
    """Leave out the report page, which takes a good part of a tiny run; other tests make it."""
    monkeypatch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")


class Frames(PoseDataset):
    """Small pictures of noise made on the spot: `n` frames in shots of 25."""

    crop_factor, labels = 1.25, None

    def __init__(self, n: int, skeleton: Skeleton = TIGDOG18, size: int = 240):
        self.skeleton, self.size = skeleton, size
        self.ids = [f"video{i // 25:04d}/frame{i % 25:02d}.jpg" for i in range(n)]
        self.shots = [f"video{i // 25:04d}" for i in range(n)]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> PoseSample:
        if i % 977 == 3:
            raise PictureError(self.ids[i], "the file is empty")
        noise = np.random.default_rng(i).integers(0, 256, (self.size, self.size, 3), dtype=np.uint8)
        k = len(self.skeleton)
        box = np.array([20, 20, self.size - 40, self.size - 40], np.float32)
        return PoseSample(noise, np.zeros((k, 2), np.float32), np.zeros(k, np.uint8), box, {"id": self.ids[i]})


@pytest.fixture(scope="session")
def frames() -> type[Frames]:
    """Data set of n frames in shots of 25; row 3 and every 977th from there cannot be read."""
    return Frames


@pytest.fixture(scope="session")
def label_files() -> Callable[..., None]:
    """(folder, data set, rounds) -> labels_round_NN.h5 with every reason in them, admitting more each round."""

    def write(folder: Path, dataset, rounds: int = 3) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(5)
        n, k = len(dataset), len(dataset.skeleton)
        place, belief = rng.uniform(40, 200, (n, k, 2)), rng.beta(5, 3, (n, k))
        blind = np.arange(n) % 977 == 3
        for number in range(rounds):
            share = 0.2 + 0.6 * number / max(rounds - 1, 1)
            xy = (place + rng.normal(0, 8 / (number + 1), (n, k, 2))).astype(np.float32)
            confidence = np.where(blind[:, None], 0, belief).astype(np.float32)
            checks = {name: rng.gamma(2, 2 + i, (n, k)).astype(np.float32) for i, name in enumerate(CHECKS)}
            reason = np.where(confidence >= np.quantile(confidence, 1 - share, axis=0), 0, REASONS.index("share"))
            for name, missed in checks.items():
                reason[(missed > 14) & (reason > 0)] = REASONS.index(name)
            if number:
                reason[(rng.random((n, k)) < 0.03) & (reason > 1)] = REASONS.index("support")
            reason[blind], xy[blind] = REASONS.index("unreadable"), np.nan
            for missed in checks.values():
                missed[blind] = np.nan
            bins = [
                {"low": p, "high": p + 0.1, "predicted": p + 0.05, "observed": p, "count": 9} for p in (0.2, 0.5, 0.8)
            ]
            facts = {"round": number, "share": share, "drift_px": [0.5 * number, -1.0], "network": "0"}
            facts["calibration"] = {"bins": bins, "n": 27, "limit": 3.0, "brier": 0.2, "data": "source"}
            scale = np.where(blind, 0, 1.0).astype(np.float32)
            PseudoLabels(
                list(dataset.ids), xy, confidence, reason == 0, checks["invariance"], rng.random((n, k)) < 0.1, dataset.skeleton,
                facts, scale, confidence, checks, reason.astype(np.uint8),
            ).write(folder / f"labels_round_{number:02d}.h5")  # fmt: skip

    return write
