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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from zoopose.commandline.flags import flag
from zoopose.commandline.limits import PROCESSES, Limits, check_limits
from zoopose.commandline.parsing import command
from zoopose.errors import OptionError
from zoopose.progress import log

from . import data, far, joined, scores, table, time_to_score
from .columns import columns_of
from .config import CCSSL, COMPARISONS, CONFIGS, PAIRS
from .machine import machine
from .plan import build, seeds_of
from .recipes import DRAWN, SYNTHETIC, Recipes
from .run import Runner, threads_each
from .store import CELLS, Store

README = Path(__file__).with_name("README.md")


@dataclass
class BenchmarkOptions:
    """`python -m zoopose.benchmarks.adaptation`."""

    data: str = "livestock"
    """folder with an animal a folder: NAME/train.json and test.json, or NAME/all.json, in COCO format"""
    out: str = "runs/adaptation"
    """run folder; each configuration has its own in it"""
    config: Literal["small", "scratch", "gpu", "full"] = "small"
    """small: a pre-trained network, for processor cores; scratch: a small network from random weights; gpu: a pre-trained network,
    for a GPU; full: hg as published, for a GPU"""
    comparison: Literal["ccssl", "wscda"] = "ccssl"
    """whose pairs and columns are taken where none are asked for, and whose tables --write changes"""
    pairs: str = ""
    """SOURCE:TARGET,..., or groups of them: main, far; SOURCE may be `synthetic` or `synthetic_tiger`, which are renderings made
    here, or several animals, A+B:TARGET; TARGET may be NAME_third or NAME_upside_down, which are made here too; default: those of
    the comparison"""
    columns: str = ""
    """columns or ablations, by name; default: those of the comparison, no ablation"""
    ablations: bool = False
    """all ablations as well"""
    seeds: str = ""
    """whole numbers, for every column; default: as many as each column has in config.py"""
    set: Annotated[tuple[str, ...], flag(metavar="NAME.OPTION=VALUE ...")] = ()
    """options of a column; a NAME that is none becomes an ablation"""
    jobs: Annotated[int, Limits(1, 512)] = 1
    """cells at once, with as many threads each as that leaves"""
    threads: Annotated[int, PROCESSES] = 0
    """of all of them together; 0: as many as there are processors"""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """where to compute"""
    cells: str = ""
    """folder of the scores of finished cells, JSON files in a folder for each configuration; default: `cells` beside this program.
    A cell whose file is there, of the same options and data, is not run"""
    replace: bool = False
    """run cells again that are there with other options or data, and replace their scores; otherwise they are refused"""
    list: bool = False
    """only show the commands"""
    table: bool = False
    """run nothing; the tables of the scores that are there. --data is not read"""
    write: str = ""
    """put the tables into this Markdown file, between the markers of configuration and comparison; README: the one beside this
    program"""


def run(options: BenchmarkOptions) -> dict:
    """Run the cells, write results.json and results.md; returns the results."""
    check_limits(options)
    config = CONFIGS[options.config]
    folder = Path(options.out).resolve() / options.config
    comparison = COMPARISONS[options.comparison]
    pairs = pairs_of(_listed(options.pairs) or comparison.pairs)
    columns = columns_of(_listed(options.columns), options.ablations, options.set, comparison.columns)
    recipes = Recipes(config, columns)
    if not options.columns:
        recipes = Recipes(config, {name: column for name, column in columns.items() if recipes.has(name)})
    asked = [_seed(text) for text in _listed(options.seeds)]
    runner, whole = None, True
    where = machine(options.accelerator, options.jobs, threads_each(options.threads, options.jobs))
    store = Store((Path(options.cells).resolve() if options.cells else CELLS) / options.config, where)
    if not options.table:
        plan = build(config, pairs, recipes.columns, asked, _animals(options, folder), options.accelerator)
        runner = Runner(folder, plan, options.jobs, options.threads, store)
        if options.list:
            _show(runner)
            return {}
        runner.check(options.replace)
        whole = runner()
    results = _results(options, pairs, asked, recipes, store)
    _write(options, folder, results)
    if runner and not whole:
        raise OptionError(
            "every cell to end well",
            f"{len(runner.failed)} failed: {', '.join(runner.failed)}",
            "see output.txt in them",
        )
    return results


def _results(
    options: BenchmarkOptions, pairs: Sequence[str], asked: Sequence[int], recipes: Recipes, store: Store
) -> dict[str, Any]:
    """What results.json holds: see `scores.collect`."""
    seeds = sorted({seed for column in recipes.columns.values() for seed in seeds_of(column, asked)})
    return {
        "config": options.config,
        "comparison": options.comparison,
        "about": recipes.config.about,
        "pairs": list(pairs),
        "seeds": seeds,
        "columns": {
            name: {"title": c.title, "kind": c.kind, "options": dict(c.options)} for name, c in recipes.columns.items()
        },
        "command": _typed(),
        **scores.collect(store, recipes, pairs, seeds),
        "time_to_score": store.read(time_to_score.NAME),
    }


def _write(options: BenchmarkOptions, folder: Path, results: dict[str, Any]) -> None:
    """results.json, results.md, and the tables of a Markdown file."""
    text = table.markdown(results)
    name = "results" if options.comparison == CCSSL else f"results_{options.comparison}"
    scores.write_results(folder / f"{name}.json", results)
    table.write_text(folder / f"{name}.md", text)
    log.info("\n%s\n%s", text, folder / f"{name}.json")
    for cell, why in results["others"].items():
        log.warning("%s: left out, it was measured with other options: %s", cell, why)
    if options.write:
        place = options.config if options.comparison == CCSSL else f"{options.config} {options.comparison}"
        table.refresh(README if options.write == "README" else Path(options.write), place, text)


def _animals(options: BenchmarkOptions, folder: Path) -> Callable[[str, bool], data.Animals]:
    """(name, with the common joints only) -> files in the run folder."""

    @cache
    def animals(name: str, common: bool) -> data.Animals:
        if name in SYNTHETIC:
            return data.synthetic(folder, name)
        if "+" in name:
            real = [part for part in name.split("+") if part not in DRAWN]
            sets = [animals(part, common) for part in real]
            whole = sets[0] if len(sets) == 1 else joined.join(folder, "+".join(real), sets)
            drawn = CONFIGS[options.config].renderings["pictures"]
            return whole if "+".join(real) == name else joined.with_drawn(whole, name, drawn)
        root = Path(options.data)
        if far.kind_of(name)[0] and not (root / name).is_dir():
            root = far.make(root, folder, name)
        return data.prepare(root, folder, name, CONFIGS[options.config], common)

    return animals


def pairs_of(names: Sequence[str]) -> list[str]:
    """Pairs, with the groups of `PAIRS` written out; each once."""
    return list(dict.fromkeys(pair for name in names for pair in PAIRS.get(name, (name,))))


def _show(runner: Runner) -> None:
    log.info("# in %s", runner.run)
    left = runner.left()
    for cell in runner.plan.cells.values():
        if cell.command:
            log.info("zoopose %s%s", shlex.join(cell.command), "" if cell.name in left else "  # done")


def _typed() -> str:
    """The command as typed; of paths, which are one machine's, the last part."""
    words = [
        w if before not in ("--data", "--out", "--write", "--cells") else Path(w).name
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
