"""The beginning and the end of every adaptation: data and network, guard, last lines of the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets.open import check_joints
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..evaluation.data import open_target, use_pairs_of
from ..evaluation.mirroring import mirrors
from ..evaluation.network import load_network, read_as
from ..evaluation.run_folder import RunFolder
from ..pose.checkpoints import Loaded
from ..pose.codecs import CODECS
from ..progress import log
from .data import training_and_validation
from .evidence import Evidence
from .guard import Guard
from .network import refuse_new_network, with_sigma
from .options import AdaptOptions, GuardOptions
from .resuming import earlier_run, same_run
from .run_state import Run
from .verdict import Verdict, verdict_of

FROM_SCRATCH = "from_scratch"  # key of a step's state, in a checkpoint: the run began with fresh weights


def began_from_scratch(start: Loaded, run: Run) -> bool:
    """Whether a run began with fresh weights, now or where it goes on."""
    return not start.state or bool(run.restored.get(FROM_SCRATCH))


class AdaptationStart(NamedTuple):
    """What an adaptation starts from.

    Attributes:
        labelled, valid: data with labels.
        target: data whose labels, if it has any, are never read.
        start: the network; its crops are whole, see `InputSpec.framed`.
        restore: the checkpoint to go on from, None to begin.
        framing: zoom and shift of the crops of the network as it was given.
    """

    labelled: PoseDataset
    valid: PoseDataset
    target: PoseDataset
    start: Loaded
    restore: Loaded | None
    framing: tuple[float, float] = (1.0, 0.0)

    def describe(self) -> dict[str, Mapping[str, Any]]:
        """The data, for banner and report."""
        return {
            "source": self.labelled.describe(),
            "validation": self.valid.describe(),
            "target": self.target.describe(),
        }


def prepare_adaptation(
    options: AdaptOptions,
    method: str,
    refine: Callable[[Loaded], Loaded] = lambda start: start,
    fresh: Callable[[PoseDataset], Loaded] | None = None,
) -> AdaptationStart:
    """Open data and network of a run that begins or goes on.

    Args:
        method: its name in checkpoints, see `resuming.earlier_run`.
        refine: what the method makes of the network it is given.
        fresh: makes a network with fresh weights for the labelled data, where --resume is given as an empty text; None: the
            method needs a trained one.

    Raises:
        OptionError: something is missing, or the network cannot be adapted.
    """
    restore = earlier_run(options, method, RunFolder.LAST)
    for name, what, text in (
        ("source", "labelled animals", options.source),
        ("target", "unlabelled animals", options.target),
    ):
        if not text:
            raise OptionError(f"{what}, --{name} NAME[:PATH]", f"no --{name}", f"--{name} coco:PATH.json")
    resume, source = options.resume or "", options.source
    begins_fresh = fresh if restore is None and options.resume == "" else None
    if restore is None and not resume and not begins_fresh:
        raise OptionError(
            "a trained network to start from",
            "no --resume",
            f"train one: zoopose train --dataset {source} --checkpoint runs/source, then --resume runs/source/{RunFolder.BEST}"
            + ("; or --resume '' for fresh weights" if fresh else ""),
        )
    if resume:
        refuse_new_network(options, resume)
    data, valid = training_and_validation(source, options.valid, options)
    if begins_fresh:
        start = begins_fresh(data)
    else:
        start = restore or load_network(resume, source, options, data.mean)
    if restore is None and not begins_fresh and same_run(start, options, method):
        restore = start  # the last checkpoint of this very run: continue it
    start = read_as(with_sigma(refine(start), options), options)
    framing = start.spec.framing
    start = replace(start, spec=start.spec.framed())
    check_adaptable(start)
    data, valid = (use_pairs_of(dataset, start.skeleton, options) for dataset in (data, valid))
    target = open_target(options, start.skeleton)
    for dataset, name in ((data, source), (valid, options.valid or source), (target, options.target)):
        check_joints(dataset, start.skeleton, name)
    return AdaptationStart(data, valid, target, start, restore, framing)


def check_adaptable(network: Loaded) -> None:
    """Refuse networks whose maps of several views cannot be averaged, or whose crops are no squares.

    Raises:
        OptionError: naming what of the network stands in the way.
    """
    spec = network.spec
    fresh = "zoopose train --init-weights FILE takes its weights over into a network that can be adapted"
    if not spec.square or spec.kind not in ("exact", "published"):
        h, w = spec.size_hw
        raise OptionError("a network of square crops, exact or published", f"{spec.kind} crops of {h} x {w} px", fresh)
    codec = CODECS[spec.codec]
    if codec.maps_per_joint != 1 or codec.levels != 1:
        raise OptionError(
            "a codec of one map a joint: maps of several views are averaged and trained on",
            f"--codec {spec.codec}",
            fresh,
        )


def guard_for(options: GuardOptions, prepared: AdaptationStart, run: Run, original: bool = False) -> Guard | None:
    """What ends the run where it does harm; None where there is none.

    Args:
        original: the run repeats the 2020 code, which has no such guard.

    Raises:
        OptionError: --guard-limit with --no-guard.
    """
    if options.no_guard:
        if options.guard_limit != type(options).guard_limit:
            raise OptionError(
                "--guard-limit, or --no-guard", f"--no-guard and --guard-limit {options.guard_limit:g}", "one of them"
            )
        return None
    if original:
        log.warning(
            "the published protocol has no guard against harm: where labels are wrong, its end may be worse than its start"
        )
        return None
    if began_from_scratch(prepared.start, run):
        log.warning("no guard against harm: a run from fresh weights has no start network to give back")
        return None
    evidence = Evidence(prepared.start, run, mirrors(options, prepared.start.skeleton))
    return Guard(prepared.labelled, prepared.target, prepared.start, run, options.guard_limit, options, evidence)


def verdict_on(guard: Guard | None, run: Run) -> Verdict:
    """The verdict of an adaptation that has ended."""
    if guard is None:
        return verdict_of({}, [], run.best_epoch, unknown="the run had no guard, so nothing was measured")
    return guard.verdict()


def outcome_facts(guard: Guard | None, run: Run, chosen: str) -> dict[str, Any]:
    """For metrics.json, run.json and report: how model_best was chosen, what the guard has seen, and the verdict.

    Args:
        chosen: how it was, unless it is the start network.
    """
    facts: dict[str, Any] = {
        "model_best": chosen if run.best_epoch else f"the network the run began with; of others: {chosen}"
    }
    if guard:
        facts["guard"] = guard.facts()
    return {**facts, "verdict": verdict_on(guard, run).to_dict()}


def log_outcome(target: str, run: Run, guard: Guard | None, about: str) -> None:
    """The last lines of an adaptation: what the checkpoints are, what to do with them, and whether it helped.

    Args:
        target: NAME[:PATH].
        about: how model_best was chosen, and what the last checkpoint is.
    """
    if run.best_epoch:
        log.info(about)
        log_next_command(target, run.folder.best if guard and guard.refuses else run.folder / run.last_name)
    else:
        stopped = "at which the run was stopped" if guard and guard.stopped else "of the last epoch"
        log.info("%s: the network %s", run.last_name, stopped)
        log_next_command(target, run.folder.best)
    log_verdict(guard, run)


def log_verdict(guard: Guard | None, run: Run) -> None:
    """The very last lines of an adaptation: the joints to distrust, and whether it helped."""
    verdict = verdict_on(guard, run)
    if verdict.distrust:
        log.info("joints to distrust, the worst first: %s", ", ".join(verdict.distrust))
    log.info(verdict.sentence)


def log_next_command(target: str, checkpoint: Path) -> None:
    """What to do with the network that an adaptation leaves."""
    unlabelled = target.partition(":")[0] in ("images", "video")
    verb = "predict --data" if unlabelled else "test --dataset"
    log.info("next: zoopose %s %s --resume %s", verb, target, checkpoint)
