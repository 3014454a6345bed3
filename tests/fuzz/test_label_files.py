"""Damaged label files and predictions: each is refused with one error, or gives the very same values; nothing hangs or crashes."""

from __future__ import annotations

import json
from collections import Counter

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from zoopose.datasets import hdf5_file
from zoopose.datasets.isolated_reader import IsolatedReader
from zoopose.datasets.pseudo_labels import REASONS, PseudoLabels
from zoopose.datasets.tigdog_index import read_index
from zoopose.errors import ZooposeError
from zoopose.pose.seal import is_whole
from zoopose.pose.skeleton import TIGDOG18, Skeleton

SKELETON = Skeleton("beast", ("nose", "l_ear", "r_ear"), ((0, 1), (0, 2)))
ARRAYS = ("xy_px", "confidence", "admitted", "agreement_px", "carried", "peak", "reason", "crop_px")


def many(quick: int, thorough: int):
    return [quick, pytest.param(thorough, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]


@pytest.fixture(scope="module")
def labels() -> PseudoLabels:
    rng, n, k = np.random.default_rng(0), 40, len(SKELETON)
    confidence = rng.random((n, k)).astype(np.float32)
    return PseudoLabels(
        [f"frame {i}" for i in range(n)], rng.normal(size=(n, k, 2)).astype(np.float32), confidence, confidence > 0.5, confidence,
        confidence > 0.9, SKELETON, {"round": 1, "network": "0f", "share": 0.3, "mark": "a"}, np.ones(n, np.float32), confidence,
        {"invariance": confidence}, rng.integers(0, len(REASONS), (n, k)).astype(np.uint8),
    )  # fmt: skip


@pytest.fixture
def one_reader(monkeypatch):
    """All files of a test go through one process, with a short limit: starting one for each takes most of the time."""
    with IsolatedReader(seconds=5) as reader:
        monkeypatch.setattr(hdf5_file, "read_isolated", reader.read)
        yield reader


@pytest.mark.parametrize("count", many(60, 500))
def test_damaged_bytes_of_sealed_files(tmp_path, labels, mutate, one_reader, count):
    path, outcomes = tmp_path / "labels_round_01.h5", Counter()
    labels.write(path)
    whole = path.read_bytes()
    for seed in range(count):
        path.write_bytes(mutate.damaged_bytes(whole, np.random.default_rng(seed)))
        try:
            found = PseudoLabels.read(path)
        except ZooposeError as error:
            assert str(path) in str(error)
            outcomes["refused"] += 1
            continue
        outcomes["same"] += 1
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(found, name), getattr(labels, name), str(seed))
        assert found.ids == labels.ids and found.facts == labels.facts
    print(dict(outcomes))  # noqa: T201
    assert outcomes["refused"] > count / 2


@pytest.mark.parametrize("count", many(20, 500))
def test_damaged_bytes_without_a_seal(tmp_path, labels, mutate, one_reader, count):
    """As of an older version: other numbers cannot be told, but the file is refused or has the shape of labels."""
    path, outcomes = tmp_path / "labels_round_01.h5", Counter()
    labels.write(path)
    whole = bytes(512) + path.read_bytes()[512:]
    path.write_bytes(whole)
    assert is_whole(path) is None and PseudoLabels.read(path).ids == labels.ids
    for seed in range(count):
        path.write_bytes(mutate.damaged_bytes(whole, np.random.default_rng(seed)))
        try:
            found = PseudoLabels.read(path)
        except ZooposeError as error:
            assert str(path) in str(error)
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            assert found.xy_px.shape == (len(found.ids), len(found.skeleton), 2)
            assert all(REASONS[i] for i in found.reason.ravel())
    print(dict(outcomes))  # noqa: T201
    assert outcomes["refused"]


@pytest.mark.parametrize("count", many(15, 300))
def test_mistaken_structures(tmp_path, labels, mutate, one_reader, count):
    """Arrays of other shapes and kinds, descriptions of other types, in a file that is whole HDF5."""
    path, outcomes = tmp_path / "labels_round_01.h5", Counter()
    for seed in range(count):
        rng = np.random.default_rng(seed)
        labels.write(path)
        with h5py.File(path, "r+") as file:
            names = [name for name in file if name != "checks"]
            name = names[int(rng.integers(len(names)))]
            if seed % 3 == 0:
                key = ("facts", "skeleton")[seed % 2]
                file.attrs[key] = json.dumps(mutate.damaged_data(json.loads(file.attrs[key]), rng))
            else:
                array = file[name][()]
                del file[name]
                if seed % 3 == 1:
                    file[name] = [array[:-1], array.astype("S"), np.float64(3), array[None]][int(rng.integers(4))]
        path.write_bytes(bytes(512) + path.read_bytes()[512:])
        try:
            found = PseudoLabels.read(path)
        except ZooposeError:
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            for part in ARRAYS:
                # files of older versions lack some arrays, and read as None there
                if part in names and getattr(found, part) is not None:
                    np.testing.assert_array_equal(getattr(found, part), getattr(labels, part))
    print(dict(outcomes))  # noqa: T201
    assert outcomes["refused"] > count / 2


@pytest.mark.parametrize("count", many(6, 100))
def test_damaged_mat_files(tmp_path, mutate, count):
    """Landmarks of TigDog: SciPy may end the process, but not ours."""
    joints, folder, outcomes = len(TIGDOG18) + 1, tmp_path, Counter()
    rng = np.random.default_rng(0)
    cell = np.empty((4, 1), object)
    for i in range(4):
        cell[i, 0] = {"positions": rng.uniform(1, 99, (joints, 2)), "visibility": np.ones((joints, 1))}
    for name in ("ranges", "landmarks"):
        (folder / name / "horse").mkdir(parents=True)
    savemat(folder / "ranges" / "horse" / "ranges.mat", {"ranges": np.array([[1.0, 1, 4]])})
    path = folder / "landmarks" / "horse" / "1.mat"
    savemat(path, {"landmarks": cell})
    whole = path.read_bytes()
    assert read_index(folder, "horse").xy_px.shape == (4, len(TIGDOG18), 2)
    for seed in range(count):
        path.write_bytes(mutate.damaged_bytes(whole, np.random.default_rng(seed)))
        try:
            found = read_index(folder, "horse")
        except ZooposeError as error:
            assert str(path) in str(error)
            outcomes["refused"] += 1
        else:
            assert np.isfinite(found.xy_px).all() and set(np.unique(found.visible)) <= {0, 1}
            outcomes["read"] += 1
    print(dict(outcomes))  # noqa: T201
