"""`zoopose wscda` as users run it: every mixture of domains, starts, stops, and what its checkpoints are good for."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from zoopose.ccssl import CCSSL
from zoopose.ccssl.options import CcsslOptions
from zoopose.cli import main
from zoopose.errors import DataError, OptionError
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose import checkpoints
from zoopose.pose.skeleton import ANIMAL_POSE20
from zoopose.train import loop, train
from zoopose.train.options import TrainOptions
from zoopose.wscda.adaptation import LAST
from zoopose.wscda.options import WscdaOptions
from zoopose.wscda.WSCDA import run

FLAGS = {"animal": "source"}  # domain -> the option that names its data, where that has another name


@pytest.fixture
def command(domains, tiny_options):
    """folder, names of domains, more -> options of two epochs of two batches."""

    def options(folder: Path, names=("human", "animal", "target"), **more) -> WscdaOptions:
        data = {FLAGS.get(name, name): f"coco:{domains[name]}" for name in names}
        valid = data.get("source") or data["human"]
        settings = {"num_epochs": 2, "steps": 2, "solver": "adam", "lr": 1e-3, "adapter": 1}
        return WscdaOptions(**tiny_options(folder, **{**data, "valid": valid, **settings, **more}))

    return options


@pytest.fixture(scope="session")
def human_model(tmp_path_factory, domains, tiny_options) -> Path:
    data = f"coco:{domains['human']}"
    return train.run(TrainOptions(**tiny_options(tmp_path_factory.mktemp("human"), dataset=data, valid=data, epochs=1)))


@pytest.mark.parametrize(
    "names",
    [
        ("human", "animal", "target"),
        ("human", "target"),
        pytest.param(("animal", "target"), marks=pytest.mark.slow),
        pytest.param(("animal",), marks=pytest.mark.slow),
    ],
)
def test_every_mixture_of_domains_runs_and_reports(tmp_path, command, names, domains):
    folder = run(command(tmp_path, names))
    log = (folder / "log.csv").read_text().splitlines()
    assert ("train/domain_human_animal" in log[0]) == ("human" in names and len(names) > 1)
    assert ("train/acc_labelled_unlabelled" in log[0]) == ({"animal", "target"} <= set(names))
    page = (folder / "report.html").read_text()
    assert ("Domain discriminator" in page) == (len(names) > 1)
    assert ("Joints that model_best predicts for unlabelled animals" in page) == ("target" in names)
    found = checkpoints.load(folder / LAST)
    assert len(found.skeleton) == (6 if "animal" in names else 5)
    assert ("adapter" in found.numbers) == ("animal" in names)
    score = [
        "test",
        "--dataset",
        f"coco:{domains['animal' if 'animal' in names else 'human']}",
        "--resume",
        str(folder / LAST),
    ]
    assert main([*score, "--checkpoint", str(tmp_path / "test")]) == 0


@pytest.mark.usefixtures("no_report")
def test_with_pose_alone_it_is_supervised_training_bit_for_bit(tmp_path, command, tiny_options, domains):
    # one hourglass with an adaptation network for both, past its first step
    start = run(command(tmp_path / "start", ("animal",), num_epochs=1)) / LAST
    data = f"coco:{domains['animal']}"
    common = {"solver": "adam", "lr": 1e-3, "seed": 4}
    ours = run(command(tmp_path / "ours", ("animal",), alpha=0.0, beta=1.0, steps=0, resume=str(start), **common))
    same = {"dataset": data, "valid": data, "epochs": 2, "init_weights": str(start), "augment": "strong", **common}
    theirs = train.run(TrainOptions(**tiny_options(tmp_path / "theirs", **same)))
    a, b = (torch.load(f / LAST, weights_only=True)["state_dict"] for f in (ours, theirs))
    before = torch.load(start, weights_only=True)["state_dict"]
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a["conv1.weight"], before["conv1.weight"])


@pytest.mark.usefixtures("no_report")
def test_a_network_of_humans_starts_it_and_becomes_their_head(tmp_path, command, human_model, caplog):
    caplog.set_level("INFO", logger="zoopose")
    options = command(tmp_path, resume=str(human_model / "model_best.pth.tar"), lr=0.0)
    run(options)
    assert "3 of its 5 joints transferred" in caplog.text
    state = torch.load(tmp_path / LAST, weights_only=True)
    old = torch.load(human_model / "model_best.pth.tar", weights_only=True)["state_dict"]
    assert torch.equal(state["state_dict"]["layer1.0.conv1.weight"], old["layer1.0.conv1.weight"])
    human = state["zoopose"]["run"]["extra"]["wscda"]["parts"]["human"]
    assert torch.equal(human["weight"], old["score.0.weight"])
    assert torch.equal(state["state_dict"]["score.0.weight"][:3], old["score.0.weight"][:3]), "nose and both ears"


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_the_next_run_takes_over_every_part_that_fits(tmp_path, command):
    first = run(command(tmp_path / "first"))
    run(command(tmp_path / "second", resume=str(first / LAST), lr=0.0))
    run(command(tmp_path / "third", ("animal", "target"), resume=str(first / LAST), lr=0.0))
    parts = [
        torch.load(tmp_path / n / LAST, weights_only=True)["zoopose"]["run"]["extra"]["wscda"]["parts"]
        for n in ("first", "second", "third")
    ]
    assert list(parts[0]) == list(parts[1]) == ["human", "discriminator"] and list(parts[2]) == ["discriminator"]
    for name in ("human", "discriminator"):
        assert all(torch.equal(parts[0][name][k], parts[1][name][k]) for k in parts[0][name])


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize(
    ("number", "more"), [pytest.param(1, {}, marks=pytest.mark.slow), (3, {"discriminator_steps": 2})]
)
def test_stopped_and_gone_on_is_as_if_nothing_had_been(tmp_path, monkeypatch, command, run_state, number, more):
    whole = run_state(run(command(tmp_path / "whole", **more)), LAST)
    original, count = loop._optimise, 0

    def counted(*args):
        nonlocal count
        count += 1
        original(*args)
        if count == number:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_optimise", counted)
        with pytest.raises(KeyboardInterrupt, match="the same command"):
            run(command(tmp_path / "parts", **more))
    assert run_state(run(command(tmp_path / "parts", **more)), LAST) == whole


@pytest.mark.usefixtures("no_report")
def test_the_targets_labels_are_not_read(tmp_path, command, domains, run_state):
    whole = run_state(run(command(tmp_path / "whole")), LAST)
    data = json.loads(domains["target"].read_text())
    for annotation in data["annotations"]:
        annotation["keypoints"] = "nothing a reader could use"
    blind = domains["target"].with_name("blind.json")
    blind.write_text(json.dumps(data))
    assert run_state(run(command(tmp_path / "blind", target=f"coco:{blind}")), LAST) == whole


@pytest.mark.usefixtures("no_report")
def test_its_checkpoint_starts_ccssl_and_one_of_ccssl_starts_it(tmp_path, command, domains, tiny_options):
    first = run(command(tmp_path / "wscda"))
    data, target = f"coco:{domains['animal']}", f"coco:{domains['target']}"
    settings = tiny_options(
        tmp_path / "ccssl", source=data, valid=data, target=target, resume=str(first / LAST), num_epochs=1, views=1
    )
    middle = CCSSL.run(CcsslOptions(**settings, steps=2))
    assert checkpoints.load(middle / LAST).numbers["adapter"] == 1
    run(command(tmp_path / "again", resume=str(middle / LAST)))


@pytest.mark.usefixtures("no_report")
def test_an_unreadable_picture_is_left_out_and_named(tmp_path, command, domains, caplog, tiny_coco):
    broken = tiny_coco(tmp_path / "broken", n=10, seed=6)
    picture = tmp_path / "broken" / "p03.png"
    picture.write_bytes(picture.read_bytes()[:200])
    folder = run(command(tmp_path / "run", target=f"coco:{broken}", num_epochs=1, steps=3))
    assert caplog.text.count("p03.png") == 1 and (folder / LAST).is_file()


def test_the_probe_is_kept_and_shown(tmp_path, command):
    folder = run(command(tmp_path, probe=True))
    probes = json.loads((folder / "probe.json").read_text())
    assert list(probes) == ["start", "model_best", "last"]
    assert all(0 <= p["accuracy"] <= 1 and p["pictures"] == [10, 14] for p in probes.values())
    assert "Can a classifier tell labelled from unlabelled animals?" in (folder / "report.html").read_text()


@pytest.fixture
def animal_pose(tmp_path) -> Path:
    """The native tree, dogs and horses in 24 pictures."""
    root, draws = tmp_path / "animal_pose", np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    names, annotations = {}, []
    for i in range(24):
        names[str(i)] = f"{'ho' if i % 2 else 'do'}{i:03d}.png"
        cv2.imwrite(str(root / "images" / names[str(i)]), draws.integers(0, 256, (48, 48, 3), dtype=np.uint8))
        xy = draws.uniform(8, 40, (20, 2)).round(1).tolist()
        annotations.append(
            {"image_id": i, "bbox": [4, 4, 44, 44], "keypoints": [[x, y, 1] for x, y in xy], "num_keypoints": 20,
             "category_id": 4 if i % 2 else 1}
        )  # fmt: skip
    joints = [n.replace("tail_base", "tailbase") for n in ANIMAL_POSE20.joints]
    kinds = [
        {"id": i, "name": n, "keypoints": joints} for i, n in enumerate(("dog", "cat", "sheep", "horse", "cow"), 1)
    ]
    (root / "keypoints.json").write_text(json.dumps({"images": names, "annotations": annotations, "categories": kinds}))
    return root


@pytest.mark.usefixtures("no_report")
def test_from_one_class_of_a_data_set_to_another(tmp_path, tiny_options, animal_pose, domains):
    """The paper's own case: a class of Animal-Pose without labels, the others with them."""
    data = f"animal_pose:{animal_pose}"
    settings = {
        "source": data,
        "target": data,
        "classes": "dog",
        "target_classes": "horse",
        "num_epochs": 1,
        "steps": 1,
    }
    folder = run(WscdaOptions(**tiny_options(tmp_path / "run", **settings)))
    told = json.loads((folder / "run.json").read_text())["data"]
    assert told["animal"]["labelled"] and not told["target"]["labelled"]
    assert told["animal"]["items"] + told["validation"]["items"] == 12 and 0 < told["target"]["items"] <= 12
    own = {**settings, "target": f"coco:{domains['target']}"}
    with pytest.raises(OptionError, match="leave --target-classes out"):
        run(WscdaOptions(**tiny_options(tmp_path / "other", **own)))


@pytest.mark.usefixtures("no_report")
def test_pairs_given_when_the_start_was_trained_are_kept(tmp_path, command, tiny_options, domains):
    """Also where an adaptation network is added, and where people of other joints train beside."""
    data = json.loads(domains["animal"].read_text())
    data["categories"][0]["keypoints"] = ["nose", "ear_a", "ear_b", "hip_a", "hip_b", "tail"]
    odd = domains["animal"].with_name("odd.json")
    odd.write_text(json.dumps(data))
    name, pairs = f"coco:{odd}", "ear_a:ear_b,hip_a:hip_b"
    common = {"dataset": name, "valid": name, "epochs": 1, "partners": pairs}
    start = train.run(TrainOptions(**tiny_options(tmp_path / "start", **common))) / "model_best.pth.tar"
    kept = ((1, 2), (3, 4))
    for folder, more in (("plain", {}), ("told", {"partners": pairs, "adapter": 0})):
        options = command(tmp_path / folder, source=name, valid=name, resume=str(start), num_epochs=1, **more)
        assert checkpoints.load(run(options) / LAST).skeleton.partners == kept


@pytest.mark.usefixtures("no_report")
def test_a_folder_used_again_shows_nothing_of_the_run_before(tmp_path, command, domains, tiny_coco):
    names, small = ("animal", "target"), tiny_coco(tmp_path / "small", n=6, seed=8)
    run(command(tmp_path / "run", names, num_epochs=1, probe=True))
    before = json.loads(RunFolder(tmp_path / "run").target_sample.read_text())
    folder = run(command(tmp_path / "run", names, num_epochs=1, target=f"coco:{small}", restart=True))
    after = json.loads(RunFolder(folder).target_sample.read_text())
    assert not (folder / "probe.json").exists() and after["mark"] != before["mark"]
    assert max(after["rows"]) == 5


@pytest.mark.parametrize(
    "more",
    [{"source": "images:{folder}"}, {"valid": "images:{folder}"}, {"human": "images:{folder}"}, {"valid": "{boxes}"}],
)
def test_data_without_labels_are_refused_where_labels_are_needed(tmp_path, command, domains, more):
    data = json.loads(domains["animal"].read_text())
    for annotation in data["annotations"]:
        annotation["keypoints"] = [0] * len(annotation["keypoints"])
    boxes = domains["animal"].with_name("boxes.json")
    boxes.write_text(json.dumps(data))
    more = {k: v.format(folder=domains["animal"].parent, boxes=f"coco:{boxes}") for k, v in more.items()}
    with pytest.raises(DataError, match="label"):
        run(command(tmp_path, **more))


def test_mistakes_are_told_in_one_line(tmp_path, command, domains):
    with pytest.raises(OptionError, match="labelled data"):
        run(WscdaOptions(target=f"coco:{domains['target']}", checkpoint=str(tmp_path)))
    with pytest.raises(OptionError, match="--alpha between -1000000 and 0"):
        run(command(tmp_path, alpha=0.5))
    with pytest.raises(OptionError, match="balanced or --loss mean"):
        run(command(tmp_path, loss="published"))
    with pytest.raises(OptionError, match="--alpha-warmup between 0 and 1"):
        run(command(tmp_path, alpha_warmup=1.5))
    with pytest.raises(OptionError, match="leave --probe out"):
        run(command(tmp_path, ("human", "target"), probe=True))


def test_the_probe_finds_what_is_there_and_not_what_is_not():
    from zoopose.wscda import probe

    draws = np.random.default_rng(0)
    groups = [f"r{i // 5}" for i in range(200)]
    folds = probe._folds(groups, draws)
    assert {len({f for f, g in zip(folds, groups) if g == name}) for name in groups} == {1}, "recordings stay whole"
    assert np.bincount(folds).tolist() == [40] * 5
    y = torch.tensor([0.0, 1.0], dtype=torch.float64).repeat(200)
    noise = torch.from_numpy(draws.normal(size=(400, 6)))
    apart = noise.clone()
    apart[:, 2] += 6 * y
    for x, low, high in ((noise, 0.35, 0.65), (apart, 0.98, 1.0)):
        right = ((probe._fit(x[:200], y[:200])(x[200:]) > 0) == (y[200:] > 0)).double().mean()
        assert low <= right <= high


def test_sheets_show_every_domain(tmp_path, domains, tiny_options):
    options = tiny_options(
        tmp_path,
        human=f"coco:{domains['human']}",
        source=f"coco:{domains['animal']}",
        target=f"coco:{domains['target']}",
    )
    folder = run(WscdaOptions(**options, num_epochs=1, steps=2, probe=False, debug=1))
    names = {f"000_{domain}_{what}.jpg" for domain in ("human", "animal", "target") for what in ("joints", "maps")}
    assert {p.name for p in (folder / "debug").iterdir()} == names
