"""Benchmark of adaptation: source-only, adapted (CC-SSL, WS-CDA, PPLO) and oracle networks on pairs of animals. One command makes
the whole table.

Examples:

    python -m zoopose.benchmarks.adaptation --data livestock

    python -m zoopose.benchmarks.adaptation --data livestock --comparison wscda

    python -m zoopose.benchmarks.adaptation --data livestock --seeds 1,2 --columns published,zoopose --jobs 2

    python -m zoopose.benchmarks.adaptation --data livestock --pairs horse:goat,cattle_a:sheep --set wide.view_scale=0.4

It can be stopped at any time; the same command goes on. What is done is kept, whatever is asked for next: run it with other
--seeds, --columns or --pairs later, and with all of them and --table to see them together.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from zoopose.commandline.flags import flag
from zoopose.commandline.limits import PROCESSES, Limits, check_limits
from zoopose.commandline.parsing import command
from zoopose.errors import OptionError
from zoopose.progress import log

from . import data, far, joined, scores, table
from .columns import columns_of
from .config import CCSSL, COMPARISONS, CONFIGS, WSCDA, Column
from .plan import build
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
    comparison: Literal["ccssl", "wscda"] = "ccssl"
    """whose pairs and columns are taken where none are asked for; and whose tables --write changes: those of WS-CDA also where a
    column of it is asked for"""
    pairs: str = ""
    """SOURCE:TARGET,...; SOURCE may be `synthetic` or `synthetic_tiger`, which are renderings made here, or several animals,
    A+B:TARGET; TARGET may be NAME_third or NAME_upside_down, which are made here too; default: those of the comparison"""
    columns: str = ""
    """columns or ablations, by name; default: those of the comparison, no ablation"""
    ablations: bool = False
    """all ablations as well"""
    seeds: str = ""
    """whole numbers; default: those of the configuration"""
    set: Annotated[tuple[str, ...], flag(metavar="NAME.OPTION=VALUE ...")] = ()
    """options of a column; a NAME that is none becomes an ablation"""
    jobs: Annotated[int, Limits(1, 512)] = 1
    """cells at once, with as many threads each as that leaves"""
    threads: Annotated[int, PROCESSES] = 0
    """of all of them together; 0: as many as there are processors"""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """where to compute"""
    list: bool = False
    """only show the commands"""
    table: bool = False
    """run nothing; the table of what is done"""
    write: str = ""
    """put the tables into this Markdown file, between the markers of configuration and comparison; README: the one beside this
    program"""


def run(options: BenchmarkOptions) -> dict:
    """Run the cells, write results.json and results.md; returns the results."""
    check_limits(options)
    config = CONFIGS[options.config]
    folder = Path(options.out).resolve() / options.config
    pairs = _listed(options.pairs) or list(COMPARISONS[options.comparison].pairs)
    seeds = [_seed(text) for text in _listed(options.seeds)] or list(config.seeds)
    wanted = _listed(options.columns) or COMPARISONS[options.comparison].columns
    columns = columns_of(wanted, options.ablations, options.set)
    comparison = compared(options.comparison, columns)

    @cache
    def animals(name: str, common: bool) -> data.Animals:
        if name in data.SYNTHETIC:
            return data.synthetic(folder, name)
        if "+" in name:
            return joined.join(folder, name, [animals(part, common) for part in name.split("+")])
        root = Path(options.data)
        if far.kind_of(name)[0] and not (root / name).is_dir():
            root = far.make(root, folder, name)
        return data.prepare(root, folder, name, config, common)

    plan = build(config, pairs, columns, seeds, animals, options.accelerator)
    runner = Runner(folder, plan, options.jobs, options.threads)
    if options.list:
        _show(runner)
        return {}
    runner.check()
    whole = True if options.table else runner()
    results = {
        "config": options.config,
        "comparison": comparison,
        "about": config.about,
        "pairs": pairs,
        "seeds": seeds,
        "columns": {
            name: {"title": c.title, "kind": c.kind, "options": dict(c.options)} for name, c in columns.items()
        },
        "command": _typed(),
        "machine": table.machine(options.accelerator, options.jobs, runner.threads),
        **scores.collect(folder, plan, pairs, seeds),
        "commands": {name: "zoopose " + shlex.join(c.command) for name, c in plan.cells.items() if c.command},
    }
    text = table.markdown(results)
    name = "results" if comparison == CCSSL else f"results_{comparison}"
    scores.write_results(folder / f"{name}.json", results)
    table.write_text(folder / f"{name}.md", text)
    log.info("\n%s\n%s", text, folder / f"{name}.json")
    if options.write:
        place = options.config if comparison == CCSSL else f"{options.config} {comparison}"
        table.refresh(README if options.write == "README" else Path(options.write), place, text)
    if not whole:
        raise OptionError(
            "every cell to end well",
            f"{len(runner.failed)} failed: {', '.join(runner.failed)}",
            "see output.txt in them",
        )
    return results


def compared(asked: str, columns: Mapping[str, Column]) -> str:
    """The comparison that columns belong to: that of WS-CDA, so that the tables of CC-SSL stay, where one of them is its own."""
    own = any(column.kind == "adapted" and column.command != "ccssl" for column in columns.values())
    return WSCDA if own else asked


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
