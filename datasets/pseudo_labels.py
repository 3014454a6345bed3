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

FORMAT = "zoopose pseudo-labels 1"


@dataclass
class PseudoLabels:
    """N frames, K joints.

    Attributes:
        ids: N texts, `meta["id"]` of the frames.
        xy_px: (N, K, 2) float32, picture px; NaN where a frame could not be read.
        confidence: (N, K) float32, 0 where there is none.
        admitted: (N, K) bool: trained on in this round.
        agreement_px: (N, K) float32, mean distance of the views' joints from the label, px of the crop.
        carried: (N, K) bool: taken over from the neighbouring frame by optical flow.
        skeleton: the joints.
        facts: plain data on how they were made: round, share, views, fingerprint of the network, ...
    """

    ids: list[str]
    xy_px: np.ndarray
    confidence: np.ndarray
    admitted: np.ndarray
    agreement_px: np.ndarray
    carried: np.ndarray
    skeleton: Skeleton
    facts: dict[str, Any] = field(default_factory=dict)

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
                )
        except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
            raise DataError("a whole file of pseudo-labels", f"{path}: {error}", remedy) from error
