"""The demo of WS-CDA and PPLO: made-up people and two labelled species, and a third species without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoopose.ccssl.adaptation import LAST
from zoopose.datasets.sample import PoseDataset
from zoopose.evaluation.data import open_with_options
from zoopose.evaluation.report.blocks import Block
from zoopose.evaluation.report.labels import label_blocks
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose.skeleton import Skeleton
from zoopose.scripts import make_domains
from zoopose.scripts.demo import DemoOptions
from zoopose.scripts.demo_plan import BEST, SIZE, Plan, Step
from zoopose.synthetic.options import ThreeOptions
from zoopose.train import train
from zoopose.train.options import TrainOptions
from zoopose.train.training import LAST as TRAIN_LAST
from zoopose.wscda import PPLO, WSCDA
from zoopose.wscda.options import PploOptions, WscdaOptions


class WscdaPlan(Plan):
    """Made-up people and two labelled species, and a third species without labels."""

    about = "about 6 minutes on 2 CPU cores"
    expect = "expect WS-CDA some points of PCK@0.05 above the source model on the new species, PPLO more, and the oracle above all"
    networks = {
        "source_only": ("source", BEST),
        "wscda": ("wscda", LAST),
        "wscda_pplo": ("pplo", LAST),
        "oracle": ("oracle", TRAIN_LAST),
    }
    adapted = ("wscda", "wscda_pplo")
    titles = {
        "people": "Network of people", "source": "Source model", "wscda": "WS-CDA", "pplo": "PPLO", "oracle": "Oracle",
    }  # fmt: skip

    def __init__(self, options: DemoOptions):
        super().__init__(options)
        self.data = ThreeOptions(
            out=self.out / "three_domains", people=self.numbers.people, pictures=self.numbers.pictures, shots=options.shots,
            frames=options.frames, seed=options.seed, size=SIZE, gap=self.numbers.gap, workers=options.workers,
        )  # fmt: skip

    @property
    def story(self) -> str:
        labelled = " and ".join(f"{animal}s" for animal in self.data.animal)
        return (
            f"{self.network} learnt 17 joints of drawn people, then 18 joints of {labelled} with labels (source-only). "
            f"It was adapted to video frames of a {self.data.target} without their labels: first between people, labelled and "
            "unlabelled animals (WS-CDA), then by its own pseudo-labels (PPLO). It is compared with the same network given the "
            "labels (oracle)."
        )

    def make(self) -> None:
        make_domains.run(self.data)

    def file(self, domain: str, split: str) -> str:
        return f"coco:{self.data.out / domain / split}.json"

    def labelled(self, **more: Any) -> dict[str, Any]:
        return {"source": self.file("animals", "train"), "valid": self.file("animals", "valid"), **more}

    def steps(self) -> Sequence[Step]:
        return (
            ("a network of people, to begin with", train.run, self.people),
            ("source model, on labelled animals", train.run, self.source_model),
            ("WS-CDA, on people, labelled animals and unlabelled video of another species", WSCDA.run, self.wscda),
            ("PPLO, on the same video", PPLO.run, self.pplo),
            ("oracle, on the same video with its labels, for comparison only", train.run, self.oracle),
        )

    def people(self) -> TrainOptions:
        return TrainOptions(
            **self.common("people"), dataset=f"coco_person:{self.data.out / 'coco'}", lr=self.rate(4e-3), augment="standard",
            epochs=max(1, self.numbers.source_epochs // 2),
            hidden="ignore",
        )  # fmt: skip

    def source_model(self) -> TrainOptions:
        return TrainOptions(
            **self.common("source"), dataset=self.file("animals", "train"), valid=self.file("animals", "valid"), lr=self.rate(4e-3),
            epochs=self.numbers.source_epochs, augment="standard", hidden="ignore", init_weights=self.resume("people"),
        )  # fmt: skip

    def wscda(self) -> WscdaOptions:
        return WscdaOptions(
            **self.labelled(**self.common("wscda")), human=f"coco_person:{self.data.out / 'coco'}",
            target=self.file("target", "train"), resume=self.resume("source"), num_epochs=4, steps=self.numbers.steps,
            lr=self.rate(1e-3), hidden="ignore", probe=True,
        )  # fmt: skip

    def pplo(self) -> PploOptions:
        return PploOptions(
            **self.labelled(**self.common("pplo")), target=self.file("target", "train"), resume=self.resume("wscda"),
            rounds=self.numbers.rounds, refresh=1, steps=self.numbers.steps, lr=self.rate(1e-3), hidden="ignore",
        )  # fmt: skip

    def oracle(self) -> TrainOptions:
        return TrainOptions(
            **self.common("oracle"), dataset=self.file("target", "train"), valid=self.file("target", "valid"), lr=self.rate(2e-3),
            epochs=self.demo.oracle_epochs, augment="standard", hidden="ignore", init_weights=self.resume("source"),
        )  # fmt: skip

    def test_set(self) -> PoseDataset:
        return open_with_options(self.file("target", "valid"), "all", self.source_model())

    def label_blocks(self, skeleton: Skeleton) -> list[Block]:
        target = open_with_options(
            self.file("target", "train"), "all", self.source_model(), labelled=False, skeleton=skeleton
        )
        return label_blocks(RunFolder(self.out / "pplo"), target, skeleton)
