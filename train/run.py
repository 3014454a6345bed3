"""Beginning or continuing a run: devices, network, optimiser, run folder, banner."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from .. import __version__
from ..commandline.parsing import plain, warn_of_idle
from ..datasets.open import warn_of_idle_data
from ..errors import OptionError
from ..evaluation.network import warn_of_other_network
from ..evaluation.run_folder import RunFolder
from ..evaluation.run_log import RunLog
from ..files import atomic_json, sweep
from ..pose import checkpoints
from ..progress import Stopped, log
from . import network as building
from .compiled import Compiled
from .damaged_checkpoints import load_newest_undamaged, replace_damaged
from .debug_sheets import DrawnStep
from .guard import Guard
from .loop import Interrupted, Validate, fit
from .no_effect import RULES
from .optim import learning_rate, optimizer_of
from .options import FitOptions
from .ranks import share_statistics
from .recipes import recipe_results
from .run_state import Run
from .step import Step


def open_fabric(options: FitOptions) -> Fabric:
    """Devices, ranks and precision; seeds every generator.

    Raises:
        OptionError: when the machine has no such device.
    """
    if options.accelerator == "cuda" and not torch.cuda.is_available():
        raise OptionError("a CUDA device", "none that torch can use", "--accelerator cpu")
    kind = options.accelerator
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda" and options.devices > torch.cuda.device_count():
        raise OptionError(
            f"{options.devices} GPUs", f"{torch.cuda.device_count()}", f"--devices {torch.cuda.device_count()}"
        )
    if "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) != options.devices:
        world = os.environ["WORLD_SIZE"]
        raise OptionError(
            f"--devices {world}, as torchrun has started {world} processes", f"--devices {options.devices}"
        )
    strategy: Any = "auto"
    if options.devices > 1:
        from lightning_fabric.strategies import DDPStrategy

        # batch norms share their statistics, so that they are the same on every rank: see train.ranks
        # a rank that is through with its share of a labelling waits for the others
        strategy = DDPStrategy(broadcast_buffers=False, timeout=timedelta(days=2))
    _quieten()
    fabric = Fabric(accelerator=kind, devices=options.devices, precision=options.precision, strategy=strategy)
    fabric.launch()
    fabric.seed_everything(options.seed, verbose=False)
    if not fabric.is_global_zero:
        log.setLevel("WARNING")
    return fabric


def earlier_run(options: FitOptions, method: str, last_name: str) -> checkpoints.Loaded | None:
    """The run folder's own last checkpoint when this command is to go on with it; None to begin.

    Raises:
        OptionError: when the folder holds a run of other options, which must not be overwritten unasked.
    """
    folder = RunFolder(options.checkpoint)
    path = folder.resumable(last_name)
    if options.restart or path is None:
        return None
    kept = path.name
    path, loaded = load_newest_undamaged(path, method)
    if same_run(loaded, options, method) and kept != last_name:
        return None  # killed within its first save: what a resume reads is written last
    if not same_run(loaded, options, method):
        before = loaded.state.get("zoopose", {}).get("run", {})
        now, then = resume_options(options), options.under_todays_names(before.get("options", {}))
        other = sorted(k for k in now if k in then and now[k] != then[k])
        found = ", ".join(f"--{k.replace('_', '-')} {then[k]} (now {now[k]})" for k in other[:4])
        raise OptionError(
            "a run folder that is new, or holds the same run to go on with",
            f"{folder} holds a {before.get('method', 'published')} run{f' with {found}' if found else ''}",
            "another --checkpoint FOLDER, the options of that run, or --restart to begin anew there",
        )
    if getattr(options, "resume", "") and Path(options.resume).resolve() != path.resolve():
        log.info("%s holds this run: going on with it, --resume %s is not read again", folder, options.resume)
    return loaded


def same_run(loaded: checkpoints.Loaded, options: FitOptions, method: str) -> bool:
    """Whether a checkpoint is of a run of this method with these options."""
    before = loaded.state.get("zoopose", {}).get("run", {})
    now, then = resume_options(options), options.under_todays_names(before.get("options", {}))
    return before.get("method") == method and all(then[k] == now[k] for k in now if k in then)


def resume_note(options: FitOptions, path: Path) -> str:
    """What to say when a run was stopped."""
    saved = f"saved {path}" if path.is_file() else "stopped before the first checkpoint"
    return f"{saved}; the same command{' without --restart' if options.restart else ''} goes on from there"


def resume_options(options: FitOptions) -> dict[str, Any]:
    """The options that shape the result: a resumed run must have the same."""
    return {
        k: v for k, v in plain(options).items() if k not in options.FREE and k not in getattr(options, "DEAD_FLAGS", ())
    }


def open_run(
    options: FitOptions,
    fabric: Fabric,
    method: str,
    network: checkpoints.Loaded,
    epochs: int,
    restore: Mapping[str, Any] | None,
    last_name: str,
    aliases: tuple[str, ...] = (),
    whole: nn.Module | None = None,
) -> Run:
    """A run ready for `fit`.

    Args:
        network: the bare network (fresh or loaded) with its description.
        whole: what trains, where that is more than the network: a module that holds it, and hands it pictures when called with
            nothing else. The checkpoint's `state_dict` is the network's alone.
        restore: a checkpoint whose progress and optimiser are taken over, or None.
    """
    warn_of_other_network(options, network)
    warn_of_idle(options, RULES)
    if network.spec.kind != "published":
        warn_of_idle_data(options)
    plain_model = network.model.to(memory_format=torch.channels_last)
    whole = share_statistics(plain_model if whole is None else whole.to(memory_format=torch.channels_last), fabric)
    if hasattr(plain_model, "score_seg"):
        plain_model.score_seg.requires_grad_(False)
        log.warning("the part maps of %s are not trained: only joints are labelled", network.arch)
    optimizer = optimizer_of(whole, options)
    model, optimizer = fabric.setup(Compiled(whole) if options.compile else whole, optimizer)
    options_then, results = resume_options(options), [result.to_dict() for result in recipe_results(options)]

    def pack(epoch: int, best: float, optimizer_state: Mapping, facts: Mapping) -> dict:
        facts = {**facts, "method": method, "options": options_then}
        if results:
            facts["results"] = results
        return checkpoints.pack(
            plain_model,
            network.arch,
            network.numbers,
            network.skeleton,
            network.spec,
            epoch,
            best,
            optimizer_state,
            facts,
        )

    folder = RunFolder(options.checkpoint)
    if fabric.is_global_zero and folder.path.is_dir():
        sweep(folder.path)
    run = Run(folder, fabric, model, plain_model, optimizer, learning_rate(options, epochs), pack, last_name, aliases)
    run.snapshot, run.print_freq = options.snapshot, options.print_freq
    if restore is not None:
        run.restore(restore)
        replace_damaged(run, epochs)
    return run


def train_run(
    run: Run,
    step: Step,
    options: FitOptions,
    epochs: int,
    validate: Validate,
    select: str,
    method: str,
    data: Mapping[str, Any],
    restored: bool,
    network: checkpoints.Loaded,
    guard: Guard | None = None,
) -> None:
    """`fit`, with run.json and the log that go with it, and sheets of the first batches where they are asked for.

    Args:
        network: describes joints and form.
        method, data: for run.json, see `write_run_facts`.
        restored: the run goes on, and so does its log.
        guard: see `fit`.

    Raises:
        Stopped: the user stopped the run; all is saved.
        OptionError: a batch of one picture, which the network cannot be trained on.
    """
    if run.fabric.world_size == 1:
        # the two domains of the published protocol go through the network one after the other
        apart = getattr(options, "protocol", "") == "published"
        building.check_batch(run.plain, options.train_batch if apart else step.pictures, network.spec)
    runlog = None
    if run.fabric.is_global_zero:
        write_run_facts(run.folder, options, method, data)
        runlog = RunLog(run.folder, resume_epoch=run.epoch + 1 if restored else None)
        if options.debug:
            step = DrawnStep(step, network, run.plain, run.folder.sheets, options.debug)
    try:
        fit(run, step, epochs, validate, select, runlog, guard)
    except Interrupted:
        raise Stopped(resume_note(options, run.folder / run.last_name)) from None
    except ValueError as error:  # a batch of which all pictures but one cannot be read, or the last of an epoch
        raise building.one_value_error(network.spec) if building.ONE_VALUE in str(error) else error from error
    finally:
        if runlog:
            runlog.close()


def banner(
    run: Run, network: checkpoints.Loaded, data: Mapping[str, Mapping], epochs: int, notes: Sequence[str] = ()
) -> None:
    """First screen: device, data, network, protocol, run folder, fresh or resumed."""
    device = run.fabric.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    parameters = sum(p.numel() for p in run.plain.parameters())  # of what is saved as the network
    spec = network.spec
    log.info("zoopose %s on %s, torch %s", __version__, name, torch.__version__)
    for what, facts in data.items():
        log.info("  %-10s %s", what, ", ".join(f"{k} {v}" for k, v in facts.items() if v not in ("", None, {}, [])))
    numbers = " ".join(f"{k.removeprefix('num_')} {v}" for k, v in network.numbers.items())
    log.info("  network    %s %s, %.2f M parameters, %s", network.arch, numbers, parameters / 1e6, spec.describe())
    log.info("  score      PCK@0.05 of the crop's side, visible joints (exact/crop); others in %s", RunFolder.METRICS)
    for note in notes:
        log.info("  %s", note)
    if run.epoch or run.step:
        at = f", batch {run.step}" if run.step else ""
        log.info("  run folder %s, resuming at epoch %d of %d%s", run.folder, run.epoch + 1, epochs, at)
    else:
        log.info("  run folder %s, fresh, %d epochs", run.folder, epochs)


def write_run_facts(folder: RunFolder, options: FitOptions, method: str, data: Mapping[str, Any]) -> None:
    """run.json: options, exact command, versions: what one needs to repeat the run."""
    facts = {
        "method": method,
        "command": " ".join(sys.argv),
        "options": plain(options),
        "zoopose": __version__,
        "torch": torch.__version__,
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        "started_in": os.getcwd(),
        "data": data,
    }
    atomic_json(folder.run_json, facts, 2)


def _quieten() -> None:
    import logging
    import warnings

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
