"""What the methods that adapt a trained network to an unlabelled target begin and end with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets.open import check_joints
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..evaluation.data import open_target, use_pairs_of
from ..evaluation.network import load_network, read_as
from ..evaluation.run_folder import RunFolder
from ..pose.checkpoints import Loaded
from ..pose.codecs import CODECS
from ..progress import log
from . import network as building
from . import run as session
from .data import training_and_validation
from .guard import Guard
from .options import FitOptions
from .run_state import Run

FROM_SCRATCH = "from_scratch"  # key of a step's state, in a checkpoint: the run began with fresh weights


def began_from_scratch(start: Loaded, run: Run) -> bool:
    """Whether a run began with fresh weights, now or where it goes on."""
    return not start.state or bool(run.restored.get(FROM_SCRATCH))


class AdaptationStart(NamedTuple):
    """What an adaptation starts from.

    Attributes:
        labelled, valid: data with labels.
        target: data whose labels, if it has any, are never read.
        start: the network.
        restore: the checkpoint to go on from, None to begin.
    """

    labelled: PoseDataset
    valid: PoseDataset
    target: PoseDataset
    start: Loaded
    restore: Loaded | None

    def describe(self) -> dict[str, dict]:
        """The data, for banner and report."""
        return {
            "source": self.labelled.describe(),
            "validation": self.valid.describe(),
            "target": self.target.describe(),
        }


def prepare_adaptation(
    options: FitOptions,
    method: str,
    labelled: str,
    flag: str,
    last_name: str,
    refine: Callable[[Loaded], Loaded] = lambda start: start,
    *,
    fresh: Callable[[PoseDataset], Loaded] | None = None,
) -> AdaptationStart:
    """Open data and network of a run that begins or goes on.

    Args:
        method: name of the method in run folders, as in `session.earlier_run`.
        labelled: NAME[:PATH] of the labelled data; flag: the option that named them.
        last_name: of the checkpoint that a resume reads.
        settle: what the method makes of the network it is given.
        fresh: makes a network with fresh weights for the labelled data, where --resume is given as an empty text; None: the
            method needs a trained one.

    Raises:
        OptionError: something is missing, or the network cannot be adapted.
    """
    restore = session.earlier_run(options, method, last_name)
    for name, what, text in ((flag, "labelled animals", labelled), ("target", "unlabelled animals", options.target)):
        if not text:
            raise OptionError(f"{what}, --{name} NAME[:PATH]", f"no --{name}", f"--{name} coco:PATH.json")
    begins_fresh = restore is None and fresh is not None and options.resume == ""
    if restore is None and not options.resume and not begins_fresh:
        raise OptionError(
            "a trained network to start from",
            "no --resume",
            f"train one: zoopose train --dataset {labelled} --checkpoint runs/source, then --resume runs/source/{RunFolder.BEST}"
            + ("; or --resume '' for fresh weights" if fresh else ""),
        )
    if options.resume:
        building.refuse_new_network(options, options.resume)
    data, valid = training_and_validation(labelled, options.valid, options)
    if begins_fresh:
        start = fresh(data)
    else:
        start = restore or load_network(options.resume, labelled, options, data.mean)
    if restore is None and not begins_fresh and session.same_run(start, options, method):
        restore = start  # the last checkpoint of this very run: go on with it
    start = read_as(building.with_sigma(refine(start), options), options)
    check_adaptable(start)
    data, valid = (use_pairs_of(dataset, start.skeleton, options) for dataset in (data, valid))
    target = open_target(options, start.skeleton)
    for dataset, name in ((data, labelled), (valid, options.valid or labelled), (target, options.target)):
        check_joints(dataset, start.skeleton, name)
    return AdaptationStart(data, valid, target, start, restore)


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


def guard_for(options: FitOptions, opening: AdaptationStart, start: Loaded, run: Run) -> Guard | None:
    """What ends the run where it does harm; None where the options want none.

    Args:
        options: of a command with --no-guard and --guard-limit.

    Raises:
        OptionError: a limit of no guard.
    """
    if options.no_guard:
        if options.guard_limit != type(options).guard_limit:
            raise OptionError(
                "--guard-limit, or --no-guard", f"--no-guard and --guard-limit {options.guard_limit:g}", "one of them"
            )
        return None
    if getattr(options, "protocol", "") == "published":
        log.warning(
            "the published protocol has no guard against harm: where labels are wrong, its end may be worse than its start"
        )
        return None
    if began_from_scratch(start, run):
        log.warning("no guard against harm: a run from fresh weights has no start network to give back")
        return None
    return Guard(
        opening.labelled, opening.target, start, run, options.guard_limit, options.workers, options.strict_data
    )


def outcome_facts(guard: Guard | None, chosen: str) -> dict[str, Any]:
    """For metrics.json and report: how model_best was chosen, and what the guard has seen.

    Args:
        chosen: how it was, unless the run was stopped.
    """
    if guard is None:
        return {"model_best": chosen}
    return {"model_best": "the network the run began with" if guard.stopped else chosen, "guard": guard.facts()}


def log_outcome(target: str, run: Run, guard: Guard | None, about: str) -> None:
    """The last lines of an adaptation: what the checkpoints are, and what to do with them.

    Args:
        target: NAME[:PATH].
        about: how model_best was chosen, and what the last checkpoint is.
    """
    stopped = guard is not None and guard.stopped
    log.info(f"{run.last_name}: the network at which the run was stopped" if stopped else about)
    log_next_command(target, run.folder.best if stopped else run.folder / run.last_name)
    if stopped:
        log.info(guard.outcome)


def log_next_command(target: str, checkpoint: Path) -> None:
    """What to do with the network that an adaptation leaves."""
    unlabelled = target.partition(":")[0] in ("images", "video")
    verb = "predict --data" if unlabelled else "test --dataset"
    log.info("next: zoopose %s %s --resume %s", verb, target, checkpoint)
