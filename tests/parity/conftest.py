"""Reads the published numbers: folders and cases are found by name, sizes come from the arrays.

A test marked `golden("name", ...)` runs once for every folder of $ZOOPOSE_GOLDEN (default: the selection beside this
file) whose name starts with one of the names; the fixture `golden` is the open folder. Folders nobody asks for are
ignored. `but_not=(...)` leaves out names that start alike and mean something else.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(os.environ.get("ZOOPOSE_GOLDEN") or Path(__file__).parent / "golden")


class Golden:
    """One folder of published numbers. `golden["in_x"]` reads an array, `in golden` asks for one."""

    def __init__(self, path: Path):
        self.path, self.name = path, path.name
        self.manifest = json.loads((path / "manifest.json").read_text())
        self._arrays = None

    @property
    def arrays(self):
        if self._arrays is None:
            found = [self.path / n for n in ("cases.npz", "out.npz") if (self.path / n).is_file()]
            self._arrays = {k: v for p in found for k, v in np.load(p, allow_pickle=False).items()}
        return self._arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def numbered(self, prefix: str) -> list[int]:
        """Numbers n for which `<prefix><n>` is an array, ascending."""
        ends = [name.removeprefix(prefix) for name in self.arrays if name.startswith(prefix)]
        return sorted(int(end) for end in ends if end.isdigit())


def pytest_configure(config):
    config.addinivalue_line("markers", "golden(*names, but_not=()): run for every folder of published numbers so named")


def pytest_generate_tests(metafunc):
    marker = metafunc.definition.get_closest_marker("golden")
    if marker is None or "golden" not in metafunc.fixturenames:
        return
    but_not = tuple(marker.kwargs.get("but_not", ()))
    folders = sorted(p.parent for p in ROOT.glob("*/manifest.json"))
    found = [p for p in folders if p.name.startswith(marker.args) and not (but_not and p.name.startswith(but_not))]
    if found:
        params = [pytest.param(p, id=p.name) for p in found]
    else:
        reason = f"no folder {' or '.join(marker.args)}* in {ROOT}"
        params = [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=reason))]
    metafunc.parametrize("golden", params, indirect=True)


@pytest.fixture
def golden(request) -> Golden:
    return Golden(request.param)


@pytest.fixture
def stretched_tolerance() -> float:
    """What crops may differ by: two grey levels, the rounding of other Pillow versions."""
    return 2.001 / 255


@pytest.fixture(scope="session")
def filled() -> Callable[..., dict[str, torch.Tensor]]:
    """(manifest) -> the state dict of its network: every tensor follows from its key, the salt and the gain."""

    def value(key: str, shape: tuple[int, ...], salt: int, gain: float) -> torch.Tensor:
        if key.endswith("num_batches_tracked"):
            return torch.zeros(shape, dtype=torch.int64)
        rng = np.random.default_rng([zlib.crc32(key.encode()), salt])
        if key.endswith("running_var") or (len(shape) == 1 and key.endswith("weight")):
            drawn = rng.uniform(0.5, 1.5, shape)
        elif key.endswith("running_mean") or len(shape) == 1:
            drawn = 0.1 * rng.standard_normal(shape)
        else:
            drawn = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:])) * gain
        return torch.from_numpy(np.asarray(drawn)).float()

    def fill(manifest: dict) -> dict[str, torch.Tensor]:
        kept, salt, gain = set(manifest.get("keep_as_built", ())), manifest["salt"], manifest.get("weight_gain", 1.0)
        return {
            key: value(key, tuple(shape), salt, gain) for key, shape, _ in manifest["state_dict"] if key not in kept
        }

    return fill
