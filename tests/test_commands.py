"""The commands as a user types them, on tiny trees of the true layouts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch

from zoopose import cli
from zoopose.synthetic.make_animals import make
from zoopose.synthetic.options import MakeOptions

ROOT = Path(__file__).parents[1]
SMALL = "--inp-res 32 --stacks 1 --blocks 1 --width 8 --train-batch 4 --workers 0 --accelerator cpu".split()


@pytest.fixture(scope="module")
def animal_data(tmp_path_factory) -> Path:
    """A synthetic_animal and a behaviorDiscovery2.0 tree of horses."""
    root = tmp_path_factory.mktemp("animal_data")
    make(
        MakeOptions(
            out=root,
            animal=("horse",),
            pictures=20,
            shots=5,
            frames=4,
            size=(72, 96),
            target_size=(72, 96),
            views="side",
            zoom=1.3,
        )
    )
    return root


@pytest.fixture(scope="module")
def source_model(animal_data, tmp_path_factory) -> Path:
    """Run folder of a source model that has trained for two epochs."""
    folder = tmp_path_factory.mktemp("horse_spaug")
    code = cli.main(["train", "--dataset", "synthetic_animal_sp", "-a", "hg", "--image-path", str(animal_data), "--checkpoint",
                     str(folder), "--animal", "horse", "--epochs", "2", *SMALL])  # fmt: skip
    assert code == 0
    return folder


def test_training_leaves_what_the_readme_says(source_model):
    for name in (
        "model_best.pth.tar",
        "checkpoint.pth.tar",
        "last.pth.tar",
        "metrics.json",
        "report.html",
        "log.csv",
        "log.txt",
    ):
        assert (source_model / name).stat().st_size > 0, name
    scores = json.loads((source_model / "metrics.json").read_text())
    assert set(scores["protocols"]) == {"exact/crop", "exact/box", "exact/diagonal", "published"}
    assert list(scores["joints"])[0] == "left_eye" and len(scores["joints"]) == 18
    assert scores["protocol"]["threshold"] == 0.05
    log = (source_model / "log.txt").read_text().splitlines()
    assert log[0].split("\t")[0] == "Epoch" and len(log) == 3
    assert "nan" not in log[1].lower()


def test_adaptation_and_test_by_the_published_names(animal_data, source_model, tmp_path):
    folder, start = tmp_path / "horse_ccssl", source_model / "model_best.pth.tar"
    code = cli.main(["ccssl", "--num-epochs", "2", "--checkpoint", str(folder), "--resume", str(start),
                     "--animal", "horse", "--image-path", str(animal_data), "--refresh", "1", "--views", "2",
                     "--guard-limit", "1e9", *SMALL])  # fmt: skip
    assert code == 0
    for round_, share in ((0, 0.2), (1, 0.8)):
        with h5py.File(folder / f"labels_round_{round_:02d}.h5") as file:
            admitted = file["admitted"][()]
            assert file["xy"].shape == (16, 18, 2) and len(file["frame_ids"]) == 16
            # a joint of which a network of two epochs sees nothing at all is never admitted
            assert 0 < admitted.mean() < share + 0.05
    result = tmp_path / "result.json"
    code = cli.main(["test", "--dataset1", "synthetic_animal_sp", "--dataset2", "real_animal_sp", "--arch", "hg", "--resume",
                     str(folder / "synthetic_animal_sp.pth.tar"), "--evaluate", "--animal", "horse", "--image-path",
                     str(animal_data), "--json", str(result), "--checkpoint", str(tmp_path / "test")])  # fmt: skip
    assert code == 0
    assert json.loads(result.read_text())["protocol"]["frames"] == 4
    assert (tmp_path / "test" / "report.html").is_file()


def test_published_recipe_trains(animal_data, tmp_path):
    pytest.importorskip("imgaug")
    code = cli.main(["train", "--dataset", "synthetic_animal_sp", "--image-path", str(animal_data), "--checkpoint", str(tmp_path),
                     "--epochs", "1", "--augment", "published", *SMALL])  # fmt: skip
    assert code == 0
    state = torch.load(tmp_path / "checkpoint.pth.tar", weights_only=True)
    assert state["zoopose"]["form"]["kind"] == "published"


def test_evaluate_a_checkpoint_of_the_published_code(animal_data, tmp_path):
    """A file with `module.` keys and the published fields, as it lies on disk."""
    from zoopose.pose.models import build_model

    model = build_model("hg", 18, num_stacks=1, width=8)
    state = {f"module.{k}": v for k, v in model.state_dict().items()}
    optimizer = torch.optim.RMSprop(model.parameters()).state_dict()
    path = tmp_path / "model_best.pth.tar"
    torch.save(
        {"epoch": 3, "arch": "hg", "state_dict": state, "best_acc": np.float64(0.5), "optimizer": optimizer}, path
    )
    code = cli.main(["train", "--dataset", "real_animal", "--image-path", str(animal_data), "--resume", str(path), "--evaluate",
                     "--checkpoint", str(tmp_path), "--workers", "0", "--accelerator", "cpu"])  # fmt: skip
    assert code == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["protocol"]["frames"] == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian"], "zoopose train"),
        (["train", "--inp-ress", "64"], "--inp-res"),
        (["train", "--dataset", "coco:/no/such.json"], "/no/such.json"),
        (["train", "--dataset", "real_animal", "--image-path", "/no/such/tree"], "behaviorDiscovery2.0"),
        (["train", "--dataset", "synthetic_animals"], "synthetic_animal"),
        (["test", "--dataset", "real_animal", "--resume", "/no/such.pth.tar"], "checkpoint"),
        (["ccssl"], "--resume"),
        (["ccssl", "--views", "-1"], "--views"),
        (["train", "--seed", "-1"], "--seed"),
        (["predict", "--data", "images:/no/such"], "--resume"),
    ],
)
def test_a_mistake_is_one_clear_error(words, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = cli.main(words)
    except SystemExit as stop:  # the option parser's own way out
        code = stop.code
    printed = capsys.readouterr()
    assert code == 2
    assert told in printed.err + printed.out
    assert "Traceback" not in printed.err


def test_joints_that_do_not_fit(source_model, tmp_path, capsys):
    page = {
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "keypoints": [1, 1, 2, 3, 3, 2],
                "bbox": [0, 0, 8, 8],
                "iscrowd": 0,
            }
        ],
        "categories": [{"id": 1, "name": "worm", "keypoints": ["head", "tail"], "skeleton": []}],
    }
    (tmp_path / "worm.json").write_text(json.dumps(page))
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    code = cli.main(
        ["test", "--dataset", f"coco:{tmp_path / 'worm.json'}", "--resume", str(source_model / "model_best.pth.tar")]
    )
    assert code == 2
    assert "18" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "word"),
    [
        pytest.param("train/train.py", "horse_spaug", marks=pytest.mark.slow),
        pytest.param("ccssl/CCSSL.py", "horse_ccssl", marks=pytest.mark.slow),
        ("evaluation/test.py", "dataset2"),
    ],
)
def test_commands_run_by_path_from_another_folder(tmp_path, path, word):
    """`python train/train.py --help` begins with examples; nothing in its folder shadows the standard library."""
    done = subprocess.run([sys.executable, str(ROOT / path), "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert word in done.stdout


@pytest.mark.slow
def test_demo_of_three_domains_end_to_end(tmp_path):
    out = tmp_path / "demo"
    small = "--people 10 --pictures 20 --shots 5 --frames 3 --source-epochs 1 --rounds 1 --steps 2 --oracle-epochs 1 --workers 1"
    assert cli.main(["demo", "--method", "wscda", "--out", str(out), "--accelerator", "cpu", *small.split()]) == 0
    scores = json.loads((out / "metrics.json").read_text())
    assert list(scores) == ["source_only", "wscda", "wscda_pplo", "oracle"]
    assert all(score["protocol"]["frames"] == 3 for score in scores.values())
    page = (out / "report.html").read_text()
    assert "Pseudo-labels" in page and "WS-CDA: domain discriminator" in page
    assert (out / "wscda" / "probe.json").is_file()


def test_a_reader_that_goes_away_is_no_fault(tmp_path, tiny_coco):
    data = tiny_coco(tmp_path)
    line = f"{sys.executable} -m zoopose.cli data check coco:{data} --sheet {tmp_path}/s.png --json {tmp_path}/facts.json | true"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "facts.json").is_file()


def test_demo_refuses_options_of_the_other_method(tmp_path, capsys):
    assert cli.main(["demo", "--method", "wscda", "--animal", "tiger", "--out", str(tmp_path / "a")]) != 0
    assert "leave --animal out" in capsys.readouterr().err
    assert cli.main(["demo", "--people", "10", "--out", str(tmp_path / "b")]) != 0
    assert "leave --people out" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["lpn50", "cpn50", "rsn18"])
def test_demo_with_another_network(tmp_path, arch):
    words = "--pictures 20 --shots 5 --frames 3 --source-epochs 1 --rounds 1 --steps 2 --oracle-epochs 1 --workers 1".split()
    assert cli.main(["demo", "--arch", arch, "--out", str(tmp_path / "demo"), "--accelerator", "cpu", *words]) == 0
    assert list(json.loads((tmp_path / "demo/metrics.json").read_text())) == ["source_only", "ccssl", "oracle"]


def test_demo_refuses_a_network_that_is_none(tmp_path, capsys):
    assert cli.main(["demo", "--arch", "hrnet32", "--out", str(tmp_path / "demo")]) == 2
    assert "hrnet_w32" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_demo_end_to_end(tmp_path):
    out = tmp_path / "demo"
    words = "--pictures 20 --shots 5 --frames 3 --source-epochs 1 --rounds 1 --steps 2 --oracle-epochs 1 --workers 1".split()
    assert cli.main(["demo", "--out", str(out), "--accelerator", "cpu", *words]) == 0
    scores = json.loads((out / "metrics.json").read_text())
    assert list(scores) == ["source_only", "ccssl", "oracle"]
    for score in scores.values():
        assert score["protocol"]["name"] == "exact/crop" and score["protocol"]["frames"] == 3
        assert set(score["joints"]["left_eye"]) == {"pck", "n"}
    page = (out / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "") and "Pseudo-labels" in page
