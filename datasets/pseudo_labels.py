"""Pseudo-labels of one round, in one HDF5 file: predictions on unlabelled pictures, and which of them are admitted to training."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import DataError
from ..pose.checkpoint_schema import parse_skeleton
from ..pose.schema import Mismatch, any_value, integer, mapping_of, number, record, string
from ..pose.skeleton import Skeleton
from .hdf5_file import array_of, decode_texts, encode_text, read_hdf5, sealed_hdf5
from .isolated_reader import UnreadableFileError

FORMAT = "zoopose pseudo-labels 2"

CHECKS = ("invariance", "equivariance", "temporal")  # the consistencies of CC-SSL, section 3
# label files store the index of a reason: a new one goes to the end
REASONS = ("admitted", "unreadable", "invariance", "equivariance", "temporal", "support", "share")


@dataclass
class PseudoLabels:
    """N frames, K joints.

    Attributes:
        ids: N texts, `meta["id"]` of the frames.
        xy_px: (N, K, 2) float32, picture px; NaN where a frame could not be read.
        confidence: (N, K) float32; 0 where there is no label.
        admitted: (N, K) bool: used for training in this round.
        agreement_px: (N, K) float32, mean distance of the joints of all views from the label, px of the crop.
        carried: (N, K) bool: the label comes from the neighbouring frame, by optical flow. Its agreement, peak and checks are those
            of the label that it comes from, decayed.
        skeleton: the joints.
        crop_px: (N,) float32, crop pixels per picture pixel of every frame; 0 where a frame could not be read.
        facts: plain data on how the labels were made: round, share, views, fingerprint of the network, ...
        peak: (N, K) float32, height of the peak of the averaged map; `confidence` where that is nothing else.
        checks: name of `CHECKS` -> (N, K) float32 disagreement, px of the crop; NaN where there is none. `temporal` of a carried
            label is its distance from the label that it replaced.
        reason: (N, K) uint8, index into `REASONS`: why a label is admitted or not. `invariance`, `equivariance`, `temporal`: that
            check exceeds its limit; `support`: admitted before, and no longer confident enough in this round; `share`: less
            confident than the share of the labels that the round admits.
        score: (N, K) float32; methods that hold labels over several rounds choose between an old and a new label by it: the
            higher the better. NaN where there is no label; None for other methods.
        replaced: (N, K) bool, for such methods: admitted in the round before, and another label now.
    """

    ids: list[str]
    xy_px: np.ndarray
    confidence: np.ndarray
    admitted: np.ndarray
    agreement_px: np.ndarray
    carried: np.ndarray
    skeleton: Skeleton
    facts: dict[str, Any] = field(default_factory=dict)
    crop_px: np.ndarray | None = None
    peak: np.ndarray | None = None
    checks: dict[str, np.ndarray] = field(default_factory=dict)
    reason: np.ndarray | None = None
    score: np.ndarray | None = None
    replaced: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.peak is None:
            self.peak = np.asarray(self.confidence, np.float32)
        if self.reason is None:
            self.reason = np.where(self.admitted, REASONS.index("admitted"), REASONS.index("share")).astype(np.uint8)

    def write(self, path: str | Path) -> None:
        """Writes the file at once or not at all, with a seal, see `pose.seal`."""
        with sealed_hdf5(path) as file:
            file.attrs["format"] = FORMAT
            file.attrs["skeleton"] = json.dumps(self.skeleton.to_dict())
            file.attrs["facts"] = json.dumps(self.facts)
            file.create_dataset("frame_ids", data=[encode_text(i) for i in self.ids], dtype=h5py.string_dtype())
            file.create_dataset("xy", data=self.xy_px.astype(np.float32))
            file.create_dataset("confidence", data=self.confidence.astype(np.float32))
            file.create_dataset("admitted", data=self.admitted.astype(bool))
            file.create_dataset("agreement_px", data=self.agreement_px.astype(np.float32))
            file.create_dataset("carried", data=self.carried.astype(bool))
            file.create_dataset("peak", data=np.asarray(self.peak, np.float32))
            file.create_dataset("reason", data=np.asarray(self.reason, np.uint8))
            checks = file.create_group("checks")
            for name, disagreement in self.checks.items():
                checks.create_dataset(name, data=disagreement.astype(np.float32))
            if self.crop_px is not None:
                file.create_dataset("crop_px", data=self.crop_px.astype(np.float32))
            if self.score is not None:
                file.create_dataset("score", data=self.score.astype(np.float32))
            if self.replaced is not None:
                file.create_dataset("replaced", data=self.replaced.astype(bool))

    def remove_drift(self, anchor: PseudoLabels) -> np.ndarray:
        """Subtracts the common movement of all labels since an earlier round.

        A network that is trained on its own predictions can drift: mirrored views keep it from moving left or right, but not up or
        down. So the labels of all frames move together, a little more every round. Single labels may move; their median may not.

        Args:
            anchor: labels of the same frames in the first round; those that it admitted are compared.

        Returns:
            (2,) the median movement that was subtracted, px of the crop.
        """
        both = anchor.admitted & (self.confidence > 0) & np.isfinite(self.xy_px + anchor.xy_px).all(-1)
        if self.crop_px is None or not both.any():
            return np.zeros(2)
        scale = self.crop_px[:, None, None]
        drift: np.ndarray = np.median(((self.xy_px - anchor.xy_px) * scale)[both], 0)
        self.xy_px = (self.xy_px - drift / np.maximum(scale, 1e-6)).astype(np.float32)
        return drift

    @classmethod
    def read(cls, path: str | Path) -> PseudoLabels:
        """Reads a file written by `write`.

        Raises:
            DataError: there is no such file, or it is of another format or damaged.
        """
        path = Path(path)
        remedy = "run the adaptation again, which makes labels anew that are missing or damaged"
        if not path.is_file():
            raise DataError("a file of pseudo-labels", f"no file {path}", remedy)
        try:
            attrs, data = read_hdf5(path)
            if attrs.get("format") != FORMAT:
                raise DataError(f"a file marked {FORMAT!r}", f"{path} marked {attrs.get('format')!r}", remedy)
            return _labels_of(attrs, data)
        except (UnreadableFileError, LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DataError("a whole file of pseudo-labels", f"{path}: {error}", remedy) from error


_FACTS = record(
    {},
    {
        "round": integer(0),
        "network": string(),
        "mark": string(),
        "ranked_by": string(),
        "calibration": mapping_of(any_value),
        "framing": record({"zoom": number(0.01, 100), "shift": number(-10, 10)}),
        "changed": number(nan=True),
    },
)


def _labels_of(attrs: dict[str, Any], data: dict[str, Any]) -> PseudoLabels:
    """Labels from the contents of a file.

    Raises:
        LookupError: an entry is missing. ValueError, TypeError: an entry has another type, shape or range.
    """
    skeleton = parse_skeleton(json.loads(attrs["skeleton"]))
    facts = json.loads(attrs["facts"])
    _FACTS(facts, "facts")
    ids = decode_texts(data["frame_ids"])
    n, k = len(ids), len(skeleton)
    joints, pairs = (n, k), (n, k, 2)
    optional: dict[str, np.ndarray | None] = {
        name: array_of(data, name, shape, kind) if name in data else None
        for name, shape, kind in (
            ("crop_px", (n,), np.floating),
            ("score", joints, np.floating),
            ("replaced", joints, np.bool_),
        )
    }
    checks = [name.partition("/")[2] for name in data if name.startswith("checks/")]
    reason = array_of(data, "reason", joints, np.uint8)
    if reason.max(initial=0) >= len(REASONS):
        raise Mismatch("reason", f"numbers below {len(REASONS)}", int(reason.max()))
    return PseudoLabels(
        ids=ids,
        skeleton=skeleton,
        facts=facts,
        xy_px=array_of(data, "xy", pairs, np.floating),
        confidence=array_of(data, "confidence", joints, np.floating),
        admitted=array_of(data, "admitted", joints, np.bool_),
        agreement_px=array_of(data, "agreement_px", joints, np.floating),
        carried=array_of(data, "carried", joints, np.bool_),
        peak=array_of(data, "peak", joints, np.floating),
        reason=reason,
        checks={name: array_of(data, f"checks/{name}", joints, np.floating) for name in checks},
        crop_px=optional["crop_px"],
        score=optional["score"],
        replaced=optional["replaced"],
    )
