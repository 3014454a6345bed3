"""The file of a round's labels: what is written is read, and half a file is named as such."""

from __future__ import annotations

import re

import h5py
import numpy as np
import pytest

from zoopose.datasets.pseudo_labels import CHECKS, REASONS, PseudoLabels
from zoopose.errors import DataError
from zoopose.pose.skeleton import AP10K17, TIGDOG18, Skeleton


@pytest.fixture
def labels() -> PseudoLabels:
    rng, n, k = np.random.default_rng(0), 9, len(AP10K17)
    xy = rng.normal(size=(n, k, 2)).astype(np.float32)
    xy[3] = np.nan
    return PseudoLabels(
        ids=[f"Kühe/bild {i}.png#{i}" for i in range(n)],
        xy_px=xy,
        confidence=rng.random((n, k)).astype(np.float32),
        admitted=rng.random((n, k)) > 0.5,
        agreement_px=np.where(np.isnan(xy[..., 0]), np.nan, rng.random((n, k))).astype(np.float32),
        carried=rng.random((n, k)) > 0.8,
        skeleton=AP10K17,
        facts={"round": 3, "network": "00ff", "share": 0.35, "flow": "lk"},
        peak=rng.random((n, k)).astype(np.float32),
        checks={name: rng.random((n, k)).astype(np.float32) for name in CHECKS},
        reason=rng.integers(0, len(REASONS), (n, k)).astype(np.uint8),
    )


def test_what_is_written_is_read(tmp_path, labels):
    path = tmp_path / "new" / "labels.h5"
    labels.write(path)
    found = PseudoLabels.read(path)
    for name in ("xy_px", "confidence", "admitted", "agreement_px", "carried", "peak", "reason"):
        ours, theirs = getattr(labels, name), getattr(found, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(theirs, ours)
    assert set(found.checks) == set(CHECKS)
    for name in CHECKS:
        np.testing.assert_array_equal(found.checks[name], labels.checks[name])
    assert found.ids == labels.ids and found.facts == labels.facts
    assert found.skeleton.to_dict() == labels.skeleton.to_dict()
    assert [p.name for p in path.parent.iterdir()] == ["labels.h5"]


def test_a_set_of_no_frames_is_a_set(tmp_path):
    empty = PseudoLabels(
        [], np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros((0, 2), bool), np.zeros((0, 2)), np.zeros((0, 2), bool),
        Skeleton("s", ("a", "b")),
    )  # fmt: skip
    empty.write(tmp_path / "labels.h5")
    assert PseudoLabels.read(tmp_path / "labels.h5").xy_px.shape == (0, 2, 2)


def test_a_file_cut_short_anywhere_is_named(tmp_path, labels):
    path = tmp_path / "labels.h5"
    labels.write(path)
    data = path.read_bytes()
    for length in sorted({0, 1, 7, 8, 64, *np.linspace(100, len(data) - 1, 20).astype(int)}):
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=re.escape(str(path))):
            PseudoLabels.read(path)


def test_what_is_no_file_of_labels_is_named(tmp_path, labels):
    with pytest.raises(DataError, match="no file"):
        PseudoLabels.read(tmp_path / "labels.h5")
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["xy"] = [1, 2]
    with pytest.raises(DataError, match="marked"):
        PseudoLabels.read(path)
    labels.write(path)
    for broken in ("confidence", "skeleton", "facts"):
        labels.write(path)
        with h5py.File(path, "r+") as file:
            if broken in file:
                del file[broken]
            else:
                file.attrs[broken] = '{"half'
        with pytest.raises(DataError, match=re.escape(str(path))):
            PseudoLabels.read(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, labels):
    path = tmp_path / "labels.h5"
    labels.write(path)
    before = path.read_bytes()
    labels.facts["model"] = object()
    with pytest.raises(TypeError):
        labels.write(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_what_all_labels_moved_together_is_taken_back():
    rng = np.random.default_rng(0)
    n, k = 40, len(TIGDOG18)
    xy, scale = rng.uniform(0, 100, (n, k, 2)).astype(np.float32), rng.uniform(0.2, 2, n).astype(np.float32)

    def labels(xy_px):
        confidence, flags = np.ones((n, k), np.float32), np.ones((n, k), bool)
        return PseudoLabels(
            [str(i) for i in range(n)], xy_px, confidence, flags, confidence, flags, TIGDOG18, {}, scale
        )

    moved = xy + np.array([0.5, -2.0], np.float32) / scale[:, None, None]
    moved[0, 0] += 30  # one joint may move on its own
    now = labels(moved.copy())
    np.testing.assert_allclose(now.remove_drift(labels(xy)), [0.5, -2.0], atol=1e-4)
    np.testing.assert_allclose(now.xy_px[1:], xy[1:], atol=1e-3)
    np.testing.assert_allclose(now.xy_px[0, 0], xy[0, 0] + 30, atol=1e-3)
