"""Benchmark of adaptation: source-only, CC-SSL and oracle networks on pairs of animals. One command makes the whole table.

Examples:

    python -m zoopose.benchmarks.adaptation --data livestock

    python -m zoopose.benchmarks.adaptation --data livestock --seeds 1,2 --columns published,zoopose --jobs 2

    python -m zoopose.benchmarks.adaptation --data livestock --pairs horse:goat,cattle_a:sheep --set wide.view_scale=0.4

It can be stopped at any time; the same command goes on. What is done is kept, whatever is asked for next: run it with other
--seeds, --columns or --pairs later, and with all of them and --table to see them together.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import tyro

from zoopose.errors import OptionError
from zoopose.options import command
from zoopose.progress import log

from . import data, table
from .config import CONFIGS, PAIRS
from .plan import build, columns_of
from .run import Runner

README = Path(__file__).with_name("README.md")


@dataclass
class BenchmarkOptions:
    """`python -m zoopose.benchmarks.adaptation`."""

    data: str = "livestock"
    """folder with an animal a folder: NAME/train.json and test.json, or NAME/all.json, in COCO format"""
    out: str = "runs/adaptation"
    """run folder; each configuration has its own in it"""
    config: Literal["small", "full"] = "small"
    """small: about two hours on two processor cores; full: for a GPU"""
    pairs: str = ",".join(PAIRS)
    """SOURCE:TARGET,...; SOURCE may be `synthetic`, which are renderings made here"""
    columns: str = ""
    """columns or ablations, by name; default: all columns, no ablation"""
    ablations: bool = False
    """all ablations as well"""
    seeds: str = ""
    """whole numbers; default: those of the configuration"""
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME.OPTION=VALUE ...")] = ()
    """options of a column; a NAME that is none becomes an ablation"""
    jobs: int = 1
    """cells at once, with as many threads each as that leaves"""
    threads: int = 0
    """of all of them together; 0: as many as there are processors"""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """where to compute"""
    list: bool = False
    """only show the commands"""
    table: bool = False
    """run nothing; the table of what is done"""
    write: str = ""
    """put the tables into this Markdown file, between the configuration's markers; README: the one beside this program"""


def run(options: BenchmarkOptions) -> dict:
    """Run the cells, write results.json and results.md; returns the results."""
    config = CONFIGS[options.config]
    folder = Path(options.out).resolve() / options.config
    pairs = _listed(options.pairs)
    seeds = [_seed(text) for text in _listed(options.seeds)] or list(config.seeds)
    if options.jobs < 1 or options.threads < 0:
        raise OptionError("--jobs of 1 or more, --threads of 0 or more", f"{options.jobs} and {options.threads}")
    columns = columns_of(_listed(options.columns), options.ablations, options.set)

    @cache
    def animals(name: str, common: bool) -> data.Animals:
        if name == data.SYNTHETIC:
            return data.synthetic(folder)
        return data.prepare(Path(options.data), folder, name, config, common)

    plan = build(config, pairs, columns, seeds, animals, options.accelerator)
    runner = Runner(folder, plan, options.jobs, options.threads)
    if options.list:
        _show(runner)
        return {}
    runner.check()
    whole = True if options.table else runner()
    results = {
        "config": options.config,
        "about": config.about,
        "pairs": pairs,
        "seeds": seeds,
        "columns": {
            name: {"title": c.title, "kind": c.kind, "options": dict(c.options)} for name, c in columns.items()
        },
        "command": _typed(),
        "machine": table.machine(options.accelerator, options.jobs, runner.threads),
        **table.collect(folder, plan, pairs, seeds),
        "commands": {name: "zoopose " + shlex.join(c.command) for name, c in plan.cells.items() if c.command},
    }
    text = table.markdown(results)
    table.write_results(folder / "results.json", results)
    table.write_text(folder / "results.md", text)
    log.info("\n%s\n%s", text, folder / "results.json")
    if options.write:
        table.refresh(README if options.write == "README" else Path(options.write), options.config, text)
    if not whole:
        raise OptionError(
            "every cell to end well",
            f"{len(runner.failed)} failed: {', '.join(runner.failed)}",
            "see output.txt in them",
        )
    return results


def _show(runner: Runner) -> None:
    log.info("# in %s", runner.run)
    for cell in runner.plan.cells.values():
        if cell.command:
            log.info("zoopose %s%s", shlex.join(cell.command), "  # done" if runner.done(cell) else "")


def _typed() -> str:
    """The command as typed; of paths, which are one machine's, the last part."""
    words = [
        w if before not in ("--data", "--out", "--write") else Path(w).name
        for before, w in zip(["", *sys.argv], sys.argv)
    ]
    return shlex.join(["python", "-m", "zoopose.benchmarks.adaptation", *words[1:]])


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _seed(text: str) -> int:
    if not text.isdigit():
        raise OptionError("--seeds of whole numbers", repr(text), "--seeds 0,1,2")
    return int(text)


if __name__ == "__main__":
    sys.exit(command(run, BenchmarkOptions, "adaptation", __doc__))
