"""The demo on real animals: horses with labels, cattle without, from LivestockKeypoints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoopose.ccssl import CCSSL
from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.options import CcsslOptions
from zoopose.datasets import livestock
from zoopose.datasets.sample import PoseDataset
from zoopose.evaluation.data import open_with_options
from zoopose.evaluation.report.blocks import Block
from zoopose.evaluation.report.labels import label_blocks
from zoopose.evaluation.run_folder import RunFolder
from zoopose.files import atomic_json
from zoopose.pose.skeleton import Skeleton
from zoopose.scripts.demo import DemoOptions
from zoopose.scripts.demo_plan import BEST, Plan, Step
from zoopose.train import train
from zoopose.train.options import TrainOptions
from zoopose.train.training import LAST as TRAIN_LAST

TESTED_SHARE = 1 / 3  # of each recording of the target, from its end


class RealPlan(Plan):
    """Horses with labels, cattle of one farm without."""

    about = "below 10 minutes on 2 CPU cores"
    expect = "expect CC-SSL some points of PCK@0.05 above the source model on cattle, and the oracle above both"
    tested = "pictures of cattle"
    credit = livestock.NOTICE.splitlines()[0]
    input_px = 128
    default_arch = "fpn_lite0"
    networks = {
        "source_only": ("source", BEST),
        "ccssl": ("ccssl", LAST),
        "oracle": ("oracle", TRAIN_LAST),
    }
    adapted = ("ccssl",)
    titles = {"source": "Source model", "ccssl": "CC-SSL", "oracle": "Oracle"}

    def __init__(self, options: DemoOptions):
        super().__init__(options)
        self.data = livestock.require_made(Path(options.real).expanduser())

    @property
    def story(self) -> str:
        return (
            f"{self.network} learnt 18 joints from pictures of horses with labels (source-only), was adapted to pictures of cattle "
            "of one farm without their labels (CC-SSL), and is compared with the same network given the labels (oracle)."
        )

    def make(self) -> None:
        """Cut the target into a part to adapt to and a part to test on; pictures are not copied."""
        path = self.data / "cattle_a/all.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        held = held_out([str(image.get("group")) for image in data["images"]])
        link = self.target_folder / "images"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)  # the data may have moved since the demo was stopped
        link.symlink_to((self.data / "cattle_a/images").resolve(), target_is_directory=True)
        for name, wanted in (("train", ~held), ("valid", held)):
            images = [image for image, inside in zip(data["images"], wanted) if inside]
            ids = {image["id"] for image in images}
            rows = [row for row in data["annotations"] if row["image_id"] in ids]
            atomic_json(self.target_folder / f"{name}.json", {**data, "images": images, "annotations": rows})

    @property
    def target_folder(self) -> Path:
        """Folder of the target's two files."""
        return self.out / "cattle"

    @property
    def source(self) -> dict[str, Any]:
        """Labelled data: for training, for validation."""
        return {"train": f"coco:{self.data / 'horse/train.json'}", "valid": f"coco:{self.data / 'horse/test.json'}"}

    def target(self, part: str) -> str:
        """Name of a part of the target, `train` or `valid`."""
        return f"coco:{self.target_folder / part}.json"

    def steps(self) -> Sequence[Step]:
        return (
            ("source model, on labelled horses", train.run, self.source_model),
            ("CC-SSL, on unlabelled cattle", CCSSL.run, self.ccssl),
            ("oracle, on the same cattle with their labels, for comparison only", train.run, self.oracle),
        )

    def source_model(self) -> TrainOptions:
        return TrainOptions(
            **self.common("source"), dataset=self.source["train"], valid=self.source["valid"], augment="strong",
            epochs=self.numbers.source_epochs, lr=self.rate(4e-3),
        )  # fmt: skip

    def ccssl(self) -> CcsslOptions:
        return CcsslOptions(
            **self.common("ccssl"), source=self.source["train"], valid=self.source["valid"], target=self.target("train"),
            resume=self.resume("source"), num_epochs=self.numbers.rounds, steps=self.numbers.steps, refresh=2,
            lr=self.rate(2e-3), online=True,
        )  # fmt: skip

    def oracle(self) -> TrainOptions:
        return TrainOptions(
            **self.common("oracle"), dataset=self.target("train"), valid=self.target("valid"), augment="standard",
            epochs=self.demo.oracle_epochs, lr=self.rate(2e-3), init_weights=self.resume("source"),
        )  # fmt: skip

    def test_set(self) -> PoseDataset:
        return open_with_options(self.target("valid"), "all", self.source_model())

    def label_blocks(self, skeleton: Skeleton) -> list[Block]:
        target = open_with_options(self.target("train"), "all", self.ccssl(), labelled=False, skeleton=skeleton)
        return label_blocks(RunFolder(self.out / "ccssl"), target, skeleton)


def held_out(groups: Sequence[str]) -> np.ndarray:
    """(N,) bool, the pictures to test on: the last third of each recording; if no recording has three pictures, of all.

    Neighbours in a recording are alike, so that pictures in turn would test on what was adapted to. The recordings of
    LivestockKeypoints' farm A see the same animals from both sides in the same order, so that a tested animal is in no other part.

    Args:
        groups: the recording of each picture, in their order.
    """
    names = np.array(groups)
    sizes = {name: int((names == name).sum()) for name in dict.fromkeys(groups)}
    if max(sizes.values(), default=0) < 3:
        names, sizes = np.full(len(names), ""), {"": len(names)}
    held = np.zeros(len(names), bool)
    for name, size in sizes.items():
        count = round(TESTED_SHARE * size)
        if count:
            held[np.flatnonzero(names == name)[-count:]] = True
    return held
