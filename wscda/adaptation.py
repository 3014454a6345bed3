"""A WS-CDA run from its options to its report."""

from __future__ import annotations

from pathlib import Path

from ..commandline.folder_lock import alone_in
from ..evaluation.mirroring import say_pairs
from ..evaluation.run_folder import RunFolder
from ..progress import log
from ..train import run as session
from ..train import validation
from ..train.adaptation import check_adaptable
from . import setup as adaptation
from .options import WscdaOptions
from .report import domain_blocks, forget
from .step import sizes_of

LAST = RunFolder.LAST


@alone_in("checkpoint")
def adapt(options: WscdaOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    options = adaptation.with_defaults(options)
    fabric = session.open_fabric(options)
    adaptation.check(options)
    restore = session.earlier_run(options, "wscda", LAST)
    domains = adaptation.open_domains(options)
    start, given, note = adaptation.start_of(options, domains, restore)
    check_adaptable(start)
    if restore is None and session.same_run(start, options, "wscda"):
        restore = start  # the last checkpoint of this very run: go on with it
    domains = domains.with_pairs_of(start.skeleton, options)
    whole = adaptation.build_network(domains, start, given)
    task = session.open_run(
        options, fabric, "wscda", start, options.num_epochs, restore and restore.state, LAST, whole=whole
    )
    parts = {**task.restored.get("wscda", {}), "parts": whole.parts(), "human": domains.human_skeleton()}
    data = domains.describe()
    sizes = ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in sizes_of(whole).items())
    session.banner(task, start, data, options.num_epochs, [f"start      {note}", f"parts      {sizes}"])
    for skeleton in domains.skeletons():
        say_pairs(options, skeleton)
    if not task.epoch and not task.step:
        forget(task.folder)
        if options.probe:
            parts["probe"] = adaptation.probe(options, domains, start, fabric).to_dict()
    step = adaptation.step_for(options, domains, whole, start.spec, task, parts)
    update_best = validation.Validation(domains.valid, start, fabric, options)
    session.train_run(
        task, step, options, options.num_epochs, update_best, "val/pck", "WS-CDA", data, restore is not None, start
    )
    if fabric.is_global_zero:
        if options.probe:
            adaptation.probe_at_the_end(options, domains, task, parts["probe"])
        more = domain_blocks(task.folder, domains.target, fabric.device)
        chosen = "best on the labelled validation animals; target labels were not read"
        validation.finish(update_best, task, options, {"method": "WS-CDA", "model_best": chosen, **data}, more)
    if options.source and options.target:
        valid = f" --valid {options.valid}" if options.valid else ""
        best = task.folder.best
        log.info(
            "next: zoopose pplo --source %s%s --target %s --resume %s", options.source, valid, options.target, best
        )
    return task.folder.path
