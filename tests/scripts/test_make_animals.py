"""The synthetic quadruped on disk: the published trees, read back as their readers read them."""

import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.io import loadmat

from zoopose.datasets.open import open_data
from zoopose.datasets.synthetic_animal import VERTICES
from zoopose.errors import DataError, OptionError
from zoopose.pose.skeleton import TIGDOG18, TIGER_TO_MODEL
from zoopose.synthetic.make_animals import make, species_of
from zoopose.synthetic.options import MakeOptions
from zoopose.synthetic.source import render_source
from zoopose.synthetic.target import TargetShot
from zoopose.synthetic.writers import JOINT_ROWS, write_synthetic_animal, write_tigdog

_NAME = re.compile(r"(\d+)_SK_horse_skeleton_horse_[a-z]+_anim_0\.\d\d_\d+\.00_\d+\.00_\d+\.00\.png_img\.png")


def test_source_layout(tmp_path):
    folder = write_synthetic_animal(tmp_path, "horse", 3, seed=2)
    assert folder == tmp_path / "synthetic_animal" / "horse_combineds5r5_texture"
    pictures = sorted(folder.glob("*img.png"))
    assert [int(_NAME.fullmatch(p.name)[1]) for p in pictures] == [0, 1, 2]
    assert len(list(folder.iterdir())) == 18
    path = str(pictures[1])
    kpts, kpts_z = np.load(path[:-7] + "kpts.npy"), np.load(path[:-7] + "kpts_z.npy")
    seg, depth = cv2.imread(path[:-7] + "seg.png", cv2.IMREAD_UNCHANGED), np.load(path[:-7] + "depth.npy")
    part = cv2.imread(path[:-7] + "partseg.png", cv2.IMREAD_UNCHANGED)
    assert kpts.shape == (3299, 3) and kpts.dtype == np.float64 and kpts_z.shape == (3299,)
    assert seg.shape == depth.shape == part.shape == (480, 640) and seg.dtype == part.dtype == np.uint8
    assert set(np.unique(seg)) == {0, 255} and part.max() <= 9 and ((part > 0) == (seg > 0)).all()
    frame = render_source("horse", 2, 1, (480, 640))
    np.testing.assert_array_equal(cv2.imread(path)[..., ::-1], frame.image)
    rows = kpts[list(JOINT_ROWS["horse"])]
    np.testing.assert_array_equal(rows[:, :2], frame.xy_px)
    np.testing.assert_array_equal(rows[:, 2], frame.visible)
    # a seen vertex is where the published rule finds it: near the depth of its own pixel
    seen = kpts[:, 2] > 0
    near = depth[np.round(kpts[seen, 1]).astype(int), np.round(kpts[seen, 0]).astype(int)]
    on_skin = np.abs(near - kpts_z[seen]) < 15
    assert on_skin.mean() > 0.9
    # the box of all rows is the animal's box
    ys, xs = np.nonzero(seg)
    assert kpts[:, 0].min() == pytest.approx(xs.min(), abs=2) or xs.min() == 0
    assert kpts[:, 1].max() == pytest.approx(ys.max(), abs=2) or ys.max() == 479


@pytest.mark.parametrize("animal", ["horse", "tiger"])
def test_tigdog_layout(tmp_path, animal):
    tree = write_tigdog(tmp_path, animal, shots=2, frames_per_shot=3, seed=1, size_hw=(96, 128))
    ranges = loadmat(tree / "ranges" / animal / "ranges.mat")["ranges"]
    assert ranges.tolist() == [[1, 1, 3], [2, 4, 6]]
    assert sorted(p.name for p in (tree / animal).iterdir()) == [f"{k:08d}.jpg" for k in range(1, 7)]
    landmarks = loadmat(tree / "landmarks" / animal / "2.mat")["landmarks"]
    shot = TargetShot(animal, 1, 2, (96, 128))
    order = TIGER_TO_MODEL if animal == "tiger" else np.arange(18)
    for f in range(3):
        positions, visibility = landmarks[f][0][0][0][0], landmarks[f][0][0][0][1]
        assert positions.shape == (19, 2) and visibility.shape == (19, 1)
        np.testing.assert_array_equal(positions[:18][order], shot[f].xy_px)
        np.testing.assert_array_equal(visibility[:18, 0][order] > 0, shot[f].visible)
        np.testing.assert_array_equal(positions[18], shot[f].neck_px)
    jpg = cv2.imread(str(tree / animal / "00000005.jpg"))[..., ::-1]
    assert np.abs(jpg.astype(int) - shot[1].image).mean() < 6


def test_rows_are_those_the_reader_looks_in():
    assert all(tuple(VERTICES[animal][:18]) == rows for animal, rows in JOINT_ROWS.items())


def test_hidden_joints_may_be_zero(tmp_path):
    tree = write_tigdog(tmp_path, "horse", 1, 1, seed=1, size_hw=(96, 128), hidden="zero")
    positions, visibility = loadmat(tree / "landmarks" / "horse" / "1.mat")["landmarks"][0][0][0][0]
    gone = visibility[:, 0] == 0
    assert gone.any() and (positions[gone] == 0).all() and (positions[~gone] != 0).all()


def test_make_goes_on_where_it_stopped(tmp_path):
    seen = []
    options = MakeOptions(
        out=tmp_path, animal=("horse",), pictures=3, shots=2, frames=2, size=(64, 64), target_size=(64, 64)
    )
    folders = make(options, lambda *news: seen.append(news))
    assert seen[-1] == ("horse target", 2, 2) and ("horse source", 3, 3) in seen
    first = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert not [p for p in first if p.name.startswith(".")]
    times = {p: p.stat().st_mtime_ns for p in first}
    victim = sorted(folders[0].glob("1_*img.png"))[0]
    landmarks = tmp_path / "behaviorDiscovery2.0" / "landmarks" / "horse" / "2.mat"
    victim.unlink()
    landmarks.unlink()
    make(options)
    again = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert again.keys() == first.keys()
    # the header of a .mat file carries the time of writing
    assert all(again[p] == first[p] for p in first if p.suffix != ".mat")
    kept = [p for p in first if p.name.startswith(("0_", "2_", "00000001", "00000002"))]
    assert len(kept) == 14 and all(p.stat().st_mtime_ns == times[p] for p in kept)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"domain": "mars"}, "domain"),
        ({"animal": ("cat",)}, "cat"),
        ({"pictures": 0}, "pictures"),
        ({"gap": 5.0}, "gap"),
        ({"size": (1, 1)}, "32"),
    ],
)
def test_what_cannot_work_is_refused_before_writing(tmp_path, change, word):
    with pytest.raises(OptionError, match=word):
        make(MakeOptions(**{"out": tmp_path / "new", **change}))
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        write_tigdog(tmp_path / "file", "horse", 1, 1, size_hw=(64, 64))


def test_several_bodies_in_one_coco_file(tmp_path):
    """livestock with one that has no published rows: five of each, the fifth for validation; made again, nothing changes."""
    options = MakeOptions(
        out=tmp_path, animal=("horse,cow", "pig"), pictures=5, size=(48, 64), domain="source", views="side"
    )
    train, valid = make(options)
    assert train == tmp_path / "animals" / "train.json"
    data, held = open_data(f"coco:{train}"), open_data(f"coco:{valid}")
    assert data.skeleton.joints == TIGDOG18.joints
    kinds = [sample.meta["category"] for sample in (data[i] for i in range(len(data)))]
    assert sorted(set(kinds)) == ["cow", "horse", "pig"]
    assert len(data) <= 12
    assert len(held) <= 3
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    make(options)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    with pytest.raises(OptionError, match="animal"):
        make(replace(options, animal=("cow",)))


def test_livestock_is_a_word_for_farm_animals():
    assert species_of(("livestock", "cow", "dog")) == ("horse", "cow", "sheep", "goat", "pig", "dog")
    with pytest.raises(OptionError, match="animal"):
        species_of((" ,",))


def test_a_folder_from_before_individuals_goes_on(tmp_path):
    options = MakeOptions(out=tmp_path, pictures=1, size=(32, 32), domain="source")
    make(options)
    note = tmp_path / "made.json"
    old = {name: value for name, value in json.loads(note.read_text()).items() if name != "individuals"}
    note.write_text(json.dumps(old))
    make(replace(options, pictures=2))
    with pytest.raises(OptionError, match="individuals auto"):
        make(replace(options, individuals="many"))
