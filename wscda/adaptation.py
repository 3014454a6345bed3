"""A WS-CDA run from its options to its report."""

from __future__ import annotations

from pathlib import Path

from ..commandline.folder_lock import alone_in
from ..evaluation.mirroring import say_pairs
from ..evaluation.run_folder import RunFolder
from ..progress import log
from ..train.adaptation import AdaptationStart, check_adaptable, guard_for, log_verdict, outcome_facts
from ..train.devices import open_fabric
from ..train.guard import Guard
from ..train.loop import fit
from ..train.resuming import earlier_run, same_run
from ..train.run import log_banner, open_run, recorded_run
from ..train.run_state import Run
from ..train.validation import Validation, finish
from .domains import Domains, open_domains
from .options import WscdaOptions
from .report import domain_blocks, remove_report_files
from .setup import Start, build_network, check, probe, probe_at_the_end, start_of, step_for, with_defaults
from .step import STATE

LAST = RunFolder.LAST
CHOSEN = "best on the labelled validation animals; target labels were not read"


@alone_in("checkpoint")
def adapt(options: WscdaOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    options = with_defaults(options)
    fabric = open_fabric(options)
    check(options)
    restore = earlier_run(options, "wscda", LAST)
    domains = open_domains(options)
    start = start_of(options, domains, restore)
    pose_network = start.network
    check_adaptable(pose_network)
    if restore is None and same_run(pose_network, options, "wscda"):
        restore = pose_network  # --resume names the last checkpoint of this run: continue it
    domains = domains.with_pairs_of(pose_network.skeleton, options)
    network = build_network(domains, start)
    run = open_run(
        options,
        fabric,
        "wscda",
        pose_network,
        epochs=options.num_epochs,
        restore=restore,
        whole=network,
        framing=pose_network.spec.framing,
    )
    parts = {**run.restored.get(STATE, {}), "parts": network.parts(), "human": domains.human_skeleton()}
    data = domains.describe()
    sizes = ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in network.sizes().items())
    log_banner(run, pose_network, data, options.num_epochs, [f"start      {start.note}", f"parts      {sizes}"])
    for skeleton in domains.skeletons():
        say_pairs(options, skeleton)
    if not run.epoch and not run.step:
        remove_report_files(run.folder)
        if options.probe:
            parts["probe"] = probe(options, domains, pose_network, fabric).to_dict()
    step = step_for(options, domains, network, pose_network.spec, run, parts)
    validation = Validation(domains.valid, pose_network, fabric, options)
    guard = _guard(options, domains, start, run)
    recorded = recorded_run(run, step, options, pose_network, method="WS-CDA", data=data, restored=restore is not None)
    with recorded as (recorded_step, runlog):
        fit(run, recorded_step, options.num_epochs, validate=validation, select="val/pck", runlog=runlog, guard=guard)
    if fabric.is_global_zero:
        if options.probe:
            probe_at_the_end(options, domains, run, parts["probe"])
        blocks = domain_blocks(run.folder, domains.target, fabric.device)
        outcome = outcome_facts(guard, run, CHOSEN) if options.target else {"model_best": CHOSEN}
        finish(validation, run, options, {"method": "WS-CDA", **outcome, **data}, blocks)
    if options.source and options.target:
        valid = f" --valid {options.valid}" if options.valid else ""
        best = run.folder.best
        log.info(
            "next: zoopose pplo --source %s%s --target %s --resume %s", options.source, valid, options.target, best
        )
    if options.target:
        log_verdict(guard, run)
    return run.folder.path


def _guard(options: WscdaOptions, domains: Domains, start: Start, run: Run) -> Guard | None:
    """What keeps the run from doing harm; None without unlabelled animals, or a start network with the joints of labelled ones."""
    target = domains.target
    if domains.animal is None or target is None:
        return None
    given = start.given is not None and start.given.skeleton.joints == domains.main.skeleton.joints
    if not given and "guard" not in run.restored:
        return None
    return guard_for(options, AdaptationStart(domains.main, domains.valid, target, start.network, None), run)
