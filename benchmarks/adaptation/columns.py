"""The columns that are asked for: by name, with the options that --set changes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from zoopose.ccssl.options import CcsslOptions
from zoopose.errors import OptionError
from zoopose.train.options import TrainOptions
from zoopose.wscda.options import PploOptions, WscdaOptions

from .config import ABLATIONS, ADAPTED, CCSSL, COLUMNS, COMPARISONS, ONLINE, Column

OPTIONS = {"train": TrainOptions, "ccssl": CcsslOptions, "wscda": WscdaOptions, "pplo": PploOptions}


def columns_of(
    names: Sequence[str],
    ablations: bool,
    changes: Sequence[str],
    otherwise: Sequence[str] = COMPARISONS[CCSSL].columns,
) -> dict[str, Column]:
    """Columns by name, with the options that --set changes.

    Args:
        names: of columns and ablations, for all pairs; none for those of `otherwise`, of which only some are for far pairs.
        ablations: all ablations as well.
        changes: NAME.OPTION=VALUE; a NAME that is neither is a new ablation.
        otherwise: columns where none are asked for.

    Raises:
        OptionError: an unknown name or option.
    """
    known = dict(COLUMNS)
    for name, options in ABLATIONS.items():
        known[name] = ablation(name, options)
    wanted = list(names) or list(otherwise)
    wanted += [name for name in ABLATIONS if ablations and name not in wanted]
    for change in changes:
        left, equals, value = change.partition("=")
        name, dot, option = left.partition(".")
        if not (equals and dot and name and option):
            raise OptionError("--set NAME.OPTION=VALUE", repr(change), "--set zoopose.share_last=0.6")
        column = known.get(name) or ablation(name, {})
        option = option.replace("-", "_")
        _check_option(column, option)
        known[name] = replace(column, options={**column.options, option: _value(value)})
        if name not in wanted:
            wanted.append(name)
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise OptionError(f"columns out of {', '.join(known)}", repr(name), near[0] if near else "")
    return {name: replace(known[name], named=True) if name in names else known[name] for name in wanted}


def ablated(name: str) -> str:
    """The column that an ablation changes: `online` where its name begins so, otherwise `zoopose`."""
    return ONLINE if name.startswith(f"{ONLINE}_") else ADAPTED


def ablation(name: str, options: Mapping[str, Any]) -> Column:
    """The column that an ablation changes, with other options and one seed."""
    base = COLUMNS[ablated(name)]
    return replace(base, title=name, options={**base.options, **options}, seeds=1, far=False)


def _check_option(column: Column, option: str) -> None:
    command = column.command if column.kind == "adapted" else "train"
    fields = OPTIONS[command].__dataclass_fields__
    if option not in fields and not (option == "steps" and column.kind != "adapted"):
        near = difflib.get_close_matches(option, fields, 1)
        raise OptionError(f"an option of `zoopose {command}`", repr(option), *near)


def _value(text: str) -> Any:
    return {"true": True, "false": False}.get(text.lower(), text)
