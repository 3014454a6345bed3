"""Show all steps on drawn animals: labelled pictures of one domain, unlabelled videos of another. Nothing is downloaded.
--real shows them on real animals.

Examples:

    zoopose demo

    zoopose demo --out my_demo --seed 7

    zoopose demo --animal tiger --out tiger_demo

    zoopose demo --method wscda --out wscda_demo

    zoopose demo --arch sb_pose_resnet18 --out resnet_demo

    zoopose demo --real --out real_demo

The demo draws the data, trains a source model on the labelled pictures, and adapts it to the videos without their labels: by
CC-SSL, or by WS-CDA and PPLO from people and two species to a third species. For comparison it trains an oracle with labels of
the videos. All networks are tested on videos that none of them has seen. Open OUT/report.html at the end. A stopped demo
continues with the same command. With --real the labelled pictures are of horses and the unlabelled ones of cattle, as
`zoopose data get livestock --run` fetches them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from zoopose.commandline.flags import flag, text_or
from zoopose.commandline.limits import COUNT, SEED, Limits
from zoopose.commandline.parsing import command

if TYPE_CHECKING:
    from zoopose.evaluation.protocol import Score


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """`zoopose demo`. Numbers that are not given are those of the method."""

    TITLE: ClassVar[str] = "Demo"

    method: Literal["ccssl", "wscda"] = "ccssl"
    """ccssl: from renderings to videos of the same species; wscda: from people and labelled species to videos of another species,
    with WS-CDA and PPLO"""
    real: Annotated[str, text_or("animal_data/livestock", "[FOLDER]")] = ""
    """real animals, from horses to cattle, in place of drawn ones. FOLDER: crops of LivestockKeypoints; default:
    animal_data/livestock, where `zoopose data get livestock --run` puts them"""
    arch: Annotated[str, flag("-a", metavar="NAME")] = ""
    """network; default: a small hourglass, which takes minutes on a CPU; any other network uses a quarter of the
    learning rate"""
    out: Annotated[str, flag(metavar="FOLDER")] = "zoopose_demo"
    """folder for data, runs and report"""
    seed: Annotated[int, SEED] = 0
    """seed of animals and training"""
    animal: Literal["horse", "tiger"] | None = None
    """species (for ccssl); default: horse"""
    people: Annotated[int | None, COUNT] = None
    """number of labelled pictures of people (for wscda); default: 400"""
    pictures: Annotated[int | None, COUNT] = None
    """number of labelled pictures of animals; default: 1200 for ccssl, 800 for wscda"""
    shots: Annotated[int, COUNT] = 60
    """number of target videos; a fifth is kept for the test"""
    frames: Annotated[int, COUNT] = 8
    """number of frames in a video"""
    gap: Annotated[float | None, Limits(0, 2)] = None
    """how different source and target look: 0 the same, 2 very different; default: 1.3 for ccssl, 0.8 for wscda"""
    source_epochs: Annotated[int | None, COUNT] = None
    """epochs of the source model; default: 14 for ccssl, 16 for wscda"""
    rounds: Annotated[int | None, Limits(1, 100)] = None
    """rounds of labelling; default: 4 for ccssl, 6 for wscda"""
    steps: Annotated[int | None, COUNT] = None
    """batches in a round; default: 60 for ccssl, 40 for wscda"""
    oracle_epochs: Annotated[int, COUNT] = 10
    """epochs of the oracle, which starts from the source model"""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """device to compute on; auto: cuda if there is a GPU"""
    workers: Annotated[int, Limits(1, 512)] = 2
    """number of processes that draw the animals"""


def run(options: DemoOptions) -> dict[str, Score]:
    """Run every step and write report.html and metrics.json; returns the scores by network."""
    from zoopose.scripts.demo_run import run_demo

    return run_demo(options)


if __name__ == "__main__":
    sys.exit(command(run, DemoOptions, "demo.py", __doc__))
