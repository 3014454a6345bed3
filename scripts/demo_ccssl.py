"""The demo of CC-SSL: made-up horses (or tigers), labelled in one world, unlabelled in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoopose.ccssl import CCSSL
from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.options import CcsslOptions
from zoopose.datasets.sample import PoseDataset
from zoopose.evaluation.data import open_with_options
from zoopose.evaluation.report.blocks import Block
from zoopose.evaluation.report.labels import label_blocks
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose.skeleton import Skeleton
from zoopose.scripts import make_animals
from zoopose.scripts.demo_plan import BEST, SIZE, Plan, Step
from zoopose.synthetic.options import MakeOptions
from zoopose.train import train
from zoopose.train.options import TrainOptions
from zoopose.train.training import LAST as TRAIN_LAST


class CcsslPlan(Plan):
    """Made-up horses (or tigers), labelled in one world, unlabelled in another."""

    source, target = "synthetic_animal_sp", "real_animal_sp"
    default_arch = "fpn_lite0"
    about = "about 6 minutes on 2 CPU cores"
    expect = "expect CC-SSL 10 to 25 points of PCK@0.05 above the source model on the target, and the oracle above both"
    networks = {
        "source_only": ("source", BEST),
        "ccssl": ("ccssl", LAST),
        "oracle": ("oracle", TRAIN_LAST),
    }
    adapted = ("ccssl",)
    titles = {"source": "Source model", "ccssl": "CC-SSL", "oracle": "Oracle"}

    @property
    def story(self) -> str:
        return (
            f"{self.network} learnt 18 joints from rendered {self.numbers.animal}s with labels (source-only), was adapted "
            "to video frames of another world without their labels (CC-SSL), and is compared with the same network given the "
            "labels (oracle)."
        )

    def common(self, folder: str) -> dict[str, Any]:
        return {**super().common(folder), "image_path": str(self.out / "animal_data"), "animal": self.numbers.animal}

    def make(self) -> None:
        demo, numbers = self.demo, self.numbers
        make_animals.run(
            MakeOptions(
                out=self.out / "animal_data", animal=(numbers.animal,), pictures=numbers.pictures, shots=demo.shots,
                frames=demo.frames, seed=demo.seed, size=SIZE, target_size=SIZE,
                views="side", site=True, gap=numbers.gap, zoom=1.2, workers=demo.workers,
            )
        )  # fmt: skip

    def steps(self) -> Sequence[Step]:
        return (
            ("source model, on labelled renderings", train.run, self.source_model),
            ("CC-SSL, on unlabelled video", CCSSL.run, self.ccssl),
            ("oracle, on the same video with its labels, for comparison only", train.run, self.oracle),
        )

    def source_model(self) -> TrainOptions:
        return TrainOptions(
            **self.common("source"),
            dataset=self.source,
            epochs=self.numbers.source_epochs,
            lr=self.rate(4e-3),
            augment="standard",
        )

    def ccssl(self) -> CcsslOptions:
        return CcsslOptions(
            **self.common("ccssl"), source=self.source, target=self.target, resume=self.resume("source"),
            num_epochs=self.numbers.rounds, steps=self.numbers.steps, refresh=1, lr=self.rate(2e-3),
            share_first=0.3, share_last=0.7, source_augment="standard", target_augment="strong",
            no_framing=True,  # its boxes are all drawn in the same manner
        )  # fmt: skip

    def oracle(self) -> TrainOptions:
        return TrainOptions(
            **self.common("oracle"), dataset=self.target, epochs=self.demo.oracle_epochs, lr=self.rate(2e-3), augment="standard",
            init_weights=self.resume("source"),
        )  # fmt: skip

    def test_set(self) -> PoseDataset:
        return open_with_options(self.target, "valid", self.source_model())

    def label_blocks(self, skeleton: Skeleton) -> list[Block]:
        return label_blocks(
            RunFolder(self.out / "ccssl"),
            open_with_options(self.target, "train", self.ccssl(), labelled=False),
            skeleton,
        )
