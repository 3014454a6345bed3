"""Pseudo-labels of one round, in one HDF5 file: what a network believes about pictures nobody labelled, and what was admitted."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import DataError
from ..pose.atomic import atomic_path
from ..pose.skeleton import Skeleton

FORMAT = "zoopose pseudo-labels 2"

CHECKS = ("invariance", "equivariance", "temporal")  # the consistencies of CC-SSL, section 3
REASONS = ("admitted", "unreadable", *CHECKS, "support", "share")


@dataclass
class PseudoLabels:
    """N frames, K joints.

    Attributes:
        ids: N texts, `meta["id"]` of the frames.
        xy_px: (N, K, 2) float32, picture px; NaN where a frame could not be read.
        confidence: (N, K) float32, 0 where there is none.
        admitted: (N, K) bool: trained on in this round.
        agreement_px: (N, K) float32, mean distance of all views' joints from the label, px of the crop.
        carried: (N, K) bool: taken over from the neighbouring frame by optical flow. Its agreement, peak and checks of views are
            those of the label that it comes from, decayed.
        skeleton: the joints.
        crop_px: (N,) float32, crop pixels per picture pixel of every frame, 0 where a frame could not be read.
        facts: plain data on how they were made: round, share, views, fingerprint of the network, ...
        peak: (N, K) float32, height of the averaged map's peak; `confidence` where nothing else went into that.
        checks: for every name of `CHECKS` that was made, (N, K) float32 disagreement, px of the crop; NaN where there is none.
            `temporal` of a carried label is how far the label that it replaced lay from it.
        reason: (N, K) uint8, index into `REASONS`: why a label is admitted or not. `invariance`, `equivariance`, `temporal`: that
            check misses by more than its limit; `support`: admitted before, and no longer confident enough for this round;
            `share`: less confident than the share of the labels that the round admits.
        score: (N, K) float32, by which a method that keeps labels over rounds compares an old and a new one, the higher the better;
            NaN where there is none. None for a method that does not.
        replaced: (N, K) bool, for such a method: admitted in the round before, and another label now.
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

    def __post_init__(self):
        if self.peak is None:
            self.peak = np.asarray(self.confidence, np.float32)
        if self.reason is None:
            self.reason = np.where(self.admitted, REASONS.index("admitted"), REASONS.index("share")).astype(np.uint8)

    def write(self, path: str | Path) -> None:
        """Write the file whole or not at all."""
        with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
            file.attrs["format"] = FORMAT
            file.attrs["skeleton"] = json.dumps(self.skeleton.to_dict())
            file.attrs["facts"] = json.dumps(self.facts)
            file.create_dataset("frame_ids", data=[i.encode() for i in self.ids], dtype=h5py.string_dtype())
            file.create_dataset("xy", data=self.xy_px.astype(np.float32))
            file.create_dataset("confidence", data=self.confidence.astype(np.float32))
            file.create_dataset("admitted", data=self.admitted.astype(bool))
            file.create_dataset("agreement_px", data=self.agreement_px.astype(np.float32))
            file.create_dataset("carried", data=self.carried.astype(bool))
            file.create_dataset("peak", data=self.peak.astype(np.float32))
            file.create_dataset("reason", data=self.reason.astype(np.uint8))
            checks = file.create_group("checks")
            for name, disagreement in self.checks.items():
                checks.create_dataset(name, data=disagreement.astype(np.float32))
            if self.crop_px is not None:
                file.create_dataset("crop_px", data=self.crop_px.astype(np.float32))
            if self.score is not None:
                file.create_dataset("score", data=self.score.astype(np.float32))
            if self.replaced is not None:
                file.create_dataset("replaced", data=self.replaced.astype(bool))

    def hold(self, anchor: PseudoLabels) -> np.ndarray:
        """Take back what all labels have moved together since an earlier round.

        A network that learns its own labels is held in place by nothing: mirrored views tie down left and right, but nothing up and
        down, and the labels of all frames wander off together, a little more every round. Each may move; their median may not.

        Args:
            anchor: the first round's labels of the same frames; those it admitted are compared.

        Returns:
            (2,) the median move that was taken back, px of the crop.
        """
        both = anchor.admitted & (self.confidence > 0) & np.isfinite(self.xy_px + anchor.xy_px).all(-1)
        if self.crop_px is None or not both.any():
            return np.zeros(2)
        scale = self.crop_px[:, None, None]
        drift = np.median(((self.xy_px - anchor.xy_px) * scale)[both], 0)
        self.xy_px = (self.xy_px - drift / np.maximum(scale, 1e-6)).astype(np.float32)
        return drift

    @classmethod
    def read(cls, path: str | Path) -> PseudoLabels:
        """Read a file written by `write`.

        Raises:
            DataError: no such file, or not such a file.
        """
        path = Path(path)
        remedy = "run the adaptation again; it makes the round's labels anew"
        if not path.is_file():
            raise DataError("a file of pseudo-labels", f"no file {path}", remedy)
        try:
            with h5py.File(path, "r") as file:
                if file.attrs.get("format") != FORMAT:
                    raise DataError(f"a file marked {FORMAT!r}", f"{path} marked {file.attrs.get('format')!r}", remedy)
                return cls(
                    [i.decode() for i in file["frame_ids"][()]],
                    file["xy"][()],
                    file["confidence"][()],
                    file["admitted"][()],
                    file["agreement_px"][()],
                    file["carried"][()],
                    Skeleton.from_dict(json.loads(file.attrs["skeleton"])),
                    json.loads(file.attrs["facts"]),
                    file["crop_px"][()] if "crop_px" in file else None,
                    file["peak"][()],
                    {name: file["checks"][name][()] for name in file["checks"]},
                    file["reason"][()],
                    *(file[name][()] if name in file else None for name in ("score", "replaced")),
                )
        except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
            raise DataError("a whole file of pseudo-labels", f"{path}: {error}", remedy) from error
