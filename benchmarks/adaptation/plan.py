"""From pairs, columns and seeds to cells: run folders, each with a command line, what it waits for and what is measured in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoopose.errors import OptionError
from zoopose.evaluation.run_folder import RunFolder

from .config import COLUMNS, Column, Config
from .data import SYNTHETIC, Animals

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
        convert: renderings to bring into COCO files after the command; drawn: what they are, a key of `data.SYNTHETIC`.
    """

    name: str
    needs: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    measure: Mapping[str, Any] | None = None
    convert: int = 0
    drawn: str = "synthetic"


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

    def add(self, cell: Cell) -> str:
        """Adds a cell that several may need; returns its name."""
        self.cells.setdefault(cell.name, cell)
        return cell.name


def build(
    config: Config,
    pairs: Sequence[str],
    columns: Mapping[str, Column],
    seeds: Sequence[int],
    animals: Callable[[str, bool], Animals],
    accelerator: str = "auto",
) -> Plan:
    """All cells of a table.

    Args:
        config: sizes and schedules.
        pairs: SOURCE:TARGET; SOURCE may be drawn here, such as `synthetic`, or several animals joined by +.
        columns: see `columns_of`.
        seeds: one run of every cell each.
        animals: (name, with the common joints only) -> files.
        accelerator: for every run.

    Raises:
        OptionError: a pair that is none.
    """
    plan = Plan(config, columns=dict(columns), accelerator=accelerator)
    for seed in seeds:
        for pair in pairs:
            source_name, target_name = _ends(pair)
            common = source_name in SYNTHETIC
            source, target = animals(source_name, common), animals(target_name, common)
            for name, column in columns.items():
                make = {"source": _source_only, "adapted": _adapted, "oracle": _oracle}[column.kind]
                plan.scores[pair, name, seed] = make(plan, pair, name, column, source, target, seed)
    return plan


def _ends(pair: str) -> tuple[str, str]:
    """Source and target of a pair.

    Raises:
        OptionError: a pair that is none.
    """
    source, colon, target = pair.partition(":")
    if not colon or not source or not target or target in SYNTHETIC or "+" in target:
        raise OptionError("pairs SOURCE:TARGET, with a target of real animals", repr(pair), "horse:cattle_a")
    joined = source.split("+")
    if len(joined) > 1 and (not all(joined) or len(set(joined)) < len(joined) or set(SYNTHETIC) & set(joined)):
        raise OptionError("a source of different real animals, joined by +", repr(pair), "horse+cattle_a:cattle_b")
    return source, target


def _source_only(
    plan: Plan, pair: str, name: str, column: Column, source: Animals, target: Animals, seed: int
) -> tuple[str, ...]:
    start = _source_model(plan, name, column, source, seed)
    measure = _measure(target, [f"cells/{start}/{column.checkpoint}"], ("all", "held"))
    return (plan.add(Cell(f"{_folder(pair)}/{name}-seed{seed}", (start,), measure=measure)),)


def _source_model(plan: Plan, name: str, column: Column, source: Animals, seed: int) -> str:
    cell = f"source/{source.name}-{name.removeprefix('source_')}-seed{seed}"
    needs = (_renderings(plan, source.name),) if source.name in SYNTHETIC else ()
    count = source.counts.get(source.train) or round(0.8 * plan.config.renderings["pictures"])
    options = {
        "dataset": f"coco:{source.train}",
        "valid": f"coco:{source.valid}",
        **_hidden(source),
        **_of_training(plan, count, {**plan.config.source, **column.options}, seed),
    }
    return plan.add(Cell(cell, needs, words("train", options, cell)))


def _adapted(
    plan: Plan, pair: str, name: str, column: Column, source: Animals, target: Animals, seed: int
) -> tuple[str, ...]:
    start = _start(plan, pair, column.start, source, target, seed)
    cell = f"{_folder(pair)}/{name}-seed{seed}"
    options = {
        LABELLED[column.command]: f"coco:{source.train}",
        "valid": f"coco:{source.valid}",
        "target": f"coco:{target.target}",
        "resume": f"cells/{start}/{RunFolder.BEST}",
        **_framing(plan, pair, column, source, target, seed),
        # the published adaptation learns hidden joints of renderings as it does visible ones
        **({} if column.options.get("protocol") == "published" else _hidden(source)),
        **plan.config.training,
        **getattr(plan.config, column.base),
        **column.options,
        "seed": seed,
        "accelerator": plan.accelerator,
    }
    names = [column.checkpoint, *(n for n in (RunFolder.BEST, RunFolder.LAST) if n != column.checkpoint)]
    checkpoints = [*(f"cells/{cell}/{n}" for n in names), f"cells/{cell}/checkpoint_*.pth.tar"]
    measure = {
        **_measure(target, checkpoints, ("all", "held")),
        "start": f"cells/{start}/{RunFolder.BEST}",
        "labels": f"cells/{cell}",
        "labelled": target.target,
    }
    if options.get("probe"):
        measure["domains"] = {"folder": f"cells/{cell}", "valid": source.valid}
    return (plan.add(Cell(cell, (start,), words(column.command, options, cell), measure)),)


def _framing(plan: Plan, pair: str, column: Column, source: Animals, target: Animals, seed: int) -> dict[str, str]:
    """Who chooses the framing of CC-SSL after another adaptation, which has seen the target as it is cropped: the source model."""
    name = column.start
    while (first := plan.columns.get(name) or COLUMNS[name]).kind == "adapted":
        name = first.start
    if column.command != "ccssl" or name == column.start:
        return {}
    return {"framing_from": f"cells/{_start(plan, pair, name, source, target, seed)}/{RunFolder.BEST}"}


def _start(plan: Plan, pair: str, name: str, source: Animals, target: Animals, seed: int) -> str:
    """The cell that an adaptation starts from, with what comes before it: a source model, or the adaptation of another column."""
    column = plan.columns.get(name) or COLUMNS[name]
    if column.kind == "source":
        return _source_model(plan, name, column, source, seed)
    (cell,) = _adapted(plan, pair, name, column, source, target, seed)
    return cell


def _oracle(
    plan: Plan, pair: str, name: str, column: Column, source: Animals, target: Animals, seed: int
) -> tuple[str, ...]:
    cells = []
    for number, (train, check, part) in enumerate(target.folds):
        cell = f"{name}/{target.name}-fold{number}-seed{seed}"
        options = {
            "dataset": f"coco:{train}",
            "valid": f"coco:{check}",
            **_of_training(plan, target.counts[train], {**plan.config.oracle, **column.options}, seed),
        }
        measure = _measure(target, [f"cells/{cell}/{column.checkpoint}"], (part,), {part: "held"})
        cells.append(plan.add(Cell(cell, (), words("train", options, cell), measure)))
    return tuple(cells)


def _renderings(plan: Plan, name: str) -> str:
    options = {"out": f"data/{name}", "domain": "source", "animal": SYNTHETIC[name], **plan.config.renderings}
    count = int(plan.config.renderings["pictures"])
    cell = f"{DRAW}{name.removeprefix('synthetic')}"
    return plan.add(Cell(cell, (), words("data make", options), convert=count, drawn=name))


def _hidden(source: Animals) -> dict[str, Any]:
    """What a renderer knows of hidden joints nobody can see: as for other renderings, they are not learnt."""
    return {"hidden": "ignore"} if source.name in SYNTHETIC else {}


def _of_training(plan: Plan, count: int, options: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Options of `zoopose train`, with steps turned into epochs of `count` pictures."""
    found = {**plan.config.network, **plan.config.training, **options}
    epochs = max(1, round(int(found.pop("steps")) / math.ceil(count / int(found["train_batch"]))))
    if "schedule" in found:
        found["schedule"] = tuple(round(share * epochs) for share in found["schedule"])
    return {**found, "epochs": epochs, "seed": seed, "accelerator": plan.accelerator}


def _measure(
    target: Animals, checkpoints: Sequence[str], parts: Sequence[str], names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    names = names or {}
    return {
        "scored": target.scored,
        "parts_of": target.parts,
        "parts": {names.get(part, part): part for part in parts},
        "checkpoints": list(checkpoints),
    }


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


def _folder(pair: str) -> str:
    return pair.replace(":", "-")
