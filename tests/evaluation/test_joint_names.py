"""A plain state dict gets its joint names from --joints; facts of foreign data sets are asked for only where they are needed."""

from __future__ import annotations

import pytest
import torch

from zoopose.errors import OptionError
from zoopose.evaluation import predict as prediction
from zoopose.evaluation import test as scoring
from zoopose.evaluation.network import joint_names, load_network, refuse_joints
from zoopose.evaluation.options import LoadingOptions, PredictOptions, TestOptions
from zoopose.pose import checkpoints, weights
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.skeleton import Skeleton
from zoopose.train import train
from zoopose.train.options import TrainOptions

NUMBERS = {"num_stacks": 1, "num_blocks": 1, "width": 4, "depth": 1}


@pytest.fixture
def ours(tmp_path):
    path, spec = tmp_path / "ours.pth.tar", InputSpec(size_hw=(32, 32), heatmap_hw=(8, 8))
    skeleton = Skeleton("beast", ("nose", "left_ear", "right_ear"))
    model = build_model("hg", 3, **NUMBERS)
    weights.save(path, checkpoints.pack(model, "hg", NUMBERS, skeleton, spec, 1, 0.5, None, {}))
    return path


@pytest.fixture
def bare(tmp_path):
    torch.save(build_model("hg", 3, **NUMBERS).state_dict(), tmp_path / "bare.pth")
    return tmp_path / "bare.pth"


def test_names_with_commas_or_of_a_file(tmp_path):
    (tmp_path / "names.txt").write_text("nose\n left_ear \n\nright_ear\n", encoding="utf-8-sig")
    for text in ("nose, left_ear,right_ear", str(tmp_path / "names.txt")):
        assert joint_names(text) == ["nose", "left_ear", "right_ear"]
    assert joint_names("") is None
    for wrong in ("nose,,tail", "nose,nose", ","):
        with pytest.raises(OptionError, match="--joints"):
            joint_names(wrong)


def test_a_bare_state_dict_gets_names_and_their_pairs(bare, ours):
    network = load_network(str(bare), "", LoadingOptions(joints="nose,left_ear,right_ear"))
    assert network.skeleton.joints == ("nose", "left_ear", "right_ear")
    assert network.skeleton.flip_order.tolist() == [0, 2, 1]
    assert load_network(str(bare), "", LoadingOptions()).skeleton.joints == ("joint_0", "joint_1", "joint_2")
    with pytest.raises(OptionError, match="3 names"):
        load_network(str(bare), "", LoadingOptions(joints="nose,tail"))
    assert load_network(str(ours), "", LoadingOptions(joints="nose,left_ear,right_ear")).skeleton.name == "beast"
    with pytest.raises(OptionError, match="names its joints itself"):
        load_network(str(ours), "", LoadingOptions(joints="a,b,c"))
    with pytest.raises(OptionError, match="without a checkpoint"):
        refuse_joints(LoadingOptions(joints="a,b"))


@pytest.mark.parametrize("trained_on", ["", "real_animal"])
def test_an_unknown_animal_matters_only_where_its_mean_colour_is_needed(bare, ours, trained_on):
    options = LoadingOptions(animal="wombat")
    assert load_network(str(ours), trained_on, options).skeleton.name == "beast"
    with pytest.raises(OptionError, match="horse") as error:
        load_network(str(bare), trained_on, options)
    assert "--animal" in error.value.remedy and "wombat" in error.value.found


def test_predict_with_an_unknown_animal(tmp_path, ours, tiny_coco):
    data = tiny_coco(tmp_path / "data", n=2)
    pictures = f"images:{data.parent}"
    options = {"accelerator": "cpu", "workers": 0, "overlays": 0, "resume": str(ours), "data": pictures}
    found = prediction.run(PredictOptions(animal="wombat", checkpoint=str(tmp_path / "out"), **options))
    assert len(found.ids) == 2


@pytest.mark.parametrize("command", ["predict", "test", "train", "evaluate"])
def test_a_checkpoint_of_ours_needs_no_facts_of_the_species(tmp_path, tiny_coco, tiny_options, monkeypatch, command):
    """--animal names a species of which no published mean colour is known."""
    monkeypatch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
    data, dog = f"coco:{tiny_coco(tmp_path / 'data')}", {"animal": "dog", "workers": 0, "accelerator": "cpu"}
    labelled = {"dataset": data, "valid": data, "epochs": 1, "animal": "dog"}
    checkpoint = str(train.run(TrainOptions(**tiny_options(tmp_path / "start", **labelled))) / "model_best.pth.tar")
    out = str(tmp_path / "out")
    if command == "predict":
        found = prediction.run(PredictOptions(data=data, resume=checkpoint, checkpoint=out, overlays=0, **dog))
        assert len(found.ids) == 12
    elif command == "test":
        assert scoring.run(TestOptions(dataset=data, resume=checkpoint, checkpoint=out, **dog))
    elif command == "train":
        folder = train.run(TrainOptions(**tiny_options(tmp_path / "run", **labelled, init_weights=checkpoint)))
        assert (folder / "model_best.pth.tar").is_file()
    else:
        folder = train.run(TrainOptions(**tiny_options(tmp_path / "run", **labelled, resume=checkpoint, evaluate=True)))
        assert (folder / "metrics.json").is_file()
