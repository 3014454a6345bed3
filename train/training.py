"""A training run from its options to its report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lightning_fabric import Fabric

from ..commandline.folder_lock import alone_in
from ..datasets.open import check_joints
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..evaluation.mirroring import flips, say_pairs
from ..evaluation.network import load_network, read_as, refuse_joints
from ..evaluation.published_results import comparison
from ..evaluation.run_folder import RunFolder
from ..evaluation.score import score_network
from ..pose.checkpoints import Loaded
from ..pose.fresh_weights import FreshWeights
from ..pose.input_spec import InputSpec
from ..pose.models import is_trunk_network
from ..pose.person_frames import FRAMES
from ..pose.transfer import transfer_to_joints
from ..progress import log
from .data import training_and_validation
from .default_network import with_network, with_optimiser
from .devices import open_fabric
from .feeds.labelled import original_mean
from .loop import fit
from .multitask import step_class
from .network import check_input, fresh_start, input_spec, refuse_new_network
from .optim import schedule_for, total_epochs
from .options import TrainOptions
from .recipes import load_recipe, recipe_results
from .resuming import earlier_run
from .run import log_banner, open_run, recorded_run
from .stages import StagedStep
from .step import Step
from .supervised import step_for
from .validation import Validation, finish

LAST, ALIASES = RunFolder.LAST_OF_TRAINING, (RunFolder.LAST,)


@alone_in("checkpoint")
def train_network(options: TrainOptions) -> Path:
    """Train (or, with `evaluate`, score) as the options say; returns the run folder."""
    options = with_optimiser(options)
    fabric = open_fabric(options)
    training, valid = training_and_validation(options.dataset, options.valid, options)
    check_joints(valid, training.skeleton, options.valid or options.dataset)
    if options.evaluate:
        return _evaluate(options, fabric, training, valid)
    earlier = earlier_run(options, "train", LAST)
    start, restore = _start(options, training, earlier)
    step: Step = step_for(options, training, start, fabric, step_class(options, training, start))
    epochs = total_epochs(options, step.steps)
    run = open_run(
        options, fabric, "train", start, epochs=options.epochs, restore=restore, last_name=LAST, aliases=ALIASES
    )
    if options.stages > 1:
        step = StagedStep(step, run, schedule_for(options, options.epochs))
    if options.start_epoch and earlier is None:
        run.epoch, run.step = options.start_epoch, 0
    data = {"training": training.describe(), "validation": valid.describe()}
    log_banner(run, start, data, epochs, [start.note] if start.note else [])
    say_pairs(options, training.skeleton)
    validation = Validation(valid, start, fabric, options)
    recorded = recorded_run(run, step, options, start, method="train", data=data, restored=restore is not None)
    with recorded as (recorded_step, runlog):
        fit(run, recorded_step, epochs, validate=validation, select="val/pck", runlog=runlog)
    compared = comparison(recipe_results(options)) if options.recipe else []
    if fabric.is_global_zero:
        facts = {"method": "supervised training", **data}
        if compared:
            facts["published / ours"] = "; ".join(compared)
        finish(validation, run, options, facts)
    for line in compared:
        log.info("%s: %s", options.recipe, line)
    if compared:
        log.info("the published measure is another than the PCK above: `zoopose test` with this checkpoint computes it")
    log.info("next: zoopose test --dataset %s --resume %s", options.valid or options.dataset, run.folder.best)
    return run.folder.path


def _start(options: TrainOptions, training: PoseDataset, earlier: Loaded | None) -> tuple[Loaded, Loaded | None]:
    """The network to begin with, and the checkpoint whose run it continues, None to begin one.

    Args:
        earlier: the run folder's own last checkpoint.

    Raises:
        OptionError: options that contradict each other, or a network that does not fit the data.
    """
    if options.resume and options.init_weights:
        raise OptionError(
            "--resume, to continue a run, or --init-weights, to begin one with its weights", "both", "one of them"
        )
    given = options.resume or options.init_weights
    if given:
        refuse_new_network(options, given)
    restore = earlier
    if earlier is not None:
        start = earlier
    elif given:
        start = load_network(given, options.dataset, options, training.mean)
        if options.resume:
            restore = start
        else:
            start = _with_weights_of(start, training, options)
    else:
        refuse_joints(options)
        chosen = with_network(options, options.dataset, options.augment != "published")
        spec = _input_spec(chosen, training)
        fresh = FreshWeights(options.seed)
        start = fresh_start(chosen, training.skeleton, spec, fresh)
        fresh.continue_globally()
    start = read_as(start, options)
    check_joints(training, start.skeleton, options.dataset)
    return start, restore


def _input_spec(options: TrainOptions, training: PoseDataset) -> InputSpec:
    """The input of a new network."""
    published = options.augment == "published" and not options.recipe
    mean = original_mean(training) if published else None
    spec = input_spec(options, "published" if published else "exact", mean)
    if not options.recipe:
        return spec
    own = load_recipe(options.recipe).spec
    if is_trunk_network(options.arch):
        own = replace(own, mean=spec.mean, std=spec.std, bgr=False)
    return replace(own, size_hw=spec.size_hw, heatmap_hw=spec.heatmap_hw, codec=spec.codec, sigma=spec.sigma)


def _with_weights_of(given: Loaded, training: PoseDataset, options: TrainOptions) -> Loaded:
    """A network with the weights of --init-weights, for the joints of the training data, which may be another species' or a
    person's, and for the input and codec that the options ask for."""
    spec = given.spec
    if options.recipe:
        spec = _input_spec(options, training)
    else:
        size = input_spec(options) if options.inp_res else spec
        kind = "exact" if options.inp_res and spec.kind in FRAMES else spec.kind
        spec = replace(
            spec, kind=kind, size_hw=size.size_hw, heatmap_hw=size.heatmap_hw, codec=options.codec or spec.codec,
            sigma=options.sigma or spec.sigma, decoder="" if options.codec else spec.decoder,
        )  # fmt: skip
    fresh = FreshWeights(options.seed)
    network, carried = transfer_to_joints(given, training.skeleton, 0, fresh, spec)
    fresh.continue_globally()
    if network is given:
        return given
    check_input(network.model, network.arch, network.numbers, spec)
    note = given.note
    if network.model is not given.model:
        note += f"; {carried} of its {len(given.skeleton)} joints carried over to {len(network.skeleton)}"
    return replace(network, note=note)


def _evaluate(options: TrainOptions, fabric: Fabric, training: PoseDataset, valid: PoseDataset) -> Path:
    if not options.resume:
        raise OptionError("a checkpoint to score", "--evaluate without --resume", f"--resume FOLDER/{RunFolder.BEST}")
    loaded = load_network(options.resume, options.dataset, options, training.mean)
    check_joints(valid, loaded.skeleton, options.valid or options.dataset)
    log.info(loaded.note)
    if options.flip:
        say_pairs(options, valid.skeleton, training=False)
        options = replace(options, flip=flips(options, valid.skeleton))
    folder = RunFolder(options.checkpoint)
    score_network(loaded, valid, fabric.device, options, folder)
    return folder.path
