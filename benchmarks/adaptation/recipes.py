"""What makes a cell the cell that it is: its name, and its recipe, which are the numbers of config.py that shape its result.

Both follow from names alone. So the tables can be made on a machine that has no data and no run folder, and a score that was
measured with other numbers is recognised.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zoopose.errors import OptionError
from zoopose.synthetic.make_animals import species_of

from .config import COLUMNS, Column, Config

# drawn here -> what is drawn
SYNTHETIC = {"synthetic": "horse", "synthetic_tiger": "tiger"}
# drawn here to be joined to real animals, in COCO files of TigDog's joints -> what is drawn
DRAWN = {"cow_drawn": "cow", "livestock_drawn": "livestock"}
FREE = ("workers", "accelerator")  # options with one value each that do not shape a result


@dataclass(frozen=True)
class Recipe:
    """A cell's name and numbers.

    Attributes:
        name: of the cell, a folder below `cells` of the run folder, and a file below the committed `cells`.
        numbers: plain data, those of the cells that it starts from included.
    """

    name: str
    numbers: Mapping[str, Any]

    @property
    def key(self) -> str:
        """16 hexadecimal digits of the numbers."""
        return hashlib.sha256(json.dumps(self.numbers, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Recipes:
    """Recipes of the cells of a table.

    Attributes:
        config: sizes and schedules.
        columns: by name; the start of an adaptation is looked for here, then in `COLUMNS`.
    """

    config: Config
    columns: Mapping[str, Column]

    def column(self, name: str) -> Column:
        """A column by name, asked for or not."""
        return self.columns.get(name) or COLUMNS[name]

    def has(self, name: str) -> bool:
        """Whether this configuration has a column."""
        return getattr(self.config, self.column(name).base) is not None

    def first_start(self, name: str) -> str:
        """The source column with which a chain of adaptations begins that ends with the column `name`."""
        while self.column(name).kind == "adapted":
            name = self.column(name).start
        return name

    def source_model(self, name: str, source: str, seed: int) -> Recipe:
        """The network of a source column, which all pairs with this source share."""
        numbers = {"train": source, "options": _spelled(self.source_options(name)), "seed": seed}
        if source in SYNTHETIC:
            numbers["renderings"] = _spelled({"animal": SYNTHETIC[source], **self.config.renderings})
        for drawn in drawn_in(source):
            numbers[f"renderings of {drawn}"] = _spelled(drawing_options(drawn, self.config))
        return Recipe(f"source/{source}-{name.removeprefix('source_')}-seed{seed}", numbers)

    def source_options(self, name: str) -> dict[str, Any]:
        """Options of a source column's training, `steps` among them.

        Raises:
            OptionError: a column that this configuration does not have.
        """
        if not self.has(name):
            raise OptionError("a column of this configuration", repr(name), "another --config or --columns")
        column = self.column(name)
        return {
            **self.config.network,
            **self.config.training,
            **getattr(self.config, column.base),
            **column.options,
        }

    def source_only(self, pair: str, name: str, seed: int) -> Recipe:
        """The score of a source model on a target."""
        source, _ = ends(pair)
        numbers = {"score": self.source_model(name, source, seed).numbers, "target": target_of(pair)}
        return Recipe(f"{folder_of(pair)}/{name}-seed{seed}", numbers)

    def adapted(self, pair: str, name: str, seed: int) -> Recipe:
        """An adaptation."""
        column = self.column(name)
        numbers = {
            column.command: [ends(pair)[0], target_of(pair)],
            "options": _spelled(self.adaptation_options(name)),
            "few": column.few,
            "start": self.start(pair, name, seed).numbers,
            "seed": seed,
        }
        return Recipe(f"{folder_of(pair)}/{name}-seed{seed}", numbers)

    def adaptation_options(self, name: str) -> dict[str, Any]:
        """Options of an adaptation that stand in config.py."""
        column = self.column(name)
        return {**self.config.training, **getattr(self.config, column.base), **column.options}

    def start(self, pair: str, name: str, seed: int) -> Recipe:
        """The cell that an adaptation starts from."""
        first = self.column(name).start
        if self.column(first).kind == "source":
            return self.source_model(first, ends(pair)[0], seed)
        return self.adapted(pair, first, seed)

    def oracle(self, pair: str, name: str, fold: int, seed: int) -> Recipe:
        """One fold of an oracle, which all pairs with this target and these joints share."""
        target = target_of(pair)
        numbers = {
            "train": target,
            "options": _spelled(self.oracle_options(name)),
            "fold": [fold, self.config.folds],
            "seed": seed,
        }
        return Recipe(f"{name}/{target}-fold{fold}-seed{seed}", numbers)

    def oracle_options(self, name: str) -> dict[str, Any]:
        """Options of an oracle's training, `steps` among them."""
        return {**self.config.network, **self.config.training, **self.config.oracle, **self.column(name).options}

    def of(self, pair: str, name: str, seed: int) -> Iterator[Recipe]:
        """Recipes of the scores of a pair, a column and a seed; of an oracle all folds that there may be."""
        kind = self.column(name).kind
        if kind == "oracle":
            yield from (self.oracle(pair, name, fold, seed) for fold in range(self.config.folds_run))
        else:
            yield self.source_only(pair, name, seed) if kind == "source" else self.adapted(pair, name, seed)


def ends(pair: str) -> tuple[str, str]:
    """Source and target of a pair.

    Raises:
        OptionError: a pair that is none.
    """
    source, colon, target = pair.partition(":")
    if not colon or not source or not target or {target} & {*SYNTHETIC, *DRAWN} or "+" in target:
        raise OptionError("pairs SOURCE:TARGET, with a target of real animals", repr(pair), "horse:cattle_a")
    joined = source.split("+")
    if len(joined) > 1 and (not all(joined) or len(set(joined)) < len(joined) or set(SYNTHETIC) & set(joined)):
        raise OptionError("a source of different real animals, joined by +", repr(pair), "horse+cattle_a:cattle_b")
    if joined[0] in DRAWN:
        raise OptionError("a source that begins with real animals", repr(pair), f"horse+{joined[0]}:{target}")
    return source, target


def drawn_in(source: str) -> list[str]:
    """The names of drawn animals in a source whose names are joined by +."""
    return [name for name in source.split("+") if name in DRAWN]


def drawing_options(name: str, config: Config) -> dict[str, Any]:
    """Options of `zoopose data make` for animals of `DRAWN`; of several species as many pictures together as of one."""
    given = dict(config.renderings)
    given["pictures"] = int(given["pictures"]) // len(species_of((DRAWN[name],)))
    return {"animal": DRAWN[name], "individuals": "many", "layout": "coco", **given}


def target_of(pair: str) -> str:
    """Folder of a pair's target below `data`: with the joints of the renderings alone where the source is drawn."""
    source, target = ends(pair)
    return f"{target}_common" if source in SYNTHETIC else target


def folder_of(pair: str) -> str:
    """Folder of a pair's cells."""
    return pair.replace(":", "-")


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first number in which two recipes differ, for a message; empty where they are the same."""
    flat = [_flat(numbers) for numbers in (one, other)]
    for name in [*flat[0], *(n for n in flat[1] if n not in flat[0])]:
        values = [f.get(name, "not set") for f in flat]
        if values[0] != values[1]:
            return f"{name}: {values[0]} there, {values[1]} now"
    return ""


def _flat(numbers: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{before}{name}."))
        else:
            found[f"{before}{name}"] = value
    return found


def _spelled(options: Mapping[str, Any]) -> dict[str, str]:
    """Options as the command line spells them, so that 5 and "5" are one; without those that do not shape a result."""
    found = {}
    for name, value in options.items():
        if value is False or name in FREE:
            continue
        values = value if isinstance(value, tuple | list) else [value]
        found[name] = " ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)
    return found
