"""Command lines: the published flags, flags that do nothing, and flags that do not exist."""

from __future__ import annotations

import re

import pytest

from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.protocol import with_defaults
from zoopose.commandline.flags import flags, why_ignored
from zoopose.commandline.limits import flag_of
from zoopose.commandline.parsing import command, parse, plain, warn_of_dead_flags
from zoopose.errors import OptionError
from zoopose.train.options import TrainOptions

# flag and value as published, and the field it sets; train.py and then CCSSL.py of the published code
TRAIN = [
    ("--dataset real_animal", {"dataset": "real_animal"}),
    ("--image-path ./data/", {"image_path": "./data/"}),
    ("--animal tiger", {"animal": "tiger"}),
    ("--year 2015", {"year": 2015}),
    ("--inp-res 128", {"inp_res": 128}),
    ("--out-res 32", {"out_res": 32}),
    ("-a hg_multitask", {"arch": "hg_multitask"}),
    ("--arch hg", {"arch": "hg"}),
    ("-s 8", {"stacks": 8}),
    ("--stacks 8", {"stacks": 8}),
    ("--features 128", {"features": 128}),
    ("--resnet-layers 101", {"resnet_layers": 101}),
    ("-b 2", {"blocks": 2}),
    ("--blocks 2", {"blocks": 2}),
    ("--solver adam", {"solver": "adam"}),
    ("-j 3", {"workers": 3}),
    ("--workers 0", {"workers": 0}),
    ("--epochs 7", {"epochs": 7}),
    ("--start-epoch 3", {"start_epoch": 3}),
    ("--train-batch 2", {"train_batch": 2}),
    ("--test-batch 2", {"test_batch": 2}),
    ("--lr 1e-3", {"lr": 1e-3}),
    ("--learning-rate 1e-3", {"lr": 1e-3}),
    ("--momentum 0.9", {"momentum": 0.9}),
    ("--weight-decay 1e-4", {"weight_decay": 1e-4}),
    ("--wd 1e-4", {"weight_decay": 1e-4}),
    ("--schedule 10 20 30", {"schedule": (10, 20, 30)}),
    ("--gamma 0.5", {"gamma": 0.5}),
    ("--target-weight", {"target_weight": True}),
    ("-f", {"flip": True}),
    ("--flip", {"flip": True}),
    ("--sigma 2", {"sigma": 2.0}),
    ("--scale-factor 0.1", {"scale_factor": 0.1}),
    ("--rot-factor 10", {"rot_factor": 10.0}),
    ("--sigma-decay 0.9", {"sigma_decay": 0.9}),
    ("--label-type Cauchy", {"label_type": "Cauchy"}),
    ("-c runs/x", {"checkpoint": "runs/x"}),
    ("--checkpoint runs/x/", {"checkpoint": "runs/x/"}),
    ("--snapshot 5", {"snapshot": 5}),
    ("--resume a.pth.tar", {"resume": "a.pth.tar"}),
    ("-e", {"evaluate": True}),
    ("--evaluate", {"evaluate": True}),
    ("-d", {"debug": 1}),
    ("--debug", {"debug": 1}),
    ("--debug 3", {"debug": 3}),
]
CCSSL = [
    ("--animal tiger", {"animal": "tiger"}),
    ("--model resnet", {"model": "resnet"}),
    ("--source synthetic_animal", {"source": "synthetic_animal"}),
    ("--target-ssl x", {"target_ssl": "x"}),
    ("--target real_animal", {"target": "real_animal"}),
    ("--batch-size 4", {"train_batch": 4}),
    ("--workers 2", {"workers": 2}),
    ("--data-label-folder-target x", {"data_label_folder_target": "x"}),
    ("--learning-rate 1e-3", {"lr": 1e-3}),
    ("--momentum 0.9", {"momentum": 0.9}),
    ("--weight-decay 1e-4", {"weight_decay": 1e-4}),
    ("--num-classes 20", {"num_classes": 20}),
    ("--num-epochs 5", {"num_epochs": 5}),
    ("--init-weights x", {"init_weights": "x"}),
    ("--print-freq 10", {"print_freq": 10}),
    ("--checkpoint ./checkpoint/horse/ssl/", {"checkpoint": "./checkpoint/horse/ssl/"}),
    ("--gamma_ 5.0", {"gamma_": 5.0}),
    ("-f", {"flip": True}),
    ("--flip", {"flip": True}),
    ("--inp-res 128", {"inp_res": 128}),
    ("--out-res 32", {"out_res": 32}),
    ("--scale-factor 0.1", {"scale_factor": 0.1}),
    ("--rot-factor 10", {"rot_factor": 10.0}),
    ("--sigma 2", {"sigma": 2.0}),
    ("--label-type Cauchy", {"label_type": "Cauchy"}),
    ("--image-path ./data/", {"image_path": "./data/"}),
    ("--arch hg_multitask", {"arch": "hg_multitask"}),
    ("--stacks 2", {"stacks": 2}),
    ("--blocks 2", {"blocks": 2}),
    ("--resnet-layers 101", {"resnet_layers": 101}),
    ("--resume a.pth.tar", {"resume": "a.pth.tar"}),
]
# published defaults that shape what is computed; those we differ in on purpose are not here. No network is named: the data decide,
# published data take hg (tests/train/test_trunk.py)
DEFAULTS = {
    TrainOptions: {
        "dataset": "synthetic_animal_sp", "image_path": "./animal_data/", "animal": "horse", "inp_res": 0, "arch": "",
        "stacks": 4, "blocks": 1, "solver": "rms", "epochs": 100, "start_epoch": 0, "train_batch": 6, "test_batch": 6,
        "lr": 2.5e-4, "momentum": 0, "weight_decay": 0, "schedule": (60, 90), "gamma": 0.1, "flip": False, "sigma": 0,
        "scale_factor": 0.25, "rot_factor": 30, "sigma_decay": 0, "label_type": "Gaussian", "checkpoint": "checkpoint",
        "snapshot": 0, "resume": "",
    },
    CcsslOptions: {
        "animal": "horse", "source": "synthetic_animal_sp", "target": "real_animal_sp", "train_batch": 6, "lr": 2.5e-4,
        "momentum": 0, "weight_decay": 0, "num_epochs": 60, "checkpoint": "./checkpoint/horse/ssl/", "flip": False,
        "inp_res": 0, "scale_factor": 0.25, "rot_factor": 30, "sigma": 0, "label_type": "Gaussian", "arch": "",
        "stacks": 4, "blocks": 1, "resume": None, "image_path": "./animal_data/",
    },
}  # fmt: skip


@pytest.mark.parametrize(("options", "flags"), [(TrainOptions, TRAIN), (CcsslOptions, CCSSL)], ids=["train", "ccssl"])
def test_published_flags_are_taken_one_by_one_and_all_together(messages, options, flags):
    default = options()
    for typed, expected in flags:
        found = parse(options, typed.split(), "x", "")
        changed = {k: v for k, v in vars(found).items() if v != getattr(default, k)}
        assert changed == {k: v for k, v in expected.items() if v != getattr(default, k)}, typed
    together = [part for typed, _ in reversed(flags) for part in typed.split()]
    parse(options, together, "x", "")


@pytest.mark.parametrize("options", DEFAULTS, ids=["train", "ccssl"])
def test_defaults_are_the_published_ones(options):
    found = plain(parse(options, [], "x", ""))
    for name, value in DEFAULTS[options].items():
        assert found[name] == (list(value) if isinstance(value, tuple) else value), name


ADAPTATION = [
    ("--select source", "select", "source"), ("--patience 3", "patience", 3), ("--ema 0", "ema", 0.0),
    ("--target-style 0.5", "target_style", 0.5), ("--target-occlusion 0.3", "target_occlusion", 0.3),
    ("--check-limit 0.1", "check_limit", 0.1), ("--confidence peak", "confidence", "peak"), ("--no-framing", "no_framing", True),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "name", "value"), ADAPTATION, ids=[typed for typed, *_ in ADAPTATION])
def test_options_of_the_adaptation_are_taken_and_refused_where_the_published_protocol_has_no_use(typed, name, value):
    found = parse(CcsslOptions, typed.split(), "x", "")
    assert {k: v for k, v in vars(found).items() if v != getattr(CcsslOptions(), k)} == {name: value}
    assert getattr(with_defaults(found), name) == value
    published = parse(CcsslOptions, ["--protocol", "published", *typed.split()], "x", "")
    if name in ("select", "patience"):
        assert getattr(with_defaults(published), name) == value
    else:
        with pytest.raises(OptionError, match=typed.split()[0]):
            with_defaults(published)


def test_what_chooses_the_checkpoint_follows_from_the_protocol():
    assert with_defaults(CcsslOptions()).select == "selfcheck"
    assert with_defaults(CcsslOptions(protocol="published")).select == "source"


@pytest.mark.parametrize("typed", ["--select best", "--confidence certain", "--patience soon", "--ema"])
def test_wrong_values_of_an_adaptation_end_with_code_2(capsys, typed):
    with pytest.raises(SystemExit) as stop:
        parse(CcsslOptions, typed.split(), "x", "")
    assert stop.value.code == 2 and typed.split()[0] in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["--inp_res 128", "--train_batch 3", "--label_type Cauchy"])
def test_underscores_and_hyphens_are_alike(typed):
    assert parse(TrainOptions, typed.split(), "x", "") != TrainOptions()


@pytest.mark.parametrize(
    ("options", "typed"),
    [
        (TrainOptions, "--year 2015"), (TrainOptions, "--features 128"), (TrainOptions, "--resnet-layers 18"),
        (TrainOptions, "--target-weight"), (CcsslOptions, "--model x"), (CcsslOptions, "--target-ssl x"),
        (CcsslOptions, "--data-label-folder-target x"), (CcsslOptions, "--init-weights x"),
        (CcsslOptions, "--num-classes 5"), (CcsslOptions, "--resnet-layers 18"),
    ],
)  # fmt: skip
def test_flags_that_do_nothing_say_so(messages, options, typed):
    parse(options, typed.split(), "x", "")
    assert len(messages) == 1 and typed.split()[0] in messages[0] and "does nothing" in messages[0]


@pytest.mark.parametrize("options", [TrainOptions, CcsslOptions])
def test_flags_that_are_not_given_are_not_warned_of(messages, options):
    parse(options, ["--stacks", "2"], "x", "")
    assert messages == []


@pytest.mark.parametrize("options", [TrainOptions, CcsslOptions])
def test_the_help_shows_every_flag_that_does_something_and_no_other(capsys, options):
    pages, about = {}, "What it does.\n\nExamples:\n\n    zoopose x --out a\n        --big"
    for asked in ("--help", "-h", "--help-all"):
        with pytest.raises(SystemExit) as stop:
            parse(options, ["--stacks", "2", asked], "zoopose x", about)
        assert stop.value.code == 0
        pages[asked] = capsys.readouterr().out
        assert "  zoopose x --out a --big\n" in pages[asked]
    shown = {asked: set(re.findall(r"^  (--[\w-]+)", page, re.MULTILINE)) for asked, page in pages.items()}
    live = [flag for flag in flags(options) if not flag.ignored]
    assert shown["--help-all"] == {flag.names[0] for flag in live}
    assert shown["--help"] == shown["-h"] == {flag.names[0] for flag in live if not flag.typing.expert}
    assert f"{len(live) - len(shown['-h'])} more: zoopose x --help-all" in pages["--help"]
    assert not {flag_of(name) for name in options.DEAD_FLAGS} & shown["--help-all"]


@pytest.mark.parametrize(
    ("options", "typed", "near"),
    [
        (TrainOptions, "--stcks 2", "--stacks"),
        (TrainOptions, "--trainbatch 2", "--train-batch"),
        (TrainOptions, "--epoch 2", "--epochs"),
        (CcsslOptions, "--num-epoch 2", "--num-epochs"),
        (CcsslOptions, "--targt x", "--target"),
    ],
)
def test_a_misspelt_flag_ends_with_code_2_and_names_the_nearest(capsys, options, typed, near):
    with pytest.raises(SystemExit) as stop:
        parse(options, typed.split(), "x", "")
    assert stop.value.code == 2
    text = capsys.readouterr()
    assert near in text.out + text.err and typed.split()[0] in text.out + text.err


@pytest.mark.parametrize("typed", ["--stacks two", "--solver sgd", "--label-type gauss", "--stacks", "stray"])
def test_wrong_values_end_with_code_2(capsys, typed):
    with pytest.raises(SystemExit) as stop:
        parse(TrainOptions, typed.split(), "x", "")
    assert stop.value.code == 2
    assert capsys.readouterr().err


def test_a_command_turns_mistakes_into_a_message_and_code_2(capsys):
    def mistaken(options):
        raise OptionError("a thing", "another", "--thing")

    assert command(mistaken, TrainOptions, "zoopose x", "", []) == 2
    text = capsys.readouterr().err
    assert "zoopose x" in text and "a thing" in text and "--thing" in text and "Traceback" not in text


def test_a_command_that_is_stopped_ends_with_130(messages):
    def stopped(options):
        raise KeyboardInterrupt("saved a.pth.tar; the same command goes on from there")

    assert command(stopped, TrainOptions, "zoopose x", "", []) == 130
    assert "the same command" in messages[0]
    assert command(lambda options: None, TrainOptions, "zoopose x", "", []) == 0


def test_faults_of_the_program_keep_their_traceback():
    def broken(options):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command(broken, TrainOptions, "zoopose x", "", [])


def test_every_ignored_flag_of_every_command_says_why(messages):
    from importlib import import_module

    from zoopose.cli import COMMANDS

    for _, where, _ in COMMANDS.values():
        module, _, name = where.partition(":")
        options = getattr(import_module(f"zoopose.{module}"), name)
        for flag in getattr(options, "DEAD_FLAGS", ()):
            messages.clear()
            found = options(**{flag: "another value"})
            warn_of_dead_flags(found)
            why = why_ignored(options, flag)
            assert messages == [f"{flag_of(flag)} does nothing: {why}"] and len(why) > 10
