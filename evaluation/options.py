"""Options of the commands that run a network: which data, how a checkpoint is read, how it predicts, what is written.

Each concern is a class of its own; a command's options inherit from those that it needs, and a function asks for the narrowest.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import tyro

from ..commandline.limits import COUNT_OR_ZERO, PROCESSES, SHARE, SIDE, Limits, zero_or
from ..commandline.parsing import dead

_arg = tyro.conf.arg


@dataclass(frozen=True)
class PairOptions:
    """Which joints are the left and the right one of a pair."""

    partners: str = ""
    """left/right pairs of a COCO file whose names do not tell: LEFT:RIGHT,LEFT:RIGHT,..."""


@dataclass(frozen=True)
class DataOptions(PairOptions):
    """Where data sets are, and what is taken of them."""

    image_path: str = "./animal_data/"
    """root of the published data sets"""
    animal: str = "horse"
    """species, for data sets that hold several"""
    classes: str = ""
    """of animal_pose and coco_animals: take these only, e.g. dog,cat; default: all"""
    min_size: Annotated[float | None, Limits(0, 1_000_000)] = None
    """of coco_animals: smallest shorter side of a box in px; default 32"""
    category: str = ""
    """of a COCO file: name or id of the category to take, or several with commas; needed where its categories have other joints"""
    as_is: bool = False
    """of a COCO file: take joints and boxes for pixels even where they look like something else (0..1, percent, two corners)"""


@dataclass(frozen=True)
class ReadingOptions:
    """How pictures are read."""

    strict_data: bool = False
    """stop at the first picture that cannot be read, instead of naming and counting it"""
    workers: Annotated[int, PROCESSES, _arg(aliases=["-j"])] = min(4, os.cpu_count() or 1)
    """processes that read pictures"""


@dataclass(frozen=True)
class MirrorOptions(PairOptions):
    """Whether pictures are mirrored."""

    mirror: Literal["auto", "always", "never"] = "auto"
    """mirror pictures, in training (augmentation) and with --flip; auto: unless a joint looks left or right and has no partner"""
    flip: Annotated[bool, _arg(aliases=["-f"])] = False
    """predict with the mirrored picture averaged in"""


@dataclass(frozen=True)
class DecodingOptions:
    """How maps become joints, where that is not as the checkpoint says."""

    blur_kernel: Annotated[int, zero_or(1, 99)] = 0
    """taps of the smoothing before maps are read (BLUR_KERNEL of DARK, OmniPose, UDP), an odd number; 0: the network's own"""
    shift_heatmap: Annotated[int | None, Limits(0, 64)] = None
    """with --flip: cells by which maps of the mirrored picture are moved (SHIFT_HEATMAP is 1); default: as the network's crops need
    it"""
    joint_bias: Annotated[float, Limits(-1000, 1000)] = 0.0
    """px of the picture taken off both coordinates of predicted joints (BIAS of LPN's test)"""


@dataclass(frozen=True)
class JointOptions:
    """What the joints of a checkpoint are called."""

    joints: str = ""
    """names of the joints of a checkpoint that does not name them, in its order: NAME,NAME,... or a FILE with a name a line"""


@dataclass(frozen=True)
class LoadingOptions(JointOptions, DecodingOptions, DataOptions):
    """How a checkpoint is read; files of the published code need facts of the data that they were trained on."""


@dataclass(frozen=True)
class DeviceOptions:
    """Where to compute."""

    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """where to compute"""


@dataclass(frozen=True)
class InferenceOptions(DeviceOptions, ReadingOptions, MirrorOptions):
    """How a network predicts."""

    predict_batch: Annotated[int, Limits(1, 65_536)] = 16
    """pictures that go through the network at once when it predicts or is validated; fewer take less memory, no score depends on
    it"""


@dataclass(frozen=True)
class ScoringOptions(InferenceOptions):
    """How predictions are scored, and where the scores go."""

    test_batch: Annotated[int, Limits(1, 65_536)] = 6
    """batch that the published score is averaged over"""
    json: str = ""
    """write the scores here instead of metrics.json in the run folder"""


@dataclass(frozen=True)
class FolderOptions:
    """Where a command writes."""

    checkpoint: Annotated[str, _arg(aliases=["-c"])] = "checkpoint"
    """run folder: what is written goes here"""


@dataclass(frozen=True)
class NetworkUseOptions(FolderOptions, ScoringOptions, LoadingOptions):
    """What every command that runs a network takes."""


@dataclass(frozen=True)
class TargetOptions(DataOptions):
    """Unlabelled data to adapt to."""

    target: str = ""
    """unlabelled animals, NAME[:PATH]; their labels, if they have any, are not read"""
    target_classes: str = ""
    """classes of --target where it holds several, such as dog,cat; default: those of --classes"""
    target_category: str = ""
    """category of a COCO file as --target; default: that of --category, where the file has it"""


# why a test ignores flags of the published test.py, which has all flags of its train.py
TRAINING = "it is of training"
TARGETS = "scores are taken of joints, not of target maps"
AUGMENTED = "pictures are not augmented in a test"
NETWORK = "the checkpoint says what network it holds"


def _network(*aliases: str) -> Any:
    return _arg(help="the checkpoint says it; a warning where that says otherwise", aliases=list(aliases))


@dataclass(frozen=True)
class TestOptions(NetworkUseOptions):
    """`zoopose test`."""

    __test__: ClassVar[bool] = False  # no class of tests, whatever pytest takes its name for

    checkpoint: Annotated[str, _arg(aliases=["-c"])] = ""
    """folder for scores and report; default: `test` beside the checkpoint"""
    dataset: str = ""
    """labelled data to score on, NAME[:PATH]"""
    dataset1: str = ""
    """data the network was trained on, which files of the published code do not say; default: real_animal when that is scored,
    else renderings"""
    dataset2: str = ""
    """published name for --dataset"""
    split: Literal["auto", "train", "valid", "all"] = "auto"
    """auto: the validation split of data sets that have splits of their own, else all"""
    resume: str = ""
    """checkpoint to score; a folder: all checkpoints in it, and which is the best on these labels"""
    evaluate: Annotated[bool, _arg(aliases=["-e"])] = False
    """accepted; this command does nothing else"""
    debug: Annotated[bool, _arg(aliases=["-d"])] = False
    """also write every frame's overlay to FOLDER/overlays"""

    arch: Annotated[str, _network("-a")] = "hg"
    stacks: Annotated[int, Limits(1, 64), _network("-s")] = 4
    blocks: Annotated[int, Limits(1, 64), _network("-b")] = 1
    features: Annotated[int, dead()] = 256
    resnet_layers: Annotated[int, dead(why=NETWORK)] = 50
    year: Annotated[int, dead()] = 2014
    inp_res: Annotated[int, SIDE, _network()] = 256
    out_res: Annotated[int, SIDE, _network()] = 64
    solver: Annotated[str, dead(why=TRAINING)] = "rms"
    epochs: Annotated[int, dead(why=TRAINING)] = 100
    start_epoch: Annotated[int, dead(why=TRAINING)] = 0
    train_batch: Annotated[int, dead(why=TRAINING)] = 6
    lr: Annotated[float, dead("--learning-rate", why=TRAINING)] = 2.5e-4
    momentum: Annotated[float, dead(why=TRAINING)] = 0.0
    weight_decay: Annotated[float, dead("--wd", why=TRAINING)] = 0.0
    schedule: Annotated[tuple[int, ...], dead(why=TRAINING)] = (60, 90)
    gamma: Annotated[float, dead(why=TRAINING)] = 0.1
    target_weight: Annotated[bool, dead()] = False
    sigma: Annotated[float, dead(why=TARGETS)] = 1.0
    scale_factor: Annotated[float, dead(why=AUGMENTED)] = 0.25
    rot_factor: Annotated[float, dead(why=AUGMENTED)] = 30.0
    sigma_decay: Annotated[float, dead(why=TRAINING)] = 0.0
    label_type: Annotated[str, dead(why=TARGETS)] = "Gaussian"
    snapshot: Annotated[int, dead(why=TRAINING)] = 0

    boxes: str = ""
    """whose boxes to crop: `gt`, the annotated ones (default); of coco_person, a FILE of detections in COCO results form"""
    predictions: str = ""
    """score this file in place of a checkpoint: COCO keypoint results, or preds*.mat of mpii"""
    sigmas: str = ""
    """OKS sigmas: one number for all joints, one for each with commas, or coco17, ap10k17, animal_pose20; default: by the joints'
    names"""
    nms: Annotated[float, SHARE] = 0.9
    """poses more alike (OKS) than this are one"""
    soft_nms: bool = False
    """rank poses that are alike lower, in place of leaving them out"""
    image_thr: Annotated[float, SHARE] = 0.0
    """of --boxes FILE: detections with a lower score are left out (IMAGE_THRE)"""
    box_thr: Annotated[float, SHARE] = 1.0
    """of --boxes FILE: of detections that overlap (IoU) more than this only the best stays (NMS_THRE); 1: all stay"""
    joint_threshold: Annotated[float, SHARE] = 0.2
    """of joint scores that count in the score of a pose"""

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = (
        "features", "resnet_layers", "year", "solver", "epochs", "start_epoch", "train_batch", "lr", "momentum", "weight_decay",
        "schedule", "gamma", "target_weight", "sigma", "scale_factor", "rot_factor", "sigma_decay", "label_type", "snapshot",
    )  # fmt: skip


NO_SCORES = "predictions are not scored; zoopose test does that"


@dataclass(frozen=True)
class PredictOptions(NetworkUseOptions):
    """`zoopose predict`."""

    checkpoint: Annotated[str, _arg(aliases=["-c"])] = "predictions"
    """folder for predictions and overlays"""
    data: str = ""
    """what to look at, NAME[:PATH]: images:FOLDER, video:FILE, coco:PATH.json, ..."""
    resume: str = ""
    """checkpoint of the network"""
    trained_on: str = ""
    """for files of the published code, which do not say: real_animal, or nothing for renderings"""
    overlays: Annotated[int, COUNT_OR_ZERO] = 24
    """how many crops with drawn joints to write, evenly spread; 0: none"""
    shown_from: Annotated[float, Limits(-1000, 1000)] = 0.2
    """joints with a lower peak are not drawn"""

    test_batch: Annotated[int, dead(why=NO_SCORES)] = 6
    json: Annotated[str, dead(why=NO_SCORES)] = ""

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = ("test_batch", "json")
