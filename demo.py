"""See everything work, in minutes, with nothing downloaded: made-up horses, labelled in one world, unlabelled in another.

Examples:

    zoopose demo

    zoopose demo --out my_demo --seed 7

    zoopose demo --animal tiger --out tiger_demo

It makes the data, trains a source model on renderings with labels, adapts it by CC-SSL to video frames without labels, trains an
oracle with the target's labels for comparison, and tests all three on target shots that none of them saw. The same command again
goes on where it was stopped. Open OUT/report.html at the end.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .ccssl import CCSSL
from .ccssl.options import CcsslOptions
from .datasets.quadruped import make
from .datasets.sample import PoseDataset
from .errors import OptionError
from .evaluation import report
from .evaluation.label_report import label_blocks
from .evaluation.options import compute_device, open_data
from .evaluation.predict import Predictions, predict
from .evaluation.protocol import Score, text_table, write_metrics
from .evaluation.runs import curves_of, overlays
from .evaluation.score import MAIN, score_predictions
from .options import plain
from .pose import checkpoints
from .pose.atomic import atomic_path
from .pose.skeleton import Skeleton
from .progress import duration, log
from .train import train
from .train.options import TrainOptions

SIZE = (112, 144)  # height and width of the pictures: crops are taken at 64 px
SOURCE, TARGET = "synthetic_animal_sp", "real_animal_sp"


@dataclass
class DemoOptions:
    """`zoopose demo`."""

    out: str = "zoopose_demo"
    """folder for data, runs and report"""
    seed: int = 0
    """of the animals and of the training"""
    animal: Literal["horse", "tiger"] = "horse"
    """whose renderings and videos"""
    pictures: int = 1200
    """labelled renderings"""
    shots: int = 60
    """target videos; a fifth is held out for the test"""
    frames: int = 8
    """frames a video"""
    gap: float = 1.3
    """how far the target's world lies from the source's, 0 to 2"""
    source_epochs: int = 14
    """epochs of the source model"""
    rounds: int = 4
    """rounds of labelling while adapting"""
    steps: int = 60
    """batches a round"""
    oracle_epochs: int = 10
    """epochs of the oracle, from the source model"""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """where to compute"""
    workers: int = 2
    """processes that draw the animals"""


@dataclass
class _Plan:
    """The options of every step, derived from the demo's."""

    demo: DemoOptions
    data: Path = field(init=False)

    def __post_init__(self):
        self.data = Path(self.demo.out) / "animal_data"

    def common(self, folder: str) -> dict[str, Any]:
        return {
            "image_path": str(self.data), "animal": self.demo.animal, "checkpoint": str(Path(self.demo.out) / folder),
            "seed": self.demo.seed, "accelerator": self.demo.accelerator, "workers": 0, "inp_res": 64, "stacks": 1, "width": 40,
            "train_batch": 16, "solver": "adam", "decay": "cosine",
        }  # fmt: skip

    def source(self) -> TrainOptions:
        return TrainOptions(
            **self.common("source"), dataset=SOURCE, epochs=self.demo.source_epochs, lr=4e-3, augment="standard"
        )

    def ccssl(self) -> CcsslOptions:
        return CcsslOptions(
            **self.common("ccssl"), source=SOURCE, target=TARGET, resume=self.resume("source", "model_best.pth.tar"),
            num_epochs=self.demo.rounds, steps=self.demo.steps, refresh=1, lr=2e-3, share_first=0.3, share_last=0.7,
            source_augment="standard", target_augment="strong", no_framing=True,  # its boxes are all drawn alike
        )  # fmt: skip

    def oracle(self) -> TrainOptions:
        return TrainOptions(
            **self.common("oracle"), dataset=TARGET, epochs=self.demo.oracle_epochs, lr=2e-3, augment="standard",
            init_weights=self.resume("source", "model_best.pth.tar"),
        )  # fmt: skip

    def resume(self, folder: str, name: str) -> str:
        return str(Path(self.demo.out) / folder / name)

    def networks(self) -> dict[str, str]:
        """Column of the table -> checkpoint. None of them was chosen on target labels: the two ends of training, and the best
        on the source's own validation."""
        return {
            "source_only": self.resume("source", "model_best.pth.tar"),
            "ccssl": self.resume("ccssl", CCSSL.LAST),
            "oracle": self.resume("oracle", train.LAST),
        }


def run(options: DemoOptions) -> dict[str, Score]:
    """Run every step and write report.html and metrics.json; returns the scores by network."""
    begun = time.monotonic()
    plan = _Plan(options)
    _same_as_before(options)
    log.info("zoopose demo: about 6 minutes on 2 CPU cores, in %s", options.out)
    log.info(
        "expect CC-SSL 10 to 25 points of PCK@0.05 above the source model on the target, and the oracle above both\n"
    )
    _make(plan)
    for number, (what, step, settings) in enumerate(
        (
            ("source model, on labelled renderings", train.run, plan.source),
            ("CC-SSL, on unlabelled video", CCSSL.run, plan.ccssl),
            ("oracle, on the same video with its labels, for comparison only", train.run, plan.oracle),
        ),
        2,
    ):
        log.info("\n== %d of 5: %s", number, what)
        step(settings())
    log.info("\n== 5 of 5: test on target shots that no network has seen")
    scores = _test_and_report(plan)
    print_table(scores)
    gain = 100 * (scores["ccssl"].mean - scores["source_only"].mean)
    log.info("CC-SSL is %+.1f points against the source model, without a single target label", gain)
    log.info("done in %s; open %s", duration(time.monotonic() - begun), Path(options.out) / "report.html")
    return scores


def _same_as_before(options: DemoOptions) -> None:
    """A folder holds one demo: two of different options would mix in one table.

    Raises:
        OptionError: when it holds another.
    """
    path = Path(options.out) / "demo.json"
    now = {k: v for k, v in plain(options).items() if k not in ("out", "workers", "accelerator")}
    then = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else now
    other = ", ".join(f"--{k.replace('_', '-')} {then.get(k)}" for k in now if then.get(k) != now[k])
    if other:
        raise OptionError(
            "a new folder, or the same demo to go on with", f"{options.out} holds one of {other}", "--out FOLDER"
        )
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")


def print_table(scores: dict[str, Score]) -> None:
    """Per-joint table, the networks side by side."""
    for line in text_table({name.replace("_", "-"): score for name, score in scores.items()}).splitlines():
        log.info(line)


def _make(plan: _Plan) -> None:
    demo = plan.demo
    log.info("== 1 of 5: data: %d labelled renderings, %d videos of %d frames", demo.pictures, demo.shots, demo.frames)
    settings = make.MakeOptions(
        plan.data, (demo.animal,), demo.pictures, demo.shots, demo.frames, demo.seed, SIZE, SIZE, views="side", site=True,
        gap=demo.gap, zoom=1.2, workers=demo.workers,
    )  # fmt: skip
    make.run(settings)


def _test_and_report(plan: _Plan) -> dict[str, Score]:
    demo = plan.demo
    device = compute_device(demo.accelerator)
    dataset = open_data(TARGET, "valid", plan.source())
    found: dict[str, Predictions] = {}
    scores: dict[str, dict[str, Score]] = {}
    for name, path in plan.networks().items():
        network = checkpoints.load(path)
        found[name] = predict(network.model.to(device), dataset, network.form, device, phase=f"testing {name}")
        scores[name] = score_predictions(
            found[name], network.skeleton, network.form.heatmap_size, "held-out target shots"
        )
    main = {name: by_protocol[MAIN] for name, by_protocol in scores.items()}
    out = Path(demo.out)
    write_metrics(
        out / "metrics.json",
        {
            name: {**score.to_json(), "protocols": {p: s.to_json() for p, s in scores[name].items()}}
            for name, score in main.items()
        },
    )
    _report(plan, dataset, network.skeleton, found, scores, main)
    return main


def _report(
    plan: _Plan,
    dataset: PoseDataset,
    skeleton: Skeleton,
    found: dict[str, Predictions],
    scores: dict[str, dict[str, Score]],
    main: dict[str, Score],
) -> None:
    out, demo = Path(plan.demo.out), plan.demo
    percent = {name.replace("_", "-"): f"{100 * score.mean:.1f} %" for name, score in main.items()}
    blocks: list[report.Block] = [
        report.Text(
            "What this is",
            f"A small stacked hourglass learnt {len(skeleton)} joints from rendered {demo.animal}s with labels (source-only), was "
            "adapted to video frames of another world without their labels (CC-SSL), and is compared with the same network given "
            "the labels (oracle). All are tested on target shots that none of them saw. No network was chosen on target labels.",
        ),
        report.Scores("PCK@0.05 per joint on held-out target shots", {n.replace("_", "-"): s for n, s in main.items()}),
        report.Scores(
            "The published protocol, for comparison", {n.replace("_", "-"): s["published"] for n, s in scores.items()}
        ),
        overlays("CC-SSL: best and worst frames", dataset, found["ccssl"], skeleton),
        overlays("Source-only: best and worst frames", dataset, found["source_only"], skeleton),
    ]
    target = open_data(TARGET, "train", plan.ccssl(), labelled=False)
    blocks += label_blocks(out / "ccssl", target, skeleton)
    for name, title in (("source", "Source model"), ("ccssl", "CC-SSL"), ("oracle", "Oracle")):
        blocks += [
            report.Curves(f"{title}: {c.title.lower()}", c.series, c.x_label, c.y_label, c.note)
            for c in curves_of(out / name)
        ]
    blocks.append(report.Options("Options", plain(demo), "zoopose demo"))
    gain = 100 * (main["ccssl"].mean - main["source_only"].mean)
    summary = f"CC-SSL gains {gain:+.1f} points of PCK@0.05 on {demo.animal}s it has no labels for (seed {demo.seed})."
    report.build_report(out / "report.html", "zoopose demo", summary, blocks, percent)
