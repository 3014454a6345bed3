"""A score and its protocol: what was counted, against which length, at which threshold.

`metrics.json` holds one `Score`; `text_table` prints several side by side. Shares are 0..1 in Python and in JSON,
percent in tables.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..files import atomic_path
from ..pose.skeleton import Skeleton
from .metrics import Pck, Share, group_pck
from .run_folder import RunFolder

# short name, as in `pck@0.05/crop` -> what it is
NORMALISERS: Mapping[str, str] = {
    "crop": "side of the square crop",
    "box": "longer side of the animal's box",
    "diagonal": "diagonal of the picture",
}
NO_JOINTS = "no visible joints"


@dataclass(frozen=True)
class Protocol:
    """How a score was taken.

    Args:
        name: as in the head of a table: `exact/crop`, `published`.
        threshold: share of the normaliser below which a joint is right.
        normaliser: a key of NORMALISERS, or another length in words.
        joints: the joints that were scored, in the skeleton's order.
        pooling: what `mean` is a mean of.
        visible_only: whether joints flagged hidden were left out; otherwise every joint with a label counts.
        data: the data set and split that were scored.
        frames: number of animals that were scored.
        notes: anything else a reader must know to repeat the number, one sentence each.
    """

    name: str
    threshold: float
    normaliser: str
    joints: tuple[str, ...] = ()
    pooling: str = "all joint instances together"
    visible_only: bool = True
    data: str = ""
    frames: int = 0
    notes: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """Name with threshold and normaliser, for logs: `pck@0.05/crop`."""
        return f"pck@{self.threshold:g}/{self.normaliser}"

    def sentence(self, n: int) -> str:
        """One line for under a table; n is the number of joint instances."""
        length = NORMALISERS.get(self.normaliser, self.normaliser)
        counted = "visible joints only" if self.visible_only else "every labelled joint, hidden ones too"
        parts = [
            f"right when closer than {self.threshold:g} x {length}",
            f"{len(self.joints)} kinds of joints, {counted}",
            f"n = {n}" + (f" in {self.frames} pictures" if self.frames else ""),
            f"mean over {self.pooling}",
            *([self.data] if self.data else []),
            *self.notes,
        ]
        return "; ".join(parts)


@dataclass(frozen=True)
class Score:
    """PCK under one protocol.

    Attributes:
        protocol: how it was taken.
        mean: share right, as the protocol pools it; nan when no joint was scored.
        joints: joint name -> (share right, n), nan where n is 0.
        groups: group name -> (share right, n), as in the papers' tables; empty when the skeleton has none.
    """

    protocol: Protocol
    mean: float
    joints: Mapping[str, Share]
    groups: Mapping[str, Share] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Joint instances that were scored."""
        return sum(share.n for share in self.joints.values())

    @classmethod
    def from_pck(cls, score: Pck, skeleton: Skeleton, protocol: Protocol) -> Score:
        """The exact protocols: pooled mean, groups pooled within the group.

        Args:
            score: from `metrics.pck`, joints in the skeleton's order.
            skeleton: gives the names and the groups.
            protocol: its joints are filled in when empty.

        Raises:
            DataError: when the score has another number of joints.
        """
        return cls.from_joints(
            score.pck, score.n, skeleton, protocol, mean=score.mean, groups=group_pck(score, skeleton.groups)
        )

    @classmethod
    def from_joints(
        cls,
        pck: Sequence[float] | np.ndarray,
        n: Sequence[int] | np.ndarray,
        skeleton: Skeleton,
        protocol: Protocol,
        mean: float | None = None,
        groups: Mapping[str, Share] | None = None,
    ) -> Score:
        """A score from per-joint values that were taken elsewhere, such as the published protocol's.

        Args:
            pck: (K,) shares right; ignored where n is 0.
            n: (K,) instances.
            skeleton: gives the names and the groups.
            protocol: its joints are filled in when empty.
            mean: the mean by the protocol; None takes the mean weighted by n.
            groups: the groups by the protocol; None takes means weighted by n.

        Raises:
            DataError: when there are not K values.
        """
        pck, n = np.asarray(pck, float), np.asarray(n, np.int64)
        if pck.shape != (len(skeleton),) or n.shape != pck.shape:
            raise DataError(f"{len(skeleton)} joints of {skeleton.name}", f"pck {pck.shape} and n {n.shape}")
        if not protocol.joints:
            protocol = Protocol(**{**vars(protocol), "joints": skeleton.joints})
        if mean is None:
            mean = _weighted(pck, n).pck
        if groups is None:
            groups = {name: _weighted(pck[list(i)], n[list(i)]) for name, i in skeleton.groups.items()}
        joints = {name: _weighted(pck[k : k + 1], n[k : k + 1]) for k, name in enumerate(skeleton.joints)}
        return cls(protocol, float(mean), joints, dict(groups))

    def to_json(self) -> dict[str, Any]:
        """Plain data for metrics.json; null where nothing was scored."""
        shares = {"joints": self.joints, "groups": self.groups}
        return {
            "protocol": {
                **vars(self.protocol),
                "joints": list(self.protocol.joints),
                "notes": list(self.protocol.notes),
                "n": self.n,
            },
            "mean": _or_none(self.mean),
            **{
                key: {name: {"pck": _or_none(share.pck), "n": int(share.n)} for name, share in found.items()}
                for key, found in shares.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Score:
        """Inverse of `to_json`.

        Raises:
            DataError: when something is missing.
        """
        try:
            protocol = {key: value for key, value in data["protocol"].items() if key in Protocol.__dataclass_fields__}
            for key in ("joints", "notes"):
                protocol[key] = tuple(protocol.get(key, ()))
            joints, groups = (
                {name: Share(_or_nan(share["pck"]), int(share["n"])) for name, share in data.get(key, {}).items()}
                for key in ("joints", "groups")
            )
            return cls(Protocol(**protocol), _or_nan(data["mean"]), joints, groups)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"a score as in {RunFolder.METRICS}: protocol, mean, joints", f"{error!r}") from error


def write_metrics(path: str | Path, obj: Score | Mapping[str, Any]) -> None:
    """Write metrics.json atomically.

    Args:
        path: the file; folders are made.
        obj: a `Score`, or plain data that hold scores and other facts (see `Score.to_json`).

    Raises:
        ValueError: for plain data with nan or infinity, which JSON has not.
    """
    data = obj.to_json() if isinstance(obj, Score) else obj
    text = json.dumps(data, indent=2, allow_nan=False, default=_plain) + "\n"
    with atomic_path(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


def read_metrics(path: str | Path) -> Score:
    """The `Score` of a metrics.json.

    Raises:
        DataError: when the file is missing or holds no score.
    """
    try:
        return Score.from_json(json.loads(Path(path).read_text(encoding="utf-8-sig")))
    except FileNotFoundError as error:
        raise DataError(f"a score at {path}", "no such file", "zoopose test ... --json PATH writes one") from error
    except json.JSONDecodeError as error:
        raise DataError(f"JSON in {path}", str(error)) from error


def text_table(scores: Mapping[str, Score]) -> str:
    """Scores side by side in plain text: joints, then groups, then a line per protocol.

    Args:
        scores: head of the column -> score. Joints and groups may differ; a cell without a value holds '-'.
    """
    head = ["", *[cell for name in scores for cell in (name, "n")]]
    joints = _rows([score.joints for score in scores.values()])
    groups = _rows([score.groups for score in scores.values()])
    mean = [
        "mean",
        *[cell for score in scores.values() for cell in (percent(Share(score.mean, score.n)), str(score.n))],
    ]
    # neighbours with the same instances share one column of n
    rows = [*joints, mean, *groups]
    kept = [i for i in range(len(head)) if i in (0, len(head) - 1) or i % 2 or any(r[i] != r[i + 2] for r in rows)]
    widths = {i: max([len(head[i]), *[len(row[i]) for row in rows if row[1:] != _empty(row)]]) for i in kept}
    widths[0] = max([5, *[len(row[0]) for row in rows]])
    rule = "-" * (sum(widths.values()) + 2 * (len(kept) - 1))

    def block(kind: str, rows: list[list[str]]) -> list[str]:
        return [_line([kind, *head[1:]], widths), rule, *[_line(row, widths) for row in rows]]

    parts = ["PCK in percent; n joints behind the columns on its left", "", *block("joint", joints), rule]
    parts += [_line(mean, widths)]
    if groups:
        parts += ["", *block("group", groups)]
    width = max(map(len, scores), default=0)
    parts += ["", *[f"{name:<{width}}  {score.protocol.sentence(score.n)}" for name, score in scores.items()]]
    return "\n".join(parts) + "\n"


def percent(share: Share | None) -> str:
    """A share as a cell: percent with two decimals, '-' when there is none, words when no joint was scored."""
    if share is None:
        return "-"
    return f"{100 * share.pck:.2f}" if share.n and math.isfinite(share.pck) else NO_JOINTS


def _rows(columns: Sequence[Mapping[str, Share]]) -> list[list[str]]:
    """A row per joint or group: its name, then PCK and n for every score."""
    rows = []
    for name in dict.fromkeys(name for shares in columns for name in shares):
        shares = [column.get(name) for column in columns]
        cells = [cell for share in shares for cell in (percent(share), "-" if share is None else str(share.n))]
        rows.append([name, *cells])
    return rows


def _empty(row: Sequence[str]) -> list[str]:
    """The cells a row of this length has when no score has an instance of it."""
    return [NO_JOINTS, "0"] * ((len(row) - 1) // 2)


def _line(row: Sequence[str], widths: Mapping[int, int]) -> str:
    """A row of the text table: the shown columns; one remark when no score has an instance."""
    name = row[0].ljust(widths[0])
    if len(row) > 1 and list(row[1:]) == _empty(row):
        return f"{name}  {NO_JOINTS}"
    return "  ".join([name, *[row[i].rjust(width) for i, width in widths.items() if i]])


def _weighted(pck: np.ndarray, n: np.ndarray) -> Share:
    total = int(n.sum())
    return Share(float((pck[n > 0] * n[n > 0]).sum() / total) if total else math.nan, total)


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    """What json cannot write by itself: scores, numpy numbers and arrays, paths."""
    if isinstance(value, Score):
        return value.to_json()
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a metrics file")
