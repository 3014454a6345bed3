"""Every recipe loads and names things that exist; schedules follow their closed forms; mistakes are told with what was meant."""

from __future__ import annotations

import inspect
import math
import tomllib
from dataclasses import fields, replace

import pytest
import torch
from torch import nn

from zoopose.errors import OptionError
from zoopose.pose.codecs import CODECS
from zoopose.pose.models import MODELS, options_of
from zoopose.pose.person_augment import PersonAugmentation
from zoopose.train import recipes as module
from zoopose.train.optim import parameter_groups
from zoopose.train.recipes import FOLDER, Recipe, load_recipe, recipes
from zoopose.train.schedules import Schedule
from zoopose.train.supervised import LOSSES

NAMES = recipes()


def test_every_family_and_both_data_sets_are_there():
    assert len(NAMES) == len(set(NAMES)) > 60
    families = (
        "sb_pose_resnet",
        "hrnet_w",
        "lpn",
        "dark_",
        "udp_",
        "cpn",
        "mspn",
        "rsn",
        "omnipose",
        "hg_bearpaw",
        "hg_princeton",
        "hourglass52",
    )
    assert all(any(name.split("/")[1].startswith(family) for name in NAMES) for family in families)
    assert {name.split("/")[0] for name in NAMES} == {"coco", "mpii"}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_names_what_exists_and_says_where_it_is_from(name):
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.data == {"coco": "coco_person", "mpii": "mpii"}[name.split("/")[0]]
    assert recipe.arch in MODELS and recipe.options.keys() <= options_of(recipe.arch).keys()
    codec = CODECS[recipe.codec]
    kind = "levels" if codec.kernels else "offsets" if codec.radius_share else "maps"
    assert LOSSES[recipe.loss].targets == LOSSES[codec.loss].targets == kind
    size = name.rsplit("_", 1)[1]
    if size in ("offset", "gaussian", "mmpose"):
        size = name.split("_")[-2]
    assert "x".join(map(str, recipe.inp_res)) == size
    spec = recipe.spec
    assert spec.size_hw == recipe.inp_res and spec.heatmap_hw == (recipe.inp_res[0] // 4, recipe.inp_res[1] // 4)
    assert (spec.kind, spec.codec, spec.sigma, spec.bgr) == (recipe.frame, recipe.codec, recipe.sigma, recipe.bgr)
    assert recipe.schedule.total_epochs(1000) >= 29 and recipe.schedule.rate(10**9, 1000) < recipe.lr
    text = (FOLDER / f"{name}.toml").read_text()
    assert "github.com/" in text.split("\n\n")[0], "its source"
    # nothing stands in a file that is not read, and nothing that says what is so anyway, but the augmentation's own
    plain = tomllib.loads(text)
    optional = {
        f.name: f.default for f in fields(Recipe) if f.name in plain and f.name not in ("options", "augmentation")
    }
    stated = ("shape", "gamma", "decay_norms", "momentum")
    assert [k for k, v in optional.items() if v == getattr(recipe, k) and k not in stated] == []


def test_networks_take_the_options_of_their_recipes():
    for name in NAMES:
        recipe = load_recipe(name)
        inspect.signature(MODELS[recipe.arch]).bind(17, **recipe.options)
        plain = options_of(recipe.arch)
        assert all(type(plain[k]) is type(v) for k, v in recipe.options.items()), name


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_networks_of_recipes_can_be_built(name):
    recipe = load_recipe(name)
    with torch.device("meta"):
        network = MODELS[recipe.arch](17, **recipe.options)
    assert all(side % network.input_multiple == 0 for side in recipe.inp_res)


def test_what_is_published_of_a_few():
    hrnet = load_recipe("coco/hrnet_w32_256x192")
    assert (hrnet.frame, hrnet.codec, hrnet.sigma, hrnet.bgr, hrnet.batch * hrnet.gpus) == (
        "msra",
        "quarter",
        2,
        False,
        128,
    )
    assert hrnet.augmentation == PersonAugmentation(scale=(0.65, 1.35), rotation_deg=45, flip=0.5, half_body=0.3)
    assert hrnet.weight_decay == 0 and [hrnet.schedule.rate(e, 1) for e in (0, 169, 170, 200, 209)] == pytest.approx(
        [1e-3, 1e-3, 1e-4, 1e-5, 1e-5]
    )
    baseline = load_recipe("coco/sb_pose_resnet50_384x288")
    assert baseline.bgr and baseline.sigma == 3 and baseline.augmentation.half_body == 0
    mspn = load_recipe("coco/mspn4_256x192")
    assert mspn.schedule.rate(0, 500) == pytest.approx(4e-4) and mspn.schedule.rate(2400, 500) == pytest.approx(4e-3)
    assert mspn.schedule.total_epochs(500) == 192 and not mspn.decay_norms
    lpn = load_recipe("coco/lpn50_256x192").schedule
    assert lpn.total_epochs(9) == 1050 and sum(lpn.begins_stage(s, 9) for s in range(9 * 1050)) == 6
    assert load_recipe("coco/rsn18x4_256x192").options == {"num_stages": 4}
    assert load_recipe("mpii/hg_bearpaw_s8_256x256").options == {"num_stacks": 8, "num_blocks": 1}


# ---- schedules


def test_drops():
    drops = Schedule(1e-3, milestones=(2, 4), gamma=0.1, epochs=5)
    assert [drops.rate(s, 3) for s in (0, 5, 6, 11, 12, 14, 99)] == pytest.approx(
        [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5, 1e-5]
    )
    assert drops.total_epochs(3) == 5 and not any(drops.begins_stage(s, 3) for s in range(20))
    by_step = Schedule(1e-3, milestones=(7,), gamma=0.2, iterations=10)
    assert [by_step.rate(s, 3) for s in (6, 7)] == pytest.approx([1e-3, 2e-4]) and by_step.total_epochs(3) == 4


def test_warm_up_rises_from_its_share_and_meets_the_rate():
    warm = Schedule(2e-3, milestones=(3,), epochs=4, warmup=8, warmup_factor=0.25)
    assert [warm.rate(s, 10) for s in range(10)] == pytest.approx(
        [2e-3 * min(1, 0.25 + 0.75 * s / 8) for s in range(10)]
    )
    assert warm.rate(30, 10) == pytest.approx(2e-4)


def test_a_line_from_the_end_of_the_warm_up_to_zero():
    line = Schedule(1.0, "linear", iterations=100, warmup=20, warmup_factor=0.1)
    assert [line.rate(s, 7) for s in (0, 10, 19, 20, 60, 99)] == pytest.approx([0.1, 0.55, 0.955, 1.0, 0.5, 1 / 80])
    assert line.rate(100, 7) == line.rate(10**6, 7) == pytest.approx(1 / 80)
    assert line.total_epochs(7) == math.ceil(100 / 7)


def test_stages_run_the_whole_schedule_again():
    stages = Schedule(1e-3, milestones=(2,), epochs=3, warmup=2, warmup_factor=0.5, stages=3)
    one = replace(stages, stages=1)
    assert [stages.rate(s, 4) for s in range(36)] == [one.rate(s % 12, 4) for s in range(36)]
    assert stages.rate(36, 4) == stages.rate(35, 4) and stages.total_epochs(4) == 9
    assert [s for s in range(40) if stages.begins_stage(s, 4)] == [12, 24]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"shape": "cosine", "epochs": 1},
        {"epochs": 2, "iterations": 3},
        {"epochs": 3, "milestones": (2, 1)},
        {"epochs": 1, "stages": 0},
    ],
)
def test_schedules_that_mean_nothing(wrong):
    with pytest.raises(ValueError):
        Schedule(1e-3, **wrong)


def test_norms_and_biases_do_not_decay_where_the_source_says_so():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1, bias=False))
    model[2].weight.requires_grad_(False)
    for decay_norms, sizes in ((True, [4]), (False, [1, 3])):
        groups = parameter_groups(model, 1e-5, decay_norms)
        assert [len(g["params"]) for g in groups] == sizes
        assert [g["weight_decay"] for g in groups] == [1e-5, 0.0][: len(sizes)]
    assert [p.ndim for p in groups[1]["params"]] == [1, 1, 1]
    assert [len(g["params"]) for g in parameter_groups(model, 0.0, False)] == [4]
    torch.optim.Adam(groups, lr=1e-3)


# ---- mistakes


@pytest.fixture
def written(tmp_path):
    """(old text, new text) -> path of HRNet's recipe, so changed."""

    def write(old: str, new: str) -> str:
        text = (FOLDER / "coco/hrnet_w32_256x192.toml").read_text()
        assert old in text
        path = tmp_path / "own.toml"
        path.write_text(text.replace(old, new))
        return str(path)

    return write


def test_a_file_of_ones_own(written):
    recipe = load_recipe(written("sigma = 2.0", "sigma = 3"))
    assert recipe.sigma == 3.0 and isinstance(recipe.sigma, float) and recipe.name.endswith("own")


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("gpus = 4", "gpu = 4", r"(?s)'gpu'.*gpus = "),
        ("gpus = 4", "", r"a value for gpus"),
        ("gpus = 4", "gpus = 4.5", r"int for .*gpus"),
        ("gpus = 4", "gpus = true", r"int for .*gpus"),
        ("gpus = 4", "gpus = 0", r"gpus above 0"),
        ("hrnet_w32\"", "hrnet_w23\"", r"(?s)'hrnet_w23'.*hrnet_w32"),
        ("\"msra\"", "\"mrsa\"", r"(?s)'mrsa'.*frame = \"msra\""),
        ("\"quarter\"", "\"quater\"", r"(?s)'quater'.*codec = \"quarter\""),
        ("flip = 0.5", "flips = 0.5", r"(?s)\[augmentation\]: 'flips'.*flip = "),
        ("flip = 0.5", "scale_law = \"cauchy\"", r"(?s)values that PersonAugmentation can have.*cauchy"),
        ("[0.65, 1.35]", "[0.65]", r"a list of 2 float values for .*scale"),
        ("[256, 192]", "[255, 192]", r"multiples of 4 px"),
        ("[256, 192]", "256", r"a list of 2 int values for .*inp_res"),
        ("epochs = 210", "epochs = 210\niterations = 7", r"values that Schedule can have"),
        ("[augmentation]", "[options]\nnum_stacks = 2\n[augmentation]", r"(?s)\[options\] of hrnet_w32: none.*num_stacks"),
        ("gpus = 4", "gpus = = 4", r"a recipe in TOML"),
        ("[augmentation]\nscale = [0.65, 1.35]\n", "augmentation = 3\n[options]\n", r".*"),
    ],
)  # fmt: skip
def test_mistakes_in_a_file(written, old, new, told):
    with pytest.raises(OptionError, match=told):
        load_recipe(written(old, new))


def test_a_recipe_there_is_not():
    with pytest.raises(OptionError, match=r"(?s)'coco/hrnet_w32'.*--recipe coco/hrnet_w32_256x192, or"):
        load_recipe("coco/hrnet_w32")
    for name in ("../recipes/coco/hrnet_w32_256x192", "nowhere.toml", ""):
        with pytest.raises(OptionError, match=f"one of the {len(NAMES)} recipes of"):
            load_recipe(name)


def test_the_files_are_where_the_package_looks():
    assert list(module.FOLDER.glob("coco/*.toml")) and list(module.FOLDER.glob("mpii/*.toml"))
