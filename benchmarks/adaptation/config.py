"""Every number of the benchmark: configurations, pairs, columns, ablations. Nothing else here sets an option of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose.transfer import LIVESTOCK_FROM_TIGDOG

# group -> its pairs. "far" are pairs on which an adaptation can do harm; see far.py.
PAIRS: dict[str, tuple[str, ...]] = {
    "main": (
        "horse:cattle_a",
        "synthetic:horse",
        "horse:cattle_b",
        "cattle_a:cattle_b",
        "cattle_b:horse",
        "synthetic:cattle_a",
    ),
    "far": (
        "synthetic:cattle_b",
        "synthetic_tiger:horse",
        "horse:cattle_b_upside_down",
        "horse:cattle_b_third",
    ),
}
CHOSEN_ON = ("horse:cattle_a", "synthetic:horse")  # the pairs whose scores were seen when settings were chosen


@dataclass(frozen=True)
class Config:
    """Sizes and schedules of one configuration.

    Options carry the names of the command line, with underscores. A `steps` among those of `zoopose train` stands for the
    epochs that come nearest, and a `schedule` holds shares of these epochs.

    Attributes:
        about: one line for above the table.
        network: options of a fresh network, for `zoopose train`.
        training: options of every run.
        source: of a source model.
        oracle: of an oracle.
        adapted: of an adaptation, CC-SSL as it is by default.
        published: of CC-SSL as published.
        wscda: of WS-CDA.
        pplo: of PPLO.
        folds: parts a target without a split of its own is cut into.
        folds_run: how many of these an oracle is trained and scored for.
        renderings: options of `zoopose data make`.
        scratch: of a source model from random weights, which replace those of `network` and `source`; none where the network of the
            configuration starts from random weights itself.
    """

    about: str
    network: Mapping[str, Any]
    training: Mapping[str, Any]
    source: Mapping[str, Any]
    oracle: Mapping[str, Any]
    adapted: Mapping[str, Any]
    published: Mapping[str, Any]
    wscda: Mapping[str, Any]
    pplo: Mapping[str, Any]
    folds: int
    folds_run: int
    renderings: Mapping[str, Any]
    scratch: Mapping[str, Any] | None = None


CONFIGS: dict[str, Config] = {
    "small": Config(
        about="EfficientNet-lite0 pre-trained on ImageNet with a feature pyramid, 128 px; where a target has no split an oracle "
        "learns from one half, scored on the other",
        network={"arch": "fpn_lite0", "inp_res": 128},
        training={"train_batch": 16, "solver": "adam", "decay": "cosine", "workers": 0},
        source={"steps": 600, "lr": 1e-3},
        oracle={"steps": 400, "lr": 1e-3, "augment": "strong"},
        adapted={"num_epochs": 4, "refresh": 2, "snapshot": 1, "steps": 35, "lr": 5e-4},
        # a constant rate, as published
        published={"num_epochs": 4, "refresh": 1, "snapshot": 1, "steps": 40, "lr": 5e-4, "decay": "step"},
        wscda={"num_epochs": 4, "snapshot": 1, "steps": 35, "lr": 2.5e-4},
        pplo={"num_epochs": 4, "rounds": 4, "snapshot": 1, "steps": 35, "lr": 5e-4},
        folds=2,
        folds_run=1,
        renderings={"pictures": 800, "size": (240, 320), "views": "side"},
        # the network of the configuration `scratch`
        scratch={"arch": "hg", "stacks": 1, "width": 40, "inp_res": 96, "steps": 1200, "lr": 3e-3},
    ),
    "scratch": Config(
        about="one hourglass of width 40, 96 px; where a target has no split an oracle learns from one half, scored on the other",
        network={"stacks": 1, "width": 40, "inp_res": 96},
        training={"train_batch": 16, "solver": "adam", "decay": "cosine", "workers": 0},
        source={"steps": 1600, "lr": 3e-3},
        oracle={"steps": 1000, "lr": 3e-3, "augment": "strong"},
        adapted={"num_epochs": 8, "refresh": 1, "snapshot": 1, "steps": 60, "lr": 1e-3},
        # a constant rate, as published
        published={"num_epochs": 6, "refresh": 1, "snapshot": 1, "steps": 100, "lr": 1e-3, "decay": "step"},
        wscda={"num_epochs": 6, "snapshot": 1, "steps": 60, "lr": 5e-4},
        pplo={"num_epochs": 8, "rounds": 6, "snapshot": 1, "steps": 60, "lr": 1e-3},
        folds=2,
        folds_run=1,
        renderings={"pictures": 800, "size": (240, 320), "views": "side"},
    ),
    # not measured yet
    "gpu": Config(
        about="EfficientNet-lite2 pre-trained on ImageNet with a feature pyramid, 256 px; oracles 5-fold",
        network={"arch": "fpn_lite2", "inp_res": 256},
        training={"train_batch": 32, "solver": "adam", "decay": "cosine", "workers": 8},
        source={"steps": 3000, "lr": 1e-3},
        oracle={"steps": 1500, "lr": 1e-3, "augment": "strong"},
        adapted={"num_epochs": 8, "refresh": 1, "snapshot": 1, "steps": 150, "lr": 5e-4},
        published={"num_epochs": 6, "refresh": 1, "snapshot": 1, "steps": 200, "lr": 5e-4, "decay": "step"},
        wscda={"num_epochs": 8, "snapshot": 1, "steps": 150, "lr": 2.5e-4},
        pplo={"num_epochs": 8, "rounds": 6, "snapshot": 1, "steps": 150, "lr": 5e-4},
        folds=5,
        folds_run=5,
        renderings={"pictures": 4000, "size": (480, 640), "views": "side", "workers": 8},
        scratch={"arch": "hg", "stacks": 4, "width": 128, "solver": "rms", "steps": 3000, "lr": 2.5e-4},
    ),
    "full": Config(
        about="four hourglasses, 256 px; published schedule scaled: a source model sees 1/8 of the published 100 epochs of 8,000 "
        "pictures, its rate falls at 60 and 90 % of them; adaptations have 6 rounds; oracles 5-fold",
        network={"stacks": 4, "width": 128, "inp_res": 256},
        training={"train_batch": 6, "solver": "rms", "workers": 8},
        source={"steps": 16000, "lr": 2.5e-4, "schedule": (0.6, 0.9)},
        oracle={"steps": 8000, "lr": 2.5e-4, "schedule": (0.6, 0.9), "augment": "strong"},
        adapted={"num_epochs": 12, "refresh": 2, "snapshot": 2, "steps": 400, "lr": 1e-4},
        published={"num_epochs": 12, "refresh": 2, "snapshot": 2, "steps": 400, "lr": 2.5e-4},
        wscda={"num_epochs": 15, "snapshot": 3, "steps": 400, "lr": 1e-4},
        pplo={"num_epochs": 12, "rounds": 6, "snapshot": 2, "steps": 400, "lr": 1e-4},
        folds=5,
        folds_run=5,
        renderings={"pictures": 4000, "size": (480, 640), "views": "side", "workers": 8},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        kind: "source", "adapted" or "oracle".
        title: its head.
        options: on top of the configuration's.
        base: the part of the configuration that a source model or an adaptation takes.
        start: the column whose network an adaptation starts from: of a source, or of another adaptation of the same pair; always
            that run's model_best.pth.tar, which no target label has chosen.
        checkpoint: the one whose score stands in the table.
        command: what an adaptation runs: "ccssl", "wscda" or "pplo".
        few: labelled target pictures that an adaptation is given.
        seeds: how many seeds are run when none are asked for: 0, 1, ...
        far: whether it is run on the far pairs too.
        named: it was asked for by name: it is run on all pairs.
    """

    kind: str
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    base: str = "adapted"
    start: str = "source_strong"
    checkpoint: str = RunFolder.BEST
    command: str = "ccssl"
    few: int = 0
    seeds: int = 1
    far: bool = False
    named: bool = False


SOURCE_ONLY = "source_strong"  # the start of the gap
SCRATCH = "source_scratch"
ADAPTED, ONLINE, PUBLISHED, ORACLE = "zoopose", "online", "published", "oracle"
BEST = ONLINE  # the column that the aims are about

# options of the best method, in every column that uses it
BEST_OPTIONS: Mapping[str, Any] = {"online": True}

COLUMNS: dict[str, Column] = {
    SCRATCH: Column("source", "source-only from scratch, same processor time", {"augment": "strong"}, "scratch"),
    "source_standard": Column("source", "source-only, standard augmentation", {"augment": "standard"}, "source"),
    SOURCE_ONLY: Column("source", "source-only, strong augmentation", {"augment": "strong"}, "source", seeds=3, far=True),
    # the published code keeps what is best on the target's labels; without these there is only the end
    PUBLISHED: Column("adapted", "CC-SSL published", {"protocol": "published"}, "published", checkpoint="last.pth.tar", far=True),
    ADAPTED: Column("adapted", "CC-SSL zoopose", far=True),
    ONLINE: Column("adapted", "online", BEST_OPTIONS, seeds=3, far=True),
    "source_free": Column("adapted", "online, without the source", {**BEST_OPTIONS, "no_source": True}, far=True),
    # model_best of PPLO is the one best on the labelled animals, often the first: its end is what it has made
    "pplo": Column("adapted", "PPLO", {}, "pplo", checkpoint="last.pth.tar", command="pplo"),
    "wscda": Column("adapted", "WS-CDA", {"probe": True}, "wscda", command="wscda"),
    "wscda_pplo": Column("adapted", "WS-CDA, then PPLO", {}, "pplo", "wscda", "last.pth.tar", "pplo"),
    "wscda_ccssl": Column("adapted", "WS-CDA, then CC-SSL", start="wscda"),
    "wscda_online": Column("adapted", "WS-CDA, then online", BEST_OPTIONS, start="wscda"),
    "few_5": Column("adapted", "online, 5 labels", BEST_OPTIONS, few=5),
    "few_20": Column("adapted", "online, 20 labels", BEST_OPTIONS, few=20),
    "few_50": Column("adapted", "online, 50 labels", BEST_OPTIONS, few=50),
    # `METHODS`: published methods, run only where they are asked for by name
    "udape": Column("adapted", "UDAPE", {"method": "udape"}),
    "uda_animal": Column("adapted", "UDA-Animal", {"method": "uda-animal"}),
    "scarcenet": Column("adapted", "ScarceNet", {"method": "scarcenet"}),
    "maps": Column("adapted", "MAPS", {"method": "maps", "no_source": True}),
    # chosen on nothing: the end of its schedule
    ORACLE: Column("oracle", "oracle", checkpoint="checkpoint.pth.tar", seeds=3, far=True),
}  # fmt: skip


METHODS = ("udape", "uda_animal", "scarcenet", "maps")


@dataclass(frozen=True)
class Comparison:
    """What is run and shown when no pairs, or no columns, are asked for."""

    pairs: tuple[str, ...]
    columns: tuple[str, ...]


CCSSL, WSCDA = "ccssl", "wscda"

COMPARISONS: dict[str, Comparison] = {
    CCSSL: Comparison((*PAIRS["main"], *PAIRS["far"]), tuple(name for name in COLUMNS if name not in METHODS)),
    WSCDA: Comparison(
        ("horse:cattle_a", "horse+cattle_a:cattle_b"),
        ("source_strong", "wscda", "wscda_pplo", "zoopose", "wscda_ccssl", "oracle"),
    ),
}

# name -> options on top of the column `zoopose`, or `online` where the name begins so; run with --columns NAME or --ablations
ABLATIONS: dict[str, Mapping[str, Any]] = {
    "no_views": {"views": 0},
    "no_invariance": {"no_invariance": True},
    "no_view_flip": {"no_view_flip": True},
    "per_joint": {"per": "joint"},
    "global": {"per": "global"},
    "share_to_80": {"share_last": 0.8},
    "standard_source": {"source_augment": "standard"},
    "standard_target": {"target_augment": "standard"},
    "no_framing": {"no_framing": True},
    "no_teacher": {"ema": 0.0},
    "peak": {"confidence": "peak"},
    "no_checks": {"check_limit": 9.0},
    "style": {"target_style": 0.5},
    "occlusion": {"target_occlusion": 0.6},
    "online_self": {"teacher": "self"},
    "online_no_cuts": {"hard": "none"},
    "online_two_views": {"hard": "jc,joco"},
    "online_redraw": {"redraw": True},
    "online_all": {"keep": "all"},
    "online_calibrated": {"keep": "calibrated"},
    "online_no_framing": {"no_framing": True},
}

COMMON_JOINTS = LIVESTOCK_FROM_TIGDOG
