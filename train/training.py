"""A training run from its options to its report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..commandline.folder_lock import alone_in
from ..datasets.open import check_joints
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..evaluation.mirroring import flips, say_pairs
from ..evaluation.network import load_network, read_as, refuse_joints
from ..evaluation.published_results import comparison
from ..evaluation.run_folder import RunFolder
from ..evaluation.score import score_network
from ..pose import checkpoints
from ..pose.input_spec import InputSpec
from ..pose.person_frames import FRAMES
from ..pose.transfer import transfer_to_joints
from ..progress import log
from . import multitask, supervised, validation
from . import network as building
from . import optim as rates
from . import run as session
from .data import training_and_validation
from .feeds.labelled import original_mean
from .options import TrainOptions
from .recipes import load_recipe, recipe_results
from .stages import StagedStep

LAST, ALIASES = RunFolder.LAST_OF_TRAINING, (RunFolder.LAST,)


@alone_in("checkpoint")
def train_network(options: TrainOptions) -> Path:
    """Train (or, with `evaluate`, score) as the options say; returns the run folder."""
    fabric = session.open_fabric(options)
    training, valid = training_and_validation(options.dataset, options.valid, options)
    check_joints(valid, training.skeleton, options.valid or options.dataset)
    if options.evaluate:
        return _evaluate(options, fabric, training, valid)
    earlier = restore = session.earlier_run(options, "train", LAST)
    if options.resume and options.init_weights:
        raise OptionError(
            "--resume, to go on with a run, or --init-weights, to begin one with its weights", "both", "one of them"
        )
    given = options.resume or options.init_weights
    if given:
        building.refuse_new_network(options, given)
    start = restore or (load_network(given, options.dataset, options, training.mean) if given else None)
    if restore is None and options.resume:
        restore = start
    if start is not None and restore is None:
        start = _begun_from(start, training, options)
    if start is None:
        refuse_joints(options)
        spec = _form(options, training)
        model, numbers = building.new_network(options, training.skeleton, spec)
        start = checkpoints.Loaded(model, options.arch, numbers, training.skeleton, spec, {})
    start = read_as(start, options)
    check_joints(training, start.skeleton, options.dataset)
    step = supervised.step_for(options, training, start, fabric, multitask.step_class(options, training, start))
    epochs = rates.total_epochs(options, step.steps)
    task = session.open_run(
        options, fabric, "train", start, options.epochs, restore.state if restore else None, LAST, ALIASES
    )
    if options.stages > 1:
        step = StagedStep(step, task, rates.schedule_for(options, options.epochs))
    if options.start_epoch and earlier is None:
        task.epoch, task.step = options.start_epoch, 0
    data = {"training": training.describe(), "validation": valid.describe()}
    compared = comparison(recipe_results(options)) if options.recipe else []
    session.banner(task, start, data, epochs, [start.note] if start.note else [])
    say_pairs(options, training.skeleton)
    validate = validation.Validation(valid, start, fabric, options)
    session.train_run(task, step, options, epochs, validate, "val/pck", "train", data, restore is not None, start)
    if fabric.is_global_zero:
        facts = {"method": "supervised training", **data}
        if compared:
            facts["published / ours"] = "; ".join(compared)
        validation.finish(validate, task, options, facts)
    for line in compared:
        log.info("%s: %s", options.recipe, line)
    if compared:
        log.info("the published measure is another than the PCK above: `zoopose test` with this checkpoint takes it")
    log.info(
        "next: zoopose test --dataset %s --resume %s",
        options.valid or options.dataset,
        task.folder.best,
    )
    return task.folder.path


def _form(options: TrainOptions, training: PoseDataset) -> InputSpec:
    """The form of a new network's pictures."""
    published = options.augment == "published" and not options.recipe
    mean = original_mean(training) if published else None
    spec = building.input_spec(options, "published" if published else "exact", mean)
    if not options.recipe:
        return spec
    own = load_recipe(options.recipe).spec
    return replace(own, size_hw=spec.size_hw, heatmap_hw=spec.heatmap_hw, codec=spec.codec, sigma=spec.sigma)


def _begun_from(given: checkpoints.Loaded, training: PoseDataset, options: TrainOptions) -> checkpoints.Loaded:
    """The network of --init-weights for the joints of the training data, which may be another species' or a person's, and for the
    input and codec that the options ask for."""
    spec = given.spec
    if options.recipe:
        spec = _form(options, training)
    else:
        size = building.input_spec(options) if options.inp_res else spec
        kind = "exact" if options.inp_res and spec.kind in FRAMES else spec.kind
        spec = replace(
            spec, kind=kind, size_hw=size.size_hw, heatmap_hw=size.heatmap_hw, codec=options.codec or spec.codec,
            sigma=options.sigma or spec.sigma, decoder="" if options.codec else spec.decoder,
        )  # fmt: skip
    network, carried = transfer_to_joints(given, training.skeleton, 0, options.seed, spec)
    if network is given:
        return given
    building.check_input(network.model, network.arch, network.numbers, spec)
    note = given.note
    if network.model is not given.model:
        note += f"; {carried} of its {len(given.skeleton)} joints carried over to {len(network.skeleton)}"
    return replace(network, note=note)


def _evaluate(options: TrainOptions, fabric, training, valid) -> Path:
    if not options.resume:
        raise OptionError("a checkpoint to score", "--evaluate without --resume", f"--resume FOLDER/{RunFolder.BEST}")
    loaded = load_network(options.resume, options.dataset, options, training.mean)
    check_joints(valid, loaded.skeleton, options.valid or options.dataset)
    log.info(loaded.note)
    if options.flip:
        say_pairs(options, valid.skeleton, training=False)
        options = replace(options, flip=flips(options, valid.skeleton))
    score_network(loaded, valid, fabric.device, options, RunFolder(options.checkpoint))
    return Path(options.checkpoint)
