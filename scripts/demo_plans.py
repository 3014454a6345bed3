"""What the demo does step by step, for each method: data, runs, the networks that are compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoopose.ccssl import CCSSL
from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.options import CcsslOptions
from zoopose.datasets.sample import PoseDataset
from zoopose.errors import OptionError
from zoopose.evaluation.box_fill import outcome_of
from zoopose.evaluation.data import open_with_options
from zoopose.evaluation.report.blocks import Block
from zoopose.evaluation.report.labels import label_blocks
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose import weights
from zoopose.pose.models import options_of
from zoopose.pose.skeleton import Skeleton
from zoopose.scripts import make_animals, make_domains
from zoopose.scripts.demo import DemoOptions
from zoopose.synthetic.options import MakeOptions, ThreeOptions
from zoopose.train import train
from zoopose.train.options import FitOptions, TrainOptions
from zoopose.train.training import LAST as TRAIN_LAST
from zoopose.wscda import PPLO, WSCDA
from zoopose.wscda.options import PploOptions, WscdaOptions

SIZE = (112, 144)  # height and width of the pictures: crops are taken at 64 px
BEST = RunFolder.BEST
Step = tuple[str, Callable[[Any], Any], Callable[[], FitOptions]]


NUMBERS: Mapping[str, Mapping[str, Any]] = {
    "ccssl": {"animal": "horse", "pictures": 1200, "gap": 1.3, "source_epochs": 14, "rounds": 4, "steps": 60},
    "wscda": {"people": 400, "pictures": 800, "gap": 0.8, "source_epochs": 16, "rounds": 6, "steps": 40},
}


def with_defaults(options: DemoOptions) -> DemoOptions:
    """The options with the method's numbers filled in.

    Raises:
        OptionError: an option that the method has no use for.
    """
    numbers = NUMBERS[options.method]
    for name in sorted({n for own in NUMBERS.values() for n in own} - set(numbers)):
        if getattr(options, name) is not None:
            raise OptionError(
                f"options of --method {options.method}", f"--{name} {getattr(options, name)}", f"leave --{name} out"
            )
    if options.arch:
        options_of(options.arch)  # refuses what is no network, before anything is drawn
    return replace(options, **{n: v for n, v in numbers.items() if getattr(options, n) is None})


class Plan(ABC):
    """A method's steps; each writes to a folder of its own below the demo's.

    Attributes:
        about, expect: for the first screen; how long it takes with the small hourglass, and what comes of it.
        story: what the report says was done.
        networks: column of the table -> (run folder, checkpoint). None is chosen on target labels.
        adapted: columns of adapted networks, the last being the one whose frames are shown.
        titles: run folder -> heading of its curves.
    """

    about: str
    expect: str
    networks: Mapping[str, tuple[str, str]]
    adapted: Sequence[str]
    titles: Mapping[str, str]

    def __init__(self, options: DemoOptions):
        self.demo, self.out = options, Path(options.out)

    @property
    @abstractmethod
    def story(self) -> str:
        """What the report says was done."""

    @abstractmethod
    def make(self) -> None:
        """Draw the data."""

    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """(what it is, command, its options) of every run, in order."""

    @abstractmethod
    def test_set(self) -> PoseDataset:
        """Target shots that no network has seen, with labels."""

    @abstractmethod
    def label_blocks(self, skeleton: Skeleton) -> list[Block]:
        """What the report shows of the pseudo-labels."""

    def checkpoint(self, column: str) -> str:
        """File of a column's network; of an adaptation that did harm, the network that it gave back."""
        folder, name = self.networks[column]
        return str(self.out / folder / (BEST if self.outcome(column) else name))

    def outcome(self, column: str) -> str:
        """The sentence of an adaptation that was stopped since it did harm; else empty."""
        return outcome_of(weights.read(self.out.joinpath(*self.networks[column])))

    def resume(self, folder: str) -> str:
        """File of a run's best network, by its own validation."""
        return str(self.out / folder / BEST)

    def common(self, folder: str) -> dict[str, Any]:
        """Options of every run."""
        return {
            "checkpoint": str(self.out / folder), "seed": self.demo.seed, "accelerator": self.demo.accelerator, "workers": 0,
            "inp_res": 64, "train_batch": 16, "solver": "adam", "decay": "cosine",
            **({"arch": self.demo.arch} if self.demo.arch else {"stacks": 1, "width": 40}),
        }  # fmt: skip

    def rate(self, of_small: float) -> float:
        """The learning rate, of the small hourglass's: published networks of many layers are trained at about a quarter of it."""
        return of_small / 4 if self.demo.arch else of_small

    @property
    def network(self) -> str:
        """What the story calls the network."""
        return f"The network {self.demo.arch}" if self.demo.arch else "A small stacked hourglass"


class CcsslPlan(Plan):
    """Made-up horses (or tigers), labelled in one world, unlabelled in another."""

    source, target = "synthetic_animal_sp", "real_animal_sp"
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
            f"{self.network} learnt 18 joints from rendered {self.demo.animal}s with labels (source-only), was adapted "
            "to video frames of another world without their labels (CC-SSL), and is compared with the same network given the "
            "labels (oracle)."
        )

    def common(self, folder: str) -> dict[str, Any]:
        return {**super().common(folder), "image_path": str(self.out / "animal_data"), "animal": self.demo.animal}

    def make(self) -> None:
        demo = self.demo
        make_animals.run(
            MakeOptions(
                self.out / "animal_data", (demo.animal,), demo.pictures, demo.shots, demo.frames, demo.seed, SIZE, SIZE,
                views="side", site=True, gap=demo.gap, zoom=1.2, workers=demo.workers,
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
            epochs=self.demo.source_epochs,
            lr=self.rate(4e-3),
            augment="standard",
        )

    def ccssl(self) -> CcsslOptions:
        return CcsslOptions(
            **self.common("ccssl"), source=self.source, target=self.target, resume=self.resume("source"),
            num_epochs=self.demo.rounds, steps=self.demo.steps, refresh=1, lr=self.rate(2e-3), share_first=0.3, share_last=0.7,
            source_augment="standard", target_augment="strong", no_framing=True,  # its boxes are all drawn alike
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
            self.out / "three_domains", people=options.people, pictures=options.pictures, shots=options.shots,
            frames=options.frames, seed=options.seed, size=SIZE, gap=options.gap, workers=options.workers,
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
            epochs=max(1, self.demo.source_epochs // 2),
            hidden="ignore",
        )  # fmt: skip

    def source_model(self) -> TrainOptions:
        return TrainOptions(
            **self.common("source"), dataset=self.file("animals", "train"), valid=self.file("animals", "valid"), lr=self.rate(4e-3),
            epochs=self.demo.source_epochs, augment="standard", hidden="ignore", init_weights=self.resume("people"),
        )  # fmt: skip

    def wscda(self) -> WscdaOptions:
        return WscdaOptions(
            **self.labelled(**self.common("wscda")), human=f"coco_person:{self.data.out / 'coco'}",
            target=self.file("target", "train"), resume=self.resume("source"), num_epochs=4, steps=self.demo.steps,
            lr=self.rate(1e-3), hidden="ignore", probe=True,
        )  # fmt: skip

    def pplo(self) -> PploOptions:
        return PploOptions(
            **self.labelled(**self.common("pplo")), target=self.file("target", "train"), resume=self.resume("wscda"),
            rounds=self.demo.rounds, refresh=1, steps=self.demo.steps, lr=self.rate(1e-3), hidden="ignore",
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


PLANS: Mapping[str, type[Plan]] = {"ccssl": CcsslPlan, "wscda": WscdaPlan}
