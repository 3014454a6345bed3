"""The demo from its options to its report."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from zoopose.commandline.folder_lock import alone_in
from zoopose.commandline.limits import check_limits
from zoopose.commandline.parsing import plain
from zoopose.datasets.sample import PoseDataset
from zoopose.errors import OptionError
from zoopose.evaluation.inference import PredictConfig, Predictions, predict
from zoopose.evaluation.network import compute_device
from zoopose.evaluation.protocol import Score, text_table, write_metrics
from zoopose.evaluation.report.blocks import Block, CurvesBlock, OptionsBlock, ScoresBlock, TextBlock
from zoopose.evaluation.report.curves import curves_of
from zoopose.evaluation.report.overlay_gallery import before_after_gallery, overlay_gallery
from zoopose.evaluation.report.page import build_report
from zoopose.evaluation.run_folder import RunFolder
from zoopose.evaluation.score import MAIN, score_predictions
from zoopose.files import atomic_json
from zoopose.pose import checkpoints
from zoopose.pose.skeleton import Skeleton
from zoopose.progress import duration, log
from zoopose.scripts.demo import DemoOptions
from zoopose.scripts.demo_ccssl import CcsslPlan
from zoopose.scripts.demo_picture import write_result
from zoopose.scripts.demo_plan import Plan, kind_of, with_defaults
from zoopose.scripts.demo_real import RealPlan
from zoopose.scripts.demo_wscda import WscdaPlan

PLANS: Mapping[str, type[Plan]] = {"ccssl": CcsslPlan, "wscda": WscdaPlan, "real": RealPlan}  # by `kind_of`
RESULT = "result.png"  # the same frames before and after adaptation


@alone_in("out")
def run_demo(options: DemoOptions) -> dict[str, Score]:
    """Run every step and write report.html and metrics.json; returns the scores by network."""
    check_limits(options)
    begun = time.monotonic()
    options = with_defaults(options)
    plan = PLANS[kind_of(options)](options)
    _same_as_before(options)
    log.info(
        "zoopose demo: %s, in %s", f"{options.arch}, which takes longer" if options.arch else plan.about, options.out
    )
    log.info("%s\n", plan.expect)
    steps = plan.steps()
    count = len(steps) + 2
    log.info("== 1 of %d: data", count)
    plan.make()
    for number, (what, step, settings) in enumerate(steps, 2):
        log.info("\n== %d of %d: %s", number, count, what)
        step(settings())
    log.info("\n== %d of %d: test on %s that no network has seen", count, count, plan.tested)
    scores = _test_and_report(plan)
    print_table(scores)
    for name in plan.adapted:
        gain = 100 * (scores[name].mean - scores["source_only"].mean)
        log.info("%s is %+.1f points against the source model, without a single target label", _title(name), gain)
        if outcome := plan.outcome(name):
            log.info("%s: %s", _title(name), outcome)
    log.info("done in %s; open %s", duration(time.monotonic() - begun), RunFolder(options.out).report)
    return scores


def _title(column: str) -> str:
    return {"ccssl": "CC-SSL", "wscda": "WS-CDA", "wscda_pplo": "WS-CDA and PPLO"}.get(column, column.replace("_", "-"))


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
    atomic_json(path, now, 2)


def print_table(scores: dict[str, Score]) -> None:
    """Per-joint table, the networks side by side."""
    for line in text_table({name.replace("_", "-"): score for name, score in scores.items()}).splitlines():
        log.info(line)


def _test_and_report(plan: Plan) -> dict[str, Score]:
    device = compute_device(plan.demo.accelerator)
    dataset = plan.test_set()
    found: dict[str, Predictions] = {}
    scores: dict[str, dict[str, Score]] = {}
    for name in plan.networks:
        network = checkpoints.load(plan.checkpoint(name))
        found[name] = predict(
            network.model.to(device), dataset, network.spec, device, PredictConfig(phase=f"testing {name}")
        )
        scores[name] = score_predictions(
            found[name], network.skeleton, network.spec.original_cells, f"held-out {plan.tested}"
        )
    main = {name: by_protocol[MAIN] for name, by_protocol in scores.items()}
    write_metrics(
        RunFolder(plan.out).metrics,
        {
            name: {**score.to_json(), "protocols": {p: s.to_json() for p, s in scores[name].items()}}
            for name, score in main.items()
        },
    )
    shown = {
        f"{_title(n)}: {100 * main[n].mean:.1f} % of joints right": found[n] for n in ("source_only", plan.adapted[-1])
    }
    write_result(plan.out / RESULT, dataset, shown, network.skeleton)
    _report(plan, dataset, network.skeleton, found, scores, main)
    return main


def _report(
    plan: Plan,
    dataset: PoseDataset,
    skeleton: Skeleton,
    found: dict[str, Predictions],
    scores: dict[str, dict[str, Score]],
    main: dict[str, Score],
) -> None:
    percent = {name.replace("_", "-"): f"{100 * score.mean:.1f} %" for name, score in main.items()}
    last = plan.adapted[-1]
    ends = (
        f"All are tested on {plan.tested} that none of them saw. No network was chosen on target labels. {plan.credit}"
    )
    blocks: list[Block] = [
        TextBlock("What this is", f"{plan.story} {ends}"),
        ScoresBlock(f"PCK@0.05 per joint on held-out {plan.tested}", {n.replace("_", "-"): s for n, s in main.items()}),
        ScoresBlock(
            "The published protocol, for comparison", {n.replace("_", "-"): s["published"] for n, s in scores.items()}
        ),
        before_after_gallery(
            "Before and after adaptation",
            dataset,
            {"source-only": found["source_only"], _title(last): found[last]},
            skeleton,
        ),
        overlay_gallery(f"{_title(last)}: best and worst frames", dataset, found[last], skeleton),
        overlay_gallery("Source-only: best and worst frames", dataset, found["source_only"], skeleton),
        *plan.label_blocks(skeleton),
    ]
    for folder, title in plan.titles.items():
        blocks += [
            CurvesBlock(f"{title}: {c.title.lower()}", c.series, c.x_label, c.y_label, c.note)
            for c in curves_of(RunFolder(plan.out / folder))
        ]
    blocks.append(OptionsBlock("Options", plain(plan.demo), "zoopose demo"))
    gain = 100 * (main[last].mean - main["source_only"].mean)
    summary = (
        f"{_title(last)} gains {gain:+.1f} points of PCK@0.05 on animals it has no labels for (seed {plan.demo.seed})."
    )
    if outcome := plan.outcome(last):
        summary = f"{_title(last)}: {outcome}.\n\n{summary}"
    build_report(RunFolder(plan.out).report, "zoopose demo", summary, blocks, percent)
