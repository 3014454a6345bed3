import json
import math

import numpy as np
import pytest

from zoopose.errors import DataError
from zoopose.evaluation.metrics import Pck, Share
from zoopose.evaluation.protocol import Protocol, Score, read_metrics, text_table, write_metrics
from zoopose.pose.skeleton import AP10K17, TIGDOG18


def make(name="exact/crop", normaliser="crop", missing=(), **options):
    n = np.arange(10, 28)
    n[list(missing)] = 0
    return Score.from_pck(Pck(0.05, n // 2, n), TIGDOG18, Protocol(name, 0.05, normaliser, frames=30, **options))


def test_json_form():
    data = make(missing=(2,)).to_json()
    assert list(data) == ["protocol", "mean", "joints", "groups"]
    assert data["joints"]["left_eye"] == {"pck": 0.5, "n": 10}
    assert data["joints"]["chin"] == {"pck": None, "n": 0}
    assert data["groups"]["eye"] == {"pck": 10 / 21, "n": 21}
    assert data["protocol"]["joints"] == list(TIGDOG18.joints)
    assert data["protocol"]["n"] == sum(joint["n"] for joint in data["joints"].values())
    json.dumps(data, allow_nan=False)


def test_round_trip_through_a_file(tmp_path):
    score = make(notes=("flipped pictures averaged in",))
    write_metrics(tmp_path / "run" / "metrics.json", score)
    assert read_metrics(tmp_path / "run" / "metrics.json") == score
    write_metrics(tmp_path / "metrics.json", {**score.to_json(), "more": {"box": score}, "size": np.array([1, 2])})
    assert read_metrics(tmp_path / "metrics.json") == score
    assert json.loads((tmp_path / "metrics.json").read_text())["more"]["box"]["mean"] == score.mean


def test_nothing_scored(tmp_path):
    score = make(missing=range(18))
    assert math.isnan(score.mean)
    write_metrics(tmp_path / "metrics.json", score)
    assert json.loads((tmp_path / "metrics.json").read_text())["mean"] is None
    table = text_table({"exact": score})
    assert "nan" not in table and "no visible joints" in table


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "metrics.json"
    write_metrics(path, make())
    with pytest.raises(ValueError):
        write_metrics(path, {"mean": math.nan})
    with pytest.raises(TypeError):
        write_metrics(path, {"mean": object()})
    assert read_metrics(path) == make()
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.json"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"protocol": {}, "mean": 1}', '{"protocol": {"name": "x"}, "mean": 1}']
)
def test_not_a_score(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(DataError):
        read_metrics(tmp_path / "metrics.json")
    with pytest.raises(DataError, match="no such file"):
        read_metrics(tmp_path / "other.json")


def test_score_from_values_taken_elsewhere():
    pck, n = np.linspace(0, 1, 18), np.arange(18)
    score = Score.from_joints(pck, n, TIGDOG18, Protocol("published", 0.05, "crop", visible_only=False))
    assert score.mean == pytest.approx(np.average(pck, weights=n))
    assert score.joints["left_eye"].n == 0 and math.isnan(score.joints["left_eye"].pck)
    assert score.groups["eye"] == Share(pck[1], 1)
    given = Score.from_joints(pck, n, TIGDOG18, score.protocol, mean=0.25, groups={"eye": Share(0.5, 3)})
    assert given.mean == 0.25 and given.groups == {"eye": Share(0.5, 3)}
    with pytest.raises(DataError):
        Score.from_joints(pck, n, AP10K17, score.protocol)


def test_metric_name():
    assert make().protocol.metric == "pck@0.05/crop"


def test_table():
    published = Score.from_joints(np.full(18, 0.25), np.full(18, 7), TIGDOG18, Protocol("published", 0.05, "crop"))
    scores = {"published": published, "exact/crop": make(), "exact/box": make("exact/box", "box")}
    lines = text_table(scores).splitlines()
    head = next(line for line in lines if line.startswith("joint"))
    assert head.split() == ["joint", "published", "n", "exact/crop", "exact/box", "n"]  # one n for equal neighbours
    cells = {line.split()[0]: line.split()[1:] for line in lines if line and not line.startswith("-")}
    assert cells["left_eye"] == ["25.00", "7", "50.00", "50.00", "10"]
    assert cells["mean"][:2] == ["25.00", "126"]
    at = next(i for i, line in enumerate(lines) if line.startswith("group"))
    assert [line.split()[0] for line in lines[at + 2 : at + 9]] == list(TIGDOG18.groups)
    tails = [line for line in lines if "right when closer than" in line]
    assert len(tails) == 3 and "0.05 x longer side of the animal's box" in tails[2] and "n = 333 in 30" in tails[2]


def test_table_says_when_a_joint_was_never_seen():
    row = next(line for line in text_table({"a": make(missing=(2,))}).splitlines() if line.startswith("chin"))
    assert row.split("  ", 1)[1].strip() == "no visible joints"
    mixed = text_table({"a": make(missing=(2,)), "b": make()})
    assert "no visible joints  " in next(line for line in mixed.splitlines() if line.startswith("chin"))
    assert "nan" not in mixed


def test_table_of_different_skeletons():
    other = Score.from_joints(np.ones(17), np.ones(17, int), AP10K17, Protocol("exact/box", 0.05, "box"))
    lines = text_table({"a": make(), "b": other}).splitlines()
    assert next(line for line in lines if line.startswith("nose")).split() == ["nose", "-", "-", "100.00", "1"]
