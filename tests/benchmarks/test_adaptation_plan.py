"""Which cells the adaptation benchmark runs, with which words."""

from __future__ import annotations

import pytest

from zoopose.benchmarks.adaptation import data, joined
from zoopose.benchmarks.adaptation.columns import OPTIONS, columns_of
from zoopose.benchmarks.adaptation.config import ABLATIONS, COLUMNS, COMPARISONS, CONFIGS
from zoopose.benchmarks.adaptation.plan import build, words
from zoopose.ccssl.options import CcsslOptions
from zoopose.errors import OptionError
from zoopose.train.options import TrainOptions

SMALL, FULL, SCRATCH = CONFIGS["small"], CONFIGS["full"], CONFIGS["scratch"]


@pytest.fixture
def animals(livestock, tmp_path):
    def files(name: str, common: bool) -> data.Animals:
        if name in data.SYNTHETIC:
            return data.synthetic(tmp_path, name)
        if "+" in name:
            return joined.join(tmp_path / "run", name, [files(part, common) for part in name.split("+")])
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


def test_drawn_animals_join_real_ones(animals):
    """The names of the drawn ones' files follow from their names; the real ones alone validate, and name the folds."""
    whole = joined.with_drawn(animals("pony", False), "pony+cow_drawn+livestock_drawn", 800)
    assert whole.train == "+coco:".join(
        ["data/pony/train.json", "data/cow_drawn/animals/train.json", "data/livestock_drawn/animals/train.json"]
    )
    count = animals("pony", False).counts["data/pony/train.json"]
    assert whole.counts[whole.train] == count + 1280
    assert whole.valid == animals("pony", False).valid

    def files(name: str, common: bool) -> data.Animals:
        return whole if "+" in name else animals(name, common)

    plan = build(SMALL, ["pony+cow_drawn+livestock_drawn:cow"], columns_of(["zoopose"], False, []), [0], files)
    source = plan.cells["source/pony+cow_drawn+livestock_drawn-strong-seed0"]
    assert source.needs == ("renderings_cow_drawn", "renderings_livestock_drawn")
    assert f"coco:{whole.train}" in source.command
    drawn = " ".join(plan.cells["renderings_livestock_drawn"].command)
    assert "--animal livestock" in drawn
    assert "--layout coco" in drawn
    assert f"--pictures {SMALL.renderings['pictures'] // 5}" in drawn
    with pytest.raises(OptionError, match="begins with real animals"):
        build(SMALL, ["cow_drawn+pony:cow"], columns_of(["zoopose"], False, []), [0], files)


def test_an_adaptation_starts_from_another_which_is_run_once(animals):
    columns = columns_of(["source_strong", "wscda_pplo", "wscda_ccssl", "wscda", "pplo"], False, [])
    plan = build(SMALL, ["pony:cow"], columns, [0, 1], animals)
    names = list(plan.cells)
    # first what others start from
    assert names[:3] == ["source/pony-strong-seed0", "pony-cow/wscda-seed0", "pony-cow/source_strong-seed0"]
    assert len(names) == 12 and len(set(names)) == 12  # six a seed
    for name in ("wscda_pplo", "wscda_ccssl"):
        cell = plan.cells[f"pony-cow/{name}-seed1"]
        assert cell.needs == ("pony-cow/wscda-seed1",) and names.index(cell.needs[0]) < names.index(cell.name)
        start = "cells/pony-cow/wscda-seed1/model_best.pth.tar"
        assert cell.command[cell.command.index("--resume") + 1] == cell.measure["start"] == start
    # the cell that others start from is the one of its own column, asked for or not
    alone = build(SMALL, ["pony:cow"], columns_of(["wscda_pplo"], False, []), [0], animals)
    assert [alone.cells[n] for n in alone.cells] == [plan.cells[n] for n in alone.cells]
    assert list(alone.scores) == [("pony:cow", "wscda_pplo", 0)]
    # a changed start changes all that start from it
    columns = columns_of(["wscda_pplo"], False, ["wscda.alpha=0"])
    changed = build(SMALL, ["pony:cow"], columns, [0], animals).cells["pony-cow/wscda-seed0"]
    assert changed.command[changed.command.index("--alpha") + 1] == "0"


def test_every_command_has_its_own_words_and_scored_checkpoint(animals):
    columns = columns_of(["wscda", "wscda_pplo", "wscda_ccssl", "zoopose"], False, [])
    cells = build(SMALL, ["synthetic:pony"], columns, [0], animals).cells
    for name, command, labelled, first in (
        ("wscda", "wscda", "--source", "model_best.pth.tar"), ("wscda_pplo", "pplo", "--source", "last.pth.tar"),
        ("wscda_ccssl", "ccssl", "--source", "model_best.pth.tar"),
    ):  # fmt: skip
        cell = cells[f"synthetic-pony/{name}-seed0"]
        assert cell.command[:3] == (command, labelled, "coco:data/synthetic/train.json")
        assert cell.command[cell.command.index("--hidden") + 1] == "ignore"
        assert cell.measure["checkpoints"][0] == f"cells/{cell.name}/{first}"
        assert ("--probe" in cell.command) == ("domains" in cell.measure) == (name == "wscda")
    probed = cells["synthetic-pony/wscda-seed0"].measure["domains"]
    assert probed == {"folder": "cells/synthetic-pony/wscda-seed0", "valid": "data/synthetic/valid.json"}
    # but for where it starts and ends, CC-SSL after WS-CDA is CC-SSL
    after, alone = (cells[f"synthetic-pony/{n}-seed0"].command for n in ("wscda_ccssl", "zoopose"))
    options = [dict(zip(line, line[1:])) for line in (after, alone)]
    assert {k for k in options[0] if options[0][k] != options[1].get(k) and k.startswith("--")} == {
        "--resume",
        "--checkpoint",
        "--framing-from",  # the source model has not seen the target
    }


def test_without_a_source_only_its_network_is_given(animals):
    cells = build(SMALL, ["synthetic:pony"], columns_of(["source_free"], False, []), [0], animals).cells
    line = cells["synthetic-pony/source_free-seed0"].command
    assert line[:3] == ("ccssl", "--target", "coco:data/pony_common/train.json") and "--no-source" in line
    assert not {"--source", "--valid", "--hidden"} & set(line)
    assert line[line.index("--resume") + 1] == "cells/source/synthetic-strong-seed0/model_best.pth.tar"


def test_the_cells_of_earlier_runs_are_the_same(animals):
    # word for word what run folders hold: a changed one would have to be run again
    cells = build(SCRATCH, ["pony:cow"], columns_of(["zoopose"], False, []), [0], animals).cells
    assert " ".join(cells["pony-cow/zoopose-seed0"].command) == (
        "ccssl --source coco:data/pony/train.json --valid coco:data/pony/test.json --target coco:data/cow/all.json "
        "--resume cells/source/pony-strong-seed0/model_best.pth.tar --train-batch 16 --solver adam --decay cosine --workers 0 "
        "--num-epochs 8 --refresh 1 --snapshot 1 --steps 60 --lr 0.001 --seed 0 --accelerator auto "
        "--checkpoint cells/pony-cow/zoopose-seed0"
    )
    assert set(cells["pony-cow/zoopose-seed0"].measure) == {
        "scored", "parts_of", "parts", "checkpoints", "start", "labels", "labelled",
    }  # fmt: skip


def test_a_joined_source(animals):
    plan = build(SMALL, ["pony+cow:cow"], columns_of(["wscda"], False, []), [0], animals)
    source = plan.cells["source/pony+cow-strong-seed0"]
    at = source.command.index
    # 3 and 9 pictures are one batch of 16
    assert source.command[at("--epochs") + 1] == "600"
    assert source.command[at("--valid") + 1] == "coco:data/pony+cow/valid.json"
    assert plan.cells["pony+cow-cow/wscda-seed0"].needs == (source.name,)


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
    [
        (["zoopos"], [], "zoopose"),
        (["pplo"], ["pplo.view_scale=1"], "zoopose pplo"),
        ([], ["zoopose.view_scal=1"], "view_scale"),
        ([], ["zoopose=1"], "NAME.OPTION"),
    ],
)
def test_mistakes_are_named(names, changes, found):
    with pytest.raises(OptionError, match=found):
        columns_of(names, False, changes)


def test_no_pair_no_plan(animals):
    for pair in ("pony", "pony:", "pony:synthetic", "pony:pony+cow"):
        with pytest.raises(OptionError, match="SOURCE:TARGET"):
            build(SMALL, [pair], columns_of([], False, []), [0], animals)

    for pair in ("pony+pony:cow", "pony+:cow", "synthetic+pony:cow"):
        with pytest.raises(OptionError, match="joined by"):
            build(SMALL, [pair], columns_of([], False, []), [0], animals)


def test_every_option_of_the_configurations_exists():
    train, adapt = set(TrainOptions.__dataclass_fields__) | {"steps"}, set(CcsslOptions.__dataclass_fields__)
    for column in COLUMNS.values():
        if column.kind == "adapted":
            for config in CONFIGS.values():
                options = {*config.training, *getattr(config, column.base), *column.options}
                assert options <= set(OPTIONS[column.command].__dataclass_fields__), column.title
    assert all(set(comparison.columns) <= set(COLUMNS) for comparison in COMPARISONS.values())
    for config in CONFIGS.values():
        assert {*config.network, *config.training, *config.source, *config.oracle} <= train
        assert {*config.training, *config.adapted, *config.published} <= adapt
    for name, options in ABLATIONS.items():
        assert set(options) <= adapt, name


def test_words():
    assert words("data make", {"size": (1, 2), "a_b": True, "c": False, "lr": 1e-3}) == (
        "data", "make", "--size", "1", "2", "--a-b", "--lr", "0.001",
    )  # fmt: skip
