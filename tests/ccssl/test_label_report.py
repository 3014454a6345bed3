"""What the report shows of pseudo-labels: the right numbers, every reason, and a page that does not grow with the run."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from zoopose.datasets.pseudo_labels import REASONS, PseudoLabels
from zoopose.errors import DataError
from zoopose.evaluation.report import label_selection
from zoopose.evaluation.report.labels import label_blocks
from zoopose.evaluation.report.page import build_report
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose.geometry import apply, crop_matrix, square_box


@pytest.fixture(scope="module")
def made(tmp_path_factory, frames, label_files):
    """Folder, data set and blocks of a run of 60 frames and three rounds."""
    folder, dataset = tmp_path_factory.mktemp("labels"), frames(60)
    label_files(folder, dataset)
    return folder, dataset, label_blocks(RunFolder(folder), dataset, dataset.skeleton)


def block(blocks, title):
    return next(b for b in blocks if b.title.startswith(title))


def labels_of(folder, number):
    return PseudoLabels.read(folder / f"labels_round_{number:02d}.h5")


def test_without_labels_there_is_nothing(tmp_path, frames):
    assert label_blocks(RunFolder(tmp_path), frames(4), frames(4).skeleton) == []


def test_shares_reasons_and_drift_are_those_of_the_files(made):
    folder, dataset, blocks = made
    rounds = [labels_of(folder, i) for i in range(3)]
    joint = dataset.skeleton.joints[7]
    cells = block(blocks, "Pseudo-labels admitted").rows[joint]
    assert [strength for _, strength, _ in cells] == pytest.approx([r.admitted[:, 7].mean() for r in rounds])
    bars = block(blocks, "Why labels were left out, by round")
    for i, r in enumerate(rounds):
        shares = dict(zip(bars.parts, bars.rows[str(i)]))
        assert shares == pytest.approx({name: (r.reason == j).mean() for j, name in enumerate(REASONS)})
        assert sum(shares.values()) == pytest.approx(1)
    move = np.linalg.norm(rounds[2].xy_px - rounds[1].xy_px, axis=-1) * rounds[2].crop_px[:, None]
    known = move[np.isfinite(move)]
    median, ninety = (y for _, y in block(blocks, "Drift of the labels, all").series.values())
    assert (median[-1], ninety[-1]) == pytest.approx(tuple(np.quantile(known, (0.5, 0.9))))
    assert block(blocks, "Rounds of labelling").rows[2][-2:] == ["+1.0, -1.0", "0.200"]
    assert [b["count"] for b in block(blocks, "Calibration").bins] == [9, 9, 9]


def test_the_book_holds_every_label_where_it_is(made):
    folder, dataset, blocks = made
    book = blocks[-1].book
    labels, k = labels_of(folder, 1), len(dataset.skeleton)
    assert book["rounds"] == [0, 1, 2] and len(book["frames"]) == 60 and len(book["picked"]) == 60
    for row in (0, 30, 59):
        square = square_box(dataset[row].box_xywh, dataset.crop_factor)
        wanted = apply(crop_matrix(square, book["side"]), labels.xy_px[row].astype(float))
        drawn = np.array(book["labels"][1]["xy"]).reshape(60, k, 2)[row].astype(float)
        np.testing.assert_allclose(drawn, wanted, atol=0.06)
        assert book["labels"][1]["reason"][row * k : (row + 1) * k] == "".join(map(str, labels.reason[row]))
    assert book["frames"][3]["source"] == "" and book["labels"][0]["xy"][3 * k * 2] is None  # the unreadable one
    assert book["frames"][4]["source"].startswith("data:image/webp;base64,")


def test_worst_disagreements_are_the_largest_of_every_check_and_round(made):
    folder, _, blocks = made
    worst = block(blocks, "Worst disagreements")
    assert len(worst.items) == label_selection.DISAGREEMENTS
    px = [item[4] for item in worst.items]
    assert px == sorted(px, reverse=True)
    assert {(i[1], i[3]) for i in worst.items} == {(r, c) for r in range(3) for c in labels_of(folder, 0).checks}
    frame, round_, joint, check, value = worst.items[0]
    assert value == pytest.approx(labels_of(folder, round_).checks[check][frame, joint], abs=0.06)
    assert value == pytest.approx(np.nanmax([labels_of(folder, r).checks[check] for r in range(3)]), abs=0.06)


def test_strips_keep_the_order_of_a_shot(made):
    strips = block(made[2], "Shots over time").items
    assert [(shot, total) for shot, _, total in strips] == [("video0000", 25), ("video0001", 25), ("video0002", 10)]
    assert all(rows == sorted(rows) and len(rows) <= label_selection.FRAMES_PER_SHOT for _, rows, _ in strips)


def test_the_same_run_gives_the_same_page(made, tmp_path):
    folder, dataset, blocks = made
    again = label_blocks(RunFolder(folder), dataset, dataset.skeleton)
    pages = [build_report(tmp_path / f"{i}.html", "t", "", b).read_bytes() for i, b in enumerate((blocks, again))]
    assert pages[0] == pages[1]
    html = pages[0].decode()
    assert not re.search(r"(?:src|href)=\"?https?:", html) and "@import" not in html and "url(" not in html
    book = re.search(r'<script type="application/json" data-book="labels">(.*?)</script>', html, re.S).group(1)
    assert len(re.findall('data-book="', html)) == 1  # three views, one book
    assert json.loads(book)["joints"] == list(dataset.skeleton.joints)


def test_one_round_and_no_shots(tmp_path, frames, label_files):
    dataset = frames(30)
    dataset.shots = [""] * 30
    label_files(tmp_path, dataset, 1)
    titles = [b.title for b in label_blocks(RunFolder(tmp_path), dataset, dataset.skeleton)]
    assert not any("Drift" in t or "Shots" in t for t in titles) and "Worst disagreements" in titles


def test_what_was_trained_on_is_shown_as_admitted(tmp_path, frames, label_files):
    dataset = frames(30)
    label_files(tmp_path, dataset, 1)
    path = tmp_path / "labels_round_00.h5"
    labels = PseudoLabels.read(path)
    labels.reason[:] = REASONS.index("share")  # as before any admission
    labels.write(path)
    bars = block(label_blocks(RunFolder(tmp_path), dataset, dataset.skeleton), "Why labels were left out, by round")
    assert bars.rows["0"][0] == pytest.approx(labels.admitted.mean())


def test_labels_of_other_frames_are_refused(tmp_path, frames, label_files):
    label_files(tmp_path, frames(30), 1)
    with pytest.raises(DataError, match="labels_round_00"):
        label_blocks(RunFolder(tmp_path), frames(29), frames(29).skeleton)
    label_files(tmp_path / "two", frames(30), 2)
    label_files(tmp_path, frames(31), 1)
    (tmp_path / "labels_round_00.h5").replace(tmp_path / "two" / "labels_round_01.h5")
    with pytest.raises(DataError, match="labels_round_01"):
        label_blocks(RunFolder(tmp_path / "two"), frames(30), frames(30).skeleton)


def test_chosen_frames_are_spread(frames):
    confidence = np.random.default_rng(0).random(20_000)
    rows = label_selection.gallery_rows(confidence, [(1, 17), (400, 12)], 200)
    assert len(set(rows)) == 200 and rows[0] == 17 and 12 in rows
    for part in (rows, rows[:50]):  # the beginning too, which is what a page of large pictures keeps
        assert np.histogram(part, 5, (0, 20_000))[0].min() > len(part) / 10
        assert np.histogram(confidence[part], 5, (0, 1))[0].min() > len(part) / 10


@pytest.mark.slow
def test_a_run_of_20000_frames_gives_a_page_below_20_mb(tmp_path, frames, label_files):
    """Pictures of noise are the largest there are."""
    dataset = frames(20_000)
    label_files(tmp_path, dataset, 6)
    blocks = label_blocks(RunFolder(tmp_path), dataset, dataset.skeleton)
    path = build_report(tmp_path / "report.html", "t", "", blocks)
    assert path.stat().st_size < 20_000_000
    book = blocks[-1].book
    assert len(book["picked"]) > 100 and len(book["rounds"]) == 6
    seen = {book["labels"][r]["reason"][i] for r in range(6) for i in range(len(book["labels"][r]["reason"]))}
    assert seen == set("0123456")
