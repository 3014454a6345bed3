"""A run of any method: set up from its options, introduced in the log, trained."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from .. import __version__
from ..commandline.parsing import plain, warn_of_idle
from ..datasets.open import warn_of_idle_data
from ..evaluation.network import warn_of_other_network
from ..evaluation.run_folder import RunFolder
from ..evaluation.run_log import RunLog
from ..files import atomic_json, read_json, sweep
from ..pose.checkpoints import Loaded
from ..pose.checkpoints import pack as pack_checkpoint
from ..pose.trunks import describe as describe_trunk
from ..progress import Stopped, log
from .compiled import Compiled
from .damaged_checkpoints import replace_damaged
from .debug_sheets import DrawnStep
from .default_network import network_facts
from .loop import Interrupted
from .network import ONE_VALUE, check_batch, one_value_error
from .no_effect import RULES
from .optim import learning_rate, optimizer_of
from .options import FitOptions
from .ranks import share_statistics
from .recipes import recipe_results
from .resuming import resume_note, resume_options
from .run_state import Run
from .step import Step
from .trunk import FrozenLayers, trunk_of


def open_run(
    options: FitOptions,
    fabric: Fabric,
    method: str,
    network: Loaded,
    *,
    epochs: int,
    restore: Loaded | None = None,
    last_name: str = RunFolder.LAST,
    aliases: tuple[str, ...] = (),
    whole: nn.Module | None = None,
    framing: tuple[float, float] = (1.0, 0.0),
) -> Run:
    """A run ready for `fit`.

    Args:
        method: its name in checkpoints, see `resuming.earlier_run`.
        network: the bare network (fresh or loaded) with its description.
        epochs: of the run in all.
        restore: the checkpoint whose progress and optimiser are taken over; None to begin.
        last_name: file name of the last checkpoint; `aliases`: further names for it.
        whole: what trains, where that is more than the network: a module that contains it, and gives it the pictures when it is
            called with nothing else. The checkpoint's `state_dict` is the network's alone.
        framing: see `Run`; a run that goes on has that of its checkpoint.
    """
    warn_of_other_network(options, network)
    warn_of_idle(options, RULES)
    if network.spec.kind != "published":
        warn_of_idle_data(options)
    plain_model = network.model.to(memory_format=torch.channels_last)
    whole = share_statistics(plain_model if whole is None else whole.to(memory_format=torch.channels_last), fabric)
    part_head = getattr(plain_model, "score_seg", None)
    if isinstance(part_head, nn.Module):
        part_head.requires_grad_(False)
        log.warning("the part maps of %s are not trained: only joints are labelled", network.arch)
    trunk = trunk_of(plain_model, options)
    optimizer = optimizer_of(whole, options, trunk)
    model, optimizer = fabric.setup(Compiled(whole) if options.compile else whole, optimizer)
    options_then, results = resume_options(options), [result.to_dict() for result in recipe_results(options)]

    def pack(
        epoch: int,
        best: float,
        optimizer_state: Mapping[str, Any] | None,
        facts: Mapping[str, Any],
        framing: tuple[float, float],
    ) -> dict[str, Any]:
        facts = {**facts, "method": method, "options": options_then}
        if results:
            facts["results"] = results
        if network.trunk:
            facts["trunk"] = network.trunk
        described = (network.arch, network.numbers, network.skeleton, network.spec.framed(framing))
        return pack_checkpoint(plain_model, *described, epoch, best, optimizer_state, facts)

    folder = RunFolder(options.checkpoint)
    if fabric.is_global_zero and folder.path.is_dir():
        sweep(folder.path)
    run = Run(
        folder,
        fabric,
        model,
        plain_model,
        optimizer,
        lr_at=learning_rate(options, epochs),
        pack=pack,
        last_name=last_name,
        aliases=aliases,
        frozen=FrozenLayers.of(plain_model, trunk, options, fabric.world_size),
        snapshot=options.snapshot,
        print_freq=options.print_freq,
        framing=framing,
    )
    if restore is not None:
        run.framing = restore.spec.framing
        run.restore(restore.state)
        replace_damaged(run, epochs)
    return run


@contextmanager
def recorded_run(
    run: Run,
    step: Step,
    options: FitOptions,
    network: Loaded,
    *,
    method: str,
    data: Mapping[str, Any],
    restored: bool,
    pictures_at_once: int = 0,
) -> Iterator[tuple[Step, RunLog | None]]:
    """Around `fit`: writes run.json, opens the log, draws sheets of the first batches where --debug asks for them.

    Args:
        network: describes joints and input.
        method, data: for run.json, see `write_run_facts`.
        restored: the run goes on, and so does its log.
        pictures_at_once: fewest pictures that go through the network in one call; 0: all of a batch.

    Returns:
        For `fit`: the step, which draws the sheets if there are any, and the log, None on ranks that do not log.

    Raises:
        Stopped: the user stopped the run; all is saved.
        OptionError: a batch of one picture, which the network cannot be trained on.
    """
    if run.fabric.world_size == 1:
        check_batch(run.plain, pictures_at_once or step.pictures, network.spec)
    runlog = None
    if run.fabric.is_global_zero:
        write_run_facts(run.folder, options, method, data, network_facts(options, network))
        runlog = RunLog(run.folder, resume_epoch=run.epoch + 1 if restored else None)
        if options.debug:
            step = DrawnStep(step, network, run.plain, run.folder.sheets, options.debug)
    try:
        yield step, runlog
    except Interrupted:
        raise Stopped(resume_note(options, run.folder / run.last_name)) from None
    except ValueError as error:  # a batch of which all pictures but one cannot be read, or the last of an epoch
        raise one_value_error(network.spec) if ONE_VALUE in str(error) else error from error
    finally:
        if runlog:
            runlog.close()


def log_banner(
    run: Run, network: Loaded, data: Mapping[str, Mapping[str, Any]], epochs: int, notes: Sequence[str] = ()
) -> None:
    """Log what a run is, before its first epoch: device, data, network, score, run folder, fresh or resumed."""
    device = run.fabric.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    parameters = sum(p.numel() for p in run.plain.parameters())  # of what is saved as the network
    spec = network.spec
    log.info("zoopose %s on %s, torch %s", __version__, name, torch.__version__)
    for what, facts in data.items():
        log.info("  %-10s %s", what, ", ".join(f"{k} {v}" for k, v in facts.items() if v not in ("", None, {}, [])))
    numbers = " ".join(f"{k.removeprefix('num_')} {v}" for k, v in network.numbers.items())
    log.info("  network    %s %s, %.2f M parameters, %s", network.arch, numbers, parameters / 1e6, spec.describe())
    log.info(
        "  score      PCK@0.05 of the crop's side, visible joints (exact/crop); other scores: %s", RunFolder.METRICS
    )
    for note in notes:
        log.info("  %s", note)
    if network.trunk:
        log.info("  trunk      %s", describe_trunk(network.trunk))
    if run.epoch or run.step:
        at = f", batch {run.step}" if run.step else ""
        log.info("  run folder %s, resuming at epoch %d of %d%s", run.folder, run.epoch + 1, epochs, at)
    else:
        log.info("  run folder %s, fresh, %d epochs", run.folder, epochs)


def add_run_facts(folder: RunFolder, more: Mapping[str, Any]) -> None:
    """Add to run.json what is known at the end of a run."""
    facts = read_json(folder.run_json, "JSON that a run has written", "run the command of the run again")
    atomic_json(folder.run_json, {**facts, **more}, 2)


def write_run_facts(
    folder: RunFolder, options: FitOptions, method: str, data: Mapping[str, Any], network: Mapping[str, Any]
) -> None:
    """Write run.json: options, exact command, versions; all that is needed to repeat the run."""
    facts = {
        "method": method,
        "command": " ".join(sys.argv),
        "options": plain(options),
        "zoopose": __version__,
        "torch": torch.__version__,
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        "started_in": os.getcwd(),
        "data": data,
        "network": network,
    }
    atomic_json(folder.run_json, facts, 2)
