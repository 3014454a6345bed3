"""What a demo does step by step, whatever its method: data, runs, the networks that are compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from zoopose.commandline.parsing import warn_of_idle
from zoopose.datasets.sample import PoseDataset
from zoopose.errors import OptionError
from zoopose.evaluation.box_fill import outcome_of
from zoopose.evaluation.report.blocks import Block
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose import weights
from zoopose.pose.models import options_of
from zoopose.pose.skeleton import Skeleton
from zoopose.scripts.demo import DemoOptions
from zoopose.train.options import FitOptions

SIZE = (112, 144)  # height and width of the pictures: crops are taken at 64 px
BEST = RunFolder.BEST
Step = tuple[str, Callable[[Any], Any], Callable[[], FitOptions]]


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The size of a demo."""

    pictures: int
    gap: float
    source_epochs: int
    rounds: int
    steps: int
    animal: str = ""  # of ccssl
    people: int = 0  # of wscda


NUMBERS: Mapping[str, Numbers] = {
    "ccssl": Numbers(pictures=1200, gap=1.3, source_epochs=14, rounds=4, steps=60, animal="horse"),
    "wscda": Numbers(pictures=800, gap=0.8, source_epochs=16, rounds=6, steps=40, people=400),
    "real": Numbers(pictures=0, gap=0.0, source_epochs=8, rounds=5, steps=30),
}
# options of the other demos
UNUSED = {"ccssl": ("people",), "wscda": ("animal",), "real": ("people", "animal", "pictures", "gap")}
IDLE = ("shots", "frames", "workers")  # of drawn animals


def kind_of(options: DemoOptions) -> str:
    """Which demo the options ask for, a key of `NUMBERS`."""
    return "real" if options.real else options.method


def numbers_of(options: DemoOptions) -> Numbers:
    """The numbers that are given, and for the others those of the method."""
    given = {field.name: getattr(options, field.name) for field in fields(Numbers)}
    return replace(NUMBERS[kind_of(options)], **{name: value for name, value in given.items() if value is not None})


def with_defaults(options: DemoOptions) -> DemoOptions:
    """The options with the method's numbers filled in.

    Raises:
        OptionError: an option that the method has no use for.
    """
    if options.real and options.method != "ccssl":
        raise OptionError("--real with --method ccssl", f"--method {options.method}", "leave --method out")
    unused = UNUSED[kind_of(options)]
    of = "--real" if options.real else f"--method {options.method}"
    for name in unused:
        if getattr(options, name) is not None:
            raise OptionError(f"options of {of}", f"--{name} {getattr(options, name)}", f"leave --{name} out")
    warn_of_idle(options, [(name, lambda o: bool(o.real), "with --real: nothing is drawn") for name in IDLE])
    if options.arch:
        options_of(options.arch)  # refuses what is no network, before anything is drawn
    return replace(
        options, **{name: value for name, value in asdict(numbers_of(options)).items() if name not in unused}
    )


class Plan(ABC):
    """A method's steps; each writes to a folder of its own below the demo's.

    Attributes:
        about, expect: for the first screen; how long it takes with the small hourglass, and what comes of it.
        story: what the report says was done.
        networks: column of the table -> (run folder, checkpoint). None is chosen on target labels.
        adapted: columns of adapted networks, the last being the one whose frames are shown.
        titles: run folder -> heading of its curves.
        tested: what the networks are tested on.
        credit: whose pictures these are; empty for drawn ones.
        input_px: side of the networks' input.
        default_arch: network if none is named; empty: a small hourglass.
    """

    about: str
    expect: str
    networks: Mapping[str, tuple[str, str]]
    adapted: Sequence[str]
    titles: Mapping[str, str]
    tested: str = "target shots"
    credit: str = ""
    input_px: int = 64
    default_arch: str = ""

    def __init__(self, options: DemoOptions):
        self.demo, self.numbers, self.out = options, numbers_of(options), Path(options.out)

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
            "inp_res": self.input_px, "train_batch": 16, "solver": "adam", "decay": "cosine",
            **({"arch": self.arch} if self.arch else {"stacks": 1, "width": 40}),
        }  # fmt: skip

    def rate(self, of_small: float) -> float:
        """The learning rate, of the small hourglass's: other networks are trained at about a quarter of it."""
        return of_small / 4 if self.arch else of_small

    @property
    def network(self) -> str:
        """What the story calls the network."""
        return f"The network {self.arch}" if self.arch else "A small stacked hourglass"

    @property
    def arch(self) -> str:
        """Name of the network; empty for a small hourglass."""
        return self.demo.arch or self.default_arch
