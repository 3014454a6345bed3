"""From pairs, columns and seeds to cells: run folders, each with a command line, what it waits for and what is measured in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoopose.evaluation.run_folder import RunFolder

from .config import PAIRS, Column, Config
from .data import Animals
from .few import few_labels
from .recipes import SYNTHETIC, Recipe, Recipes, drawing_options, ends

DRAW = "renderings"
LABELLED = {"ccssl": "source", "wscda": "source", "pplo": "source"}  # command -> its option for labelled animals


@dataclass(frozen=True)
class Cell:
    """One run folder.

    Attributes:
        name: folder below `cells`.
        needs: names of cells that come first.
        command: words of a `zoopose` command; none where a network of another cell is scored.
        measure: what `measure` does with it, plain data; none for what is only a start.
        convert: renderings to bring into COCO files after the command; drawn: what they are, a key of `SYNTHETIC`.
        recipe: the numbers that shape its result.
        data: files of real animals that it reads, below the run folder.
        folds: oracles whose scores are pooled with this one's, itself included.
    """

    name: str
    needs: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    measure: Mapping[str, Any] | None = None
    convert: int = 0
    drawn: str = "synthetic"
    recipe: Recipe | None = None
    data: tuple[str, ...] = ()
    folds: int = 1


@dataclass
class Plan:
    """Cells by name, in an order in which they can run, and where in the table they belong.

    Attributes:
        scores: (pair, column, seed) -> the cells whose joints are pooled to that score.
    """

    config: Config
    cells: dict[str, Cell] = field(default_factory=dict)
    scores: dict[tuple[str, str, int], tuple[str, ...]] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    accelerator: str = "auto"

    @property
    def recipes(self) -> Recipes:
        """Names and numbers of its cells."""
        return Recipes(self.config, self.columns)

    def add(self, cell: Cell) -> str:
        """Adds a cell that several may need; returns its name."""
        self.cells.setdefault(cell.name, cell)
        return cell.name


def _fits(column: Column, pair: str, target: Animals) -> bool:
    """Whether a column that nobody has asked for by name is run on a pair: not every column on a far pair, and none that needs more
    labelled pictures than an oracle learns from."""
    return (column.far or pair not in PAIRS["far"]) and column.few <= target.counts[target.folds[0][0]]


@dataclass(frozen=True)
class _Place:
    """Where in the table: files of source and target, and names."""

    pair: str
    source: Animals
    target: Animals
    seed: int


def seeds_of(column: Column, asked: Sequence[int]) -> tuple[int, ...]:
    """The seeds of a column: those that are asked for, else its own."""
    return tuple(asked) or tuple(range(column.seeds))


def build(
    config: Config,
    pairs: Sequence[str],
    columns: Mapping[str, Column],
    seeds: Sequence[int],
    animals: Callable[[str, bool], Animals],
    accelerator: str = "auto",
) -> Plan:
    """All cells of a table, one seed after the other; of a seed first the cells that others need.

    Args:
        config: sizes and schedules.
        pairs: SOURCE:TARGET; SOURCE may be drawn here, such as `synthetic`, or several animals joined by +.
        columns: see `columns_of`.
        seeds: one run of every cell each; none: as many as each column has by itself.
        animals: (name, with the common joints only) -> files.
        accelerator: for every run.

    Raises:
        OptionError: a pair that is none.
    """
    plan = Plan(config, columns=dict(columns), accelerator=accelerator)
    by_seed: list[list[str]] = []
    for seed in sorted({s for column in columns.values() for s in seeds_of(column, seeds)}):
        before = set(plan.cells)
        for pair in pairs:
            source_name, target_name = ends(pair)
            common = source_name in SYNTHETIC
            place = _Place(pair, animals(source_name, common), animals(target_name, common), seed)
            for name, column in columns.items():
                if seed in seeds_of(column, seeds) and (column.named or _fits(column, pair, place.target)):
                    make = {"source": _source_only, "adapted": _adapted, "oracle": _oracle}[column.kind]
                    plan.scores[pair, name, seed] = make(plan, name, column, place)
        by_seed.append([name for name in plan.cells if name not in before])
    needed = {name for cell in plan.cells.values() if cell.command for name in cell.needs}
    order = [name for names in by_seed for first in (True, False) for name in names if (name in needed) == first]
    plan.cells = {name: plan.cells[name] for name in order}
    return plan


def _source_only(plan: Plan, name: str, column: Column, place: _Place) -> tuple[str, ...]:
    start = _source_model(plan, name, place)
    recipe = plan.recipes.source_only(place.pair, name, place.seed)
    measure = _measure(place.target, [f"cells/{start}/{column.checkpoint}"])
    return (plan.add(Cell(recipe.name, (start,), measure=measure, recipe=recipe, data=_files(place))),)


def _source_model(plan: Plan, name: str, place: _Place) -> str:
    source = place.source
    recipe = plan.recipes.source_model(name, source.name, place.seed)
    needs = (_renderings(plan, source.name),) if source.name in SYNTHETIC else ()
    needs += tuple(_drawing(plan, drawn) for drawn in source.drawn)
    count = source.counts.get(source.train) or round(0.8 * plan.config.renderings["pictures"])
    options = {
        "dataset": f"coco:{source.train}",
        "valid": f"coco:{source.valid}",
        **_hidden(source),
        **of_training(plan.accelerator, count, plan.recipes.source_options(name), place.seed),
    }
    return plan.add(Cell(recipe.name, needs, words("train", options, recipe.name), recipe=recipe))


def _adapted(plan: Plan, name: str, column: Column, place: _Place) -> tuple[str, ...]:
    source, target = place.source, place.target
    recipe = plan.recipes.adapted(place.pair, name, place.seed)
    start, cell = _start(plan, column.start, place), recipe.name
    few = few_labels(target, column.few, place.seed) if column.few else None
    alone = bool(column.options.get("no_source"))  # from a checkpoint and target pictures
    options = {
        **({} if alone else {LABELLED[column.command]: f"coco:{source.train}", "valid": f"coco:{source.valid}"}),
        "target": f"coco:{target.target}",
        **({"target_labels": f"coco:{few[0]}"} if few else {}),
        "resume": f"cells/{start}/{RunFolder.BEST}",
        **_framing(plan, column, place),
        # the published adaptation learns hidden joints of renderings as it does visible ones
        **({} if alone or column.options.get("protocol") == "published" else _hidden(source)),
        **plan.recipes.adaptation_options(name),
        "seed": place.seed,
        "accelerator": plan.accelerator,
    }
    names = [column.checkpoint, *(n for n in (RunFolder.BEST, RunFolder.LAST) if n != column.checkpoint)]
    checkpoints = [*(f"cells/{cell}/{n}" for n in names), f"cells/{cell}/checkpoint_*.pth.tar"]
    measure = {
        **_measure(target, checkpoints),
        "start": f"cells/{start}/{RunFolder.BEST}",
        "labels": f"cells/{cell}",
        "labelled": target.target,
    }
    if few:
        measure["parts_of"] = few[1]
    if options.get("probe"):
        measure["domains"] = {"folder": f"cells/{cell}", "valid": source.valid}
    line = words(column.command, options, cell)
    return (plan.add(Cell(cell, (start,), line, measure, recipe=recipe, data=_files(place))),)


def _framing(plan: Plan, column: Column, place: _Place) -> dict[str, str]:
    """Who chooses the framing of CC-SSL after another adaptation, which has seen the target as it is cropped: the source model."""
    first = plan.recipes.first_start(column.start)
    if column.command != "ccssl" or first == column.start:
        return {}
    return {"framing_from": f"cells/{_start(plan, first, place)}/{RunFolder.BEST}"}


def _start(plan: Plan, name: str, place: _Place) -> str:
    """The cell that an adaptation starts from, with what comes before it: a source model, or the adaptation of another column."""
    column = plan.recipes.column(name)
    if column.kind == "source":
        return _source_model(plan, name, place)
    (cell,) = _adapted(plan, name, column, place)
    return cell


def _oracle(plan: Plan, name: str, column: Column, place: _Place) -> tuple[str, ...]:
    cells, target = [], place.target
    for number, (train, check, part) in enumerate(target.folds):
        recipe = plan.recipes.oracle(place.pair, name, number, place.seed)
        options = {
            "dataset": f"coco:{train}",
            "valid": f"coco:{check}",
            **of_training(plan.accelerator, target.counts[train], plan.recipes.oracle_options(name), place.seed),
        }
        measure = _measure(target, [f"cells/{recipe.name}/{column.checkpoint}"], {"held": part})
        line, files = words("train", options, recipe.name), (train, target.scored, target.parts)
        cells.append(plan.add(Cell(recipe.name, (), line, measure, recipe=recipe, data=files, folds=len(target.folds))))
    return tuple(cells)


def _renderings(plan: Plan, name: str) -> str:
    options = {"out": f"data/{name}", "domain": "source", "animal": SYNTHETIC[name], **plan.config.renderings}
    count = int(plan.config.renderings["pictures"])
    cell = f"{DRAW}{name.removeprefix('synthetic')}"
    return plan.add(Cell(cell, (), words("data make", options), convert=count, drawn=name))


def _drawing(plan: Plan, name: str) -> str:
    options = {"out": f"data/{name}", "domain": "source", **drawing_options(name, plan.config)}
    return plan.add(Cell(f"{DRAW}_{name}", (), words("data make", options)))


def _hidden(source: Animals) -> dict[str, Any]:
    """What a renderer knows of hidden joints nobody can see: as for other renderings, they are not learnt."""
    return {"hidden": "ignore"} if source.name in SYNTHETIC else {}


def of_training(accelerator: str, count: int, options: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Options of `zoopose train`, with steps turned into epochs of `count` pictures."""
    found = dict(options)
    epochs = max(1, round(int(found.pop("steps")) / math.ceil(count / int(found["train_batch"]))))
    if "schedule" in found:
        found["schedule"] = tuple(round(share * epochs) for share in found["schedule"])
    return {**found, "epochs": epochs, "seed": seed, "accelerator": accelerator}


def _measure(target: Animals, checkpoints: Sequence[str], parts: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What to measure; `parts`: name -> part of the target's scored pictures."""
    return {
        "scored": target.scored,
        "parts_of": target.parts,
        "parts": dict(parts or {"all": "all", "held": "held"}),
        "checkpoints": list(checkpoints),
    }


def _files(place: _Place) -> tuple[str, ...]:
    """The files of real animals that decide about a score."""
    train = place.source.train.partition("+coco:")[0]  # what is drawn follows from its options
    source = () if place.source.name in SYNTHETIC else (train, place.source.valid)
    return (*source, place.target.target, place.target.scored, place.target.parts)


def words(command: str, options: Mapping[str, Any], cell: str = "") -> tuple[str, ...]:
    """A command line: True is a flag alone, False none, a tuple several words."""
    line = command.split()
    if cell:
        options = {**options, "checkpoint": f"cells/{cell}"}
    for name, value in options.items():
        if value is False:
            continue
        line.append("--" + name.replace("_", "-"))
        if value is not True:
            line += [
                f"{v:g}" if isinstance(v, float) else str(v) for v in (value if isinstance(value, tuple) else [value])
            ]
    return tuple(line)
