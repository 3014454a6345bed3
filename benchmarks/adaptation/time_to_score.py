"""Processor time from nothing to a score, on one core: the small network against `hg` as published, at the same input.

Examples:

    python -m zoopose.benchmarks.adaptation.time_to_score --data livestock --score 70

    python -m zoopose.benchmarks.adaptation.time_to_score --data livestock --networks published --limit 120

Every network is trained by `zoopose train` with one thread. After every epoch its checkpoint is scored here (PCK@0.05/box, exact,
on test.json), which is not counted. The time counts from the start of the process: imports, weights, training and the validation of
every epoch. A training ends when the score is reached, or the time is up. The scores go to cells/CONFIG/time_to_score.json, with
those of the networks that are there already.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from zoopose import cli
from zoopose.commandline.limits import Limits, check_limits
from zoopose.commandline.parsing import command
from zoopose.datasets.open import open_data
from zoopose.errors import OptionError
from zoopose.files import atomic_path
from zoopose.pose.checkpoints import load
from zoopose.progress import duration, log

from . import data
from .config import CONFIGS, Config
from .machine import code_version, machine
from .measure import counts_of, share
from .plan import of_training, words
from .store import CELLS, text_of

NAME = "time_to_score"  # of the file, and of the folder of the runs
TIMES = "times.json"  # processor seconds by epoch, in a run's folder
POLL_S = 0.1  # a checkpoint is seen so much after it was written


@dataclass
class TimeOptions:
    """`python -m zoopose.benchmarks.adaptation.time_to_score`."""

    data: str = "livestock"
    """folder with an animal a folder, as of the benchmark"""
    animal: str = "horse"
    """the animal, which has a split of its own"""
    out: str = "runs/adaptation"
    """run folder"""
    config: str = "small"
    """whose network is meant"""
    networks: str = "config,published"
    """config: source training of the configuration; published: hg with four stacks, as published, at its input size"""
    score: Annotated[float, Limits(0, 100)] = 70.0
    """percent of PCK@0.05/box"""
    limit: Annotated[float, Limits(0.01, 100_000)] = 60.0
    """processor minutes of each network, after which it is ended"""
    cells: str = ""
    """folder of the scores; default: `cells` beside this program"""
    seed: int = 0
    """of the training"""


def run(options: TimeOptions) -> dict[str, Any]:
    """Times the networks one after the other; returns what the file holds."""
    check_limits(options)
    if options.config not in CONFIGS:
        raise OptionError(f"a configuration out of {', '.join(CONFIGS)}", options.config)
    config = CONFIGS[options.config]
    folder = Path(options.out).resolve() / options.config
    animal = data.prepare(Path(options.data), folder, options.animal, config, False)
    path = (Path(options.cells).resolve() if options.cells else CELLS) / options.config / f"{NAME}.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for name in options.networks.split(","):
        line = line_of(name, config, animal, options.seed)
        points = timed_points(folder, name, line, animal, options)
        found = {**found, name: entry(points, line, options)}
        log.info("%s: %s", name, sentence(found[name]))
        with atomic_path(path) as temporary:
            temporary.write_text(text_of(found), encoding="utf-8")
    return found


def line_of(name: str, config: Config, animal: data.Animals, seed: int) -> tuple[str, ...]:
    """Words of the training of a network.

    Raises:
        OptionError: an unknown name.
    """
    full = CONFIGS["full"]
    if name == "config":
        options = {**config.network, **config.training, **config.source, "augment": "strong"}
    elif name == "published":
        # the size of the input is that of the configuration, everything else is published
        options = {**full.network, **full.training, **full.source, "augment": "standard"}
        options |= {"inp_res": config.network["inp_res"], "workers": 0}
    else:
        raise OptionError("--networks out of config, published", repr(name))
    line = {
        "dataset": f"coco:{animal.train}",
        "valid": f"coco:{animal.valid}",
        **of_training("cpu", animal.counts[animal.train], options, seed),
        "snapshot": 1,
    }
    return words("train", line, f"{NAME}/{name}-seed{seed}")


def timed_points(
    folder: Path, name: str, line: Sequence[str], animal: data.Animals, options: TimeOptions
) -> list[tuple[float, int, float]]:
    """Trains a network; (processor seconds, epoch, score) after every epoch, until the score is reached or the time is up."""
    out = folder / "cells" / NAME / f"{name}-seed{options.seed}"
    if out.exists():
        raise OptionError(f"no folder {out}", "one of an earlier measurement", "delete it, or another --out")
    out.mkdir(parents=True)
    program = f"from {__name__} import child; child({str(out)!r}, {list(line)!r})"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    points: list[tuple[float, int, float]] = []
    with (out / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            while not finished(points, options):
                ended = process.poll() is not None
                points += _new_points(out, folder / animal.scored, len(points))
                if ended:
                    break
                time.sleep(POLL_S)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            code = process.wait()
    if code not in (0, 128 + signal.SIGTERM, -signal.SIGTERM):
        raise OptionError("a training that ends well", f"code {code}", f"see {out / 'output.txt'}")
    return points


def finished(points: Sequence[tuple[float, int, float]], options: TimeOptions) -> bool:
    """Whether the score is reached, or the time is up."""
    return bool(points) and (points[-1][2] >= options.score / 100 or points[-1][0] >= 60 * options.limit)


def _new_points(out: Path, scored: Path, known: int) -> list[tuple[float, int, float]]:
    """Scores of the checkpoints that are new; they are deleted."""
    path = out / TIMES
    times = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    points = []
    for epoch, seconds in times[known:]:
        checkpoint = out / f"checkpoint_{epoch}.pth.tar"
        points.append((seconds, epoch, score_of(checkpoint, scored)))
        log.info("%s: epoch %d, %s, %.1f %%", out.name, epoch, duration(seconds), 100 * points[-1][2])
        checkpoint.unlink()
    return points


def score_of(checkpoint: Path, scored: Path) -> float:
    """PCK@0.05/box of a checkpoint."""
    pictures = open_data(f"coco:{scored}")
    every = {"all": np.ones(len(pictures), bool)}
    return share(counts_of(load(checkpoint), pictures, every, torch.device("cpu"))["all"]["box"])


def entry(points: Sequence[tuple[float, int, float]], line: Sequence[str], options: TimeOptions) -> dict[str, Any]:
    """What the file holds of a network: `reached_s`: None where the score was not reached."""
    reached = next((seconds for seconds, _, score in points if score >= options.score / 100), None)
    return {
        "score": options.score,
        "reached_s": reached,
        "spent_s": points[-1][0] if points else 0.0,
        "best": max((score for *_, score in points), default=0.0),
        "points": [list(point) for point in points],
        "command": " ".join(["zoopose", *line]),
        "code": code_version(),
        "machine": machine("cpu", 1, 1),
    }


def sentence(found: Mapping[str, Any]) -> str:
    """What was found of a network, in words."""
    if found["reached_s"] is None:
        best = f"at best {100 * found['best']:.1f} %"
        return f"{found['score']:g} % not reached in {found['spent_s'] / 60:.1f} processor minutes ({best})"
    return f"{found['score']:g} % after {found['reached_s'] / 60:.1f} processor minutes"


def comparison(found: Mapping[str, Any]) -> str:
    """Sentences on all networks, and how many times less the configuration's needs; empty without any."""
    parts = [f"`{name}`: {sentence(facts)}." for name, facts in found.items()]
    ratio = times_less(found)
    if ratio:
        parts.append(f"That is {ratio[1]}{ratio[0]:.1f} times less.")
    return " ".join(parts)


def times_less(found: Mapping[str, Any]) -> tuple[float, str] | None:
    """How many times less processor time the configuration's network needs; "at least " where the published one was ended first."""
    own, other = found.get("config"), found.get("published")
    if not own or not other or own["reached_s"] is None or own["score"] != other["score"]:
        return None
    reached = other["reached_s"]
    return ((reached or other["spent_s"]) / own["reached_s"], "" if reached else "at least ")


def child(out: str, line: list[str]) -> None:
    """In a process of its own: run a training, and note its processor time when a checkpoint appears."""
    ended = threading.Event()

    def watch() -> None:
        times: list[tuple[int, float]] = []
        while True:
            last = ended.wait(POLL_S)
            seen = {epoch for epoch, _ in times}
            numbers = [
                int(m[1]) for p in Path(out).iterdir() if (m := re.fullmatch(r"checkpoint_(\d+)\.pth\.tar", p.name))
            ]
            new = sorted(set(numbers) - seen)
            if new:
                times += [(epoch, round(time.process_time(), 2)) for epoch in new]
                with atomic_path(Path(out) / TIMES) as temporary:
                    temporary.write_text(json.dumps(times), encoding="utf-8")
            if last:
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    code = cli.main(line)
    ended.set()
    watcher.join()
    sys.exit(code)


if __name__ == "__main__":
    sys.exit(command(run, TimeOptions, NAME, __doc__))
