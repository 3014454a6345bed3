"""Which cells the adaptation benchmark runs, with which words."""

from __future__ import annotations

import pytest

from zoopose.benchmarks.adaptation import data
from zoopose.benchmarks.adaptation.columns import columns_of
from zoopose.benchmarks.adaptation.config import ABLATIONS, COLUMNS, CONFIGS
from zoopose.benchmarks.adaptation.plan import build, words
from zoopose.ccssl.options import CcsslOptions
from zoopose.errors import OptionError
from zoopose.train.options import TrainOptions

SMALL, FULL = CONFIGS["small"], CONFIGS["full"]


@pytest.fixture
def animals(livestock, tmp_path):
    def files(name: str, common: bool) -> data.Animals:
        if name == data.SYNTHETIC:
            return data.synthetic(tmp_path)
        return data.prepare(livestock, tmp_path / "run", name, FULL, common)

    return files


def test_source_models_and_oracles_are_shared(animals):
    plan = build(SMALL, ["pony:cow", "pony:pony"], columns_of([], False, []), [0], animals)
    names = list(plan.cells)
    assert names.count("source/pony-strong-seed0") == 1
    assert plan.cells["pony-cow/zoopose-seed0"].needs == ("source/pony-strong-seed0",)
    assert plan.scores["pony:cow", "oracle", 0] == tuple(f"oracle/cow-fold{i}-seed0" for i in range(5))
    assert plan.cells["oracle/cow-fold1-seed0"].measure["parts"] == {"held": "held1"}
    for cell in plan.cells.values():
        assert all(names.index(n) < names.index(cell.name) for n in cell.needs)


def test_renderings_come_first_and_their_hidden_joints_are_not_learnt(animals):
    plan = build(SMALL, ["synthetic:pony"], columns_of(["zoopose", "published"], False, []), [3], animals)
    assert plan.cells["source/synthetic-strong-seed3"].needs == ("renderings",)
    line = " ".join(plan.cells["synthetic-pony/zoopose-seed3"].command)
    assert "--hidden ignore" in line and "--target coco:data/pony_common/train.json" in line and "--seed 3" in line
    # the published protocol has no use for the option
    assert "--hidden" not in plan.cells["synthetic-pony/published-seed3"].command


def test_steps_become_epochs(animals):
    line = build(FULL, ["cow:pony"], columns_of(["source_strong"], False, []), [0], animals).cells[
        "source/cow-strong-seed0"
    ]
    at = line.command.index
    # ten pictures in batches of 6: two batches an epoch
    assert line.command[at("--epochs") + 1] == "8000"
    assert line.command[at("--schedule") + 1 : at("--schedule") + 3] == ("4800", "7200")


def test_ablations_are_zoopose_with_other_options():
    columns = columns_of(["zoopose"], True, ["wide.view-scale=0.4", "wide.no_view_flip=true"])
    assert set(columns) == {"zoopose", *ABLATIONS, "wide"}
    assert columns["wide"].options == {"view_scale": "0.4", "no_view_flip": True}
    assert columns["wide"].start == COLUMNS["zoopose"].start
    changed = columns_of(["zoopose"], False, ["source_strong.steps=5"])
    assert changed["source_strong"].options == {"augment": "strong", "steps": "5"}


@pytest.mark.parametrize(
    "names, changes, found",
    [(["zoopos"], [], "zoopose"), ([], ["zoopose.view_scal=1"], "view_scale"), ([], ["zoopose=1"], "NAME.OPTION")],
)
def test_mistakes_are_named(names, changes, found):
    with pytest.raises(OptionError, match=found):
        columns_of(names, False, changes)


def test_no_pair_no_plan(animals):
    for pair in ("pony", "pony:", "pony:synthetic"):
        with pytest.raises(OptionError, match="SOURCE:TARGET"):
            build(SMALL, [pair], columns_of([], False, []), [0], animals)


def test_every_option_of_the_configurations_exists():
    train, adapt = set(TrainOptions.__dataclass_fields__) | {"steps"}, set(CcsslOptions.__dataclass_fields__)
    for config in CONFIGS.values():
        assert {*config.network, *config.training, *config.source, *config.oracle} <= train
        assert {*config.training, *config.adapted, *config.published} <= adapt
    for name, options in ABLATIONS.items():
        assert set(options) <= adapt, name


def test_words():
    assert words("data make", {"size": (1, 2), "a_b": True, "c": False, "lr": 1e-3}) == (
        "data", "make", "--size", "1", "2", "--a-b", "--lr", "0.001",
    )  # fmt: skip
