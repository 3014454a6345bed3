"""Options of the commands that run a network: which data, how a checkpoint is read, how it predicts, what is written.

Each concern is a class of its own; a command's options inherit from those that it needs, and a function asks for the narrowest.
Nothing here imports torch or OpenCV: `--help` reads this module alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ..commandline.flags import dead, expert, flag
from ..commandline.limits import COUNT_OR_ZERO, PROCESSES, SHARE, SIDE, Limits, zero_or
from ..datasets.options import DataOptions, PairOptions, SpeciesOptions


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How pictures are read."""

    TITLE: ClassVar[str] = "Reading pictures"

    strict_data: Annotated[bool, expert()] = False
    """stop at the first picture that cannot be read; default: name such pictures, count them and continue"""
    workers: Annotated[int, PROCESSES, flag("-j")] = min(4, os.cpu_count() or 1)
    """number of processes that read pictures; 0: the main process reads them"""


@dataclass(frozen=True, kw_only=True)
class MirrorOptions(PairOptions):
    """Whether pictures are mirrored."""

    TITLE: ClassVar[str] = "Prediction"

    mirror: Annotated[Literal["auto", "always", "never"], expert()] = "auto"
    """mirror pictures in training and with --flip; auto: yes, unless a joint named left or right has no partner"""
    flip: Annotated[bool, flag("-f")] = False
    """predict each picture and its mirror image, and average the two"""


@dataclass(frozen=True, kw_only=True)
class DecodingOptions:
    """How heatmaps become joints, where that is not as the checkpoint says."""

    TITLE: ClassVar[str] = "Prediction"

    blur_kernel: Annotated[int, zero_or(1, 99), expert()] = 0
    """width of the blur before a heatmap is read, an odd number of cells; 0: the value in the checkpoint (BLUR_KERNEL)"""
    shift_heatmap: Annotated[int | None, Limits(0, 64), expert()] = None
    """with --flip: shift of the mirrored heatmap in cells; default: the value in the checkpoint (SHIFT_HEATMAP: 1)"""
    joint_bias: Annotated[float, Limits(-1000, 1000), flag(metavar="PX", expert=True)] = 0.0
    """number subtracted from x and y of every predicted joint, in px of the picture (BIAS of LPN)"""


@dataclass(frozen=True, kw_only=True)
class JointOptions:
    """What the joints of a checkpoint are called."""

    TITLE: ClassVar[str] = "Data"

    joints: Annotated[str, flag(metavar="NAME,...|FILE", expert=True)] = ""
    """joint names, in order, for a checkpoint that does not contain them; FILE: one name a line"""


@dataclass(frozen=True, kw_only=True)
class LoadingOptions(JointOptions, DecodingOptions, DataOptions):
    """How a checkpoint is read; files of the published code need facts of the data that they were trained on."""


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """Where to compute."""

    TITLE: ClassVar[str] = "Run"

    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """device to compute on; auto: cuda if there is a GPU"""


@dataclass(frozen=True, kw_only=True)
class InferenceOptions(DeviceOptions, ReadingOptions, MirrorOptions):
    """How a network predicts."""

    TITLE: ClassVar[str] = "Prediction"

    predict_batch: Annotated[int, Limits(1, 65_536), expert()] = 16
    """number of pictures predicted at once; fewer take less memory, and the scores stay the same"""


@dataclass(frozen=True, kw_only=True)
class ScoringOptions(InferenceOptions):
    """How predictions are scored, and where the scores go."""

    TITLE: ClassVar[str] = "Scores"

    test_batch: Annotated[int, Limits(1, 65_536), expert()] = 6
    """batch size of the published score, which is a mean over batches"""
    json: Annotated[str, flag(metavar="FILE", expert=True)] = ""
    """file for the scores; default: metrics.json in the run folder"""


@dataclass(frozen=True, kw_only=True)
class FolderOptions:
    """Where a command writes."""

    TITLE: ClassVar[str] = "Run"

    checkpoint: Annotated[str, flag("-c", metavar="FOLDER")] = "checkpoint"
    """run folder: checkpoints, log and report are written here"""


@dataclass(frozen=True, kw_only=True)
class NetworkUseOptions(FolderOptions, ScoringOptions, LoadingOptions):
    """What every command that runs a network takes."""


@dataclass(frozen=True, kw_only=True)
class TargetOptions(DataOptions):
    """Unlabelled data to adapt to."""

    TITLE: ClassVar[str] = "Adaptation"

    target: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """unlabelled animals; labels in these data are not read"""
    target_classes: Annotated[str, flag(metavar="NAME,...", expert=True)] = ""
    """classes to take from --target, e.g. dog,cat; default: --classes"""
    target_category: Annotated[str, flag(metavar="NAME,...", expert=True)] = ""
    """category to take from --target, a COCO file; default: --category"""


# why a test ignores flags of the published test.py, which has all flags of its train.py
TRAINING = "it is of training"
TARGETS = "scores are taken of joints, not of target maps"
AUGMENTED = "pictures are not augmented in a test"
NETWORK = "the checkpoint says what network it holds"
OF_CHECKPOINT = "no effect: taken from the checkpoint; a warning if it differs"


@dataclass(frozen=True, kw_only=True)
class TestOptions(NetworkUseOptions):
    """`zoopose test`."""

    __test__: ClassVar[bool] = False  # no class of tests, whatever pytest takes its name for
    TITLE: ClassVar[str] = "Test"

    checkpoint: Annotated[str, flag("-c", metavar="FOLDER")] = ""
    """folder for scores and report; default: `test` in the folder of the checkpoint"""
    dataset: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """labelled data to score on: coco:PATH.json, coco_person:ROOT, mpii:ROOT, real_animal, ..."""
    dataset1: Annotated[str, flag(metavar="NAME[:PATH]", expert=True)] = ""
    """for published checkpoints: data that the network was trained on; default: real_animal if --dataset is real_animal, otherwise
    renderings"""
    dataset2: Annotated[str, flag(metavar="NAME[:PATH]", expert=True)] = ""
    """the name of --dataset in the published code"""
    split: Literal["auto", "train", "valid", "all"] = "auto"
    """part of the data to score; auto: valid if the data set has parts, else all"""
    resume: Annotated[str, flag(metavar="FILE")] = ""
    """checkpoint to score; a folder: score every checkpoint in it, and name the best"""
    evaluate: Annotated[bool, expert("-e")] = False
    """accepted from published commands; this command always evaluates"""
    debug: Annotated[bool, flag("-d")] = False
    """draw the joints of every frame, in FOLDER/overlays"""

    arch: Annotated[str, flag("-a", help=OF_CHECKPOINT, expert=True)] = "hg"
    stacks: Annotated[int, Limits(1, 64), flag("-s", help=OF_CHECKPOINT, expert=True)] = 4
    blocks: Annotated[int, Limits(1, 64), flag("-b", help=OF_CHECKPOINT, expert=True)] = 1
    features: Annotated[int, dead()] = 256
    resnet_layers: Annotated[int, dead(why=NETWORK)] = 50
    year: Annotated[int, dead()] = 2014
    inp_res: Annotated[int, SIDE, flag(help=OF_CHECKPOINT, expert=True)] = 256
    out_res: Annotated[int, SIDE, flag(help=OF_CHECKPOINT, expert=True)] = 64
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

    boxes: Annotated[str, flag(metavar="gt|FILE")] = ""
    """boxes to crop. gt (default): annotated boxes; FILE: detections in the COCO results format, for coco_person"""
    predictions: Annotated[str, flag(metavar="FILE")] = ""
    """score this file instead of a checkpoint: COCO keypoint results, or preds*.mat of MPII"""
    sigmas: Annotated[str, flag(metavar="X|X,...|NAME")] = ""
    """OKS sigmas: one number for all joints, one a joint, or coco17, ap10k17, animal_pose20; default: by the joint names"""
    nms: Annotated[float, SHARE, expert()] = 0.9
    """two poses of a picture are duplicates if their OKS is above this"""
    soft_nms: Annotated[bool, expert()] = False
    """give duplicates of a pose a lower score; default: remove them"""
    image_thr: Annotated[float, SHARE, expert()] = 0.0
    """with --boxes FILE: lowest score of a detection that is used (IMAGE_THRE)"""
    box_thr: Annotated[float, SHARE, expert()] = 1.0
    """with --boxes FILE: two detections are duplicates if their IoU is above this (NMS_THRE); 1: all are used"""
    joint_threshold: Annotated[float, SHARE, expert()] = 0.2
    """lowest score of a joint that counts in the score of its pose"""

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = (
        "features", "resnet_layers", "year", "solver", "epochs", "start_epoch", "train_batch", "lr", "momentum", "weight_decay",
        "schedule", "gamma", "target_weight", "sigma", "scale_factor", "rot_factor", "sigma_decay", "label_type", "snapshot",
    )  # fmt: skip


NO_SCORES = "predictions are not scored; zoopose test does that"


@dataclass(frozen=True, kw_only=True)
class PredictOptions(NetworkUseOptions):
    """`zoopose predict`."""

    TITLE: ClassVar[str] = "Prediction"

    checkpoint: Annotated[str, flag("-c", metavar="FOLDER")] = "predictions"
    """folder for tables and overlays"""
    data: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """pictures or video: images:FOLDER, video:FILE, coco:PATH.json, ..."""
    resume: Annotated[str, flag(metavar="FILE")] = ""
    """checkpoint of the network"""
    trained_on: Annotated[str, flag(metavar="NAME", expert=True)] = ""
    """for published checkpoints: data that the network was trained on: real_animal; default: renderings"""
    overlays: Annotated[int, COUNT_OR_ZERO] = 24
    """number of crops to write with their joints drawn, evenly spread over the data"""
    shown_from: Annotated[float, Limits(-1000, 1000), expert()] = 0.2
    """lowest score of a joint that is drawn"""

    test_batch: Annotated[int, dead(why=NO_SCORES)] = 6
    json: Annotated[str, dead(why=NO_SCORES)] = ""

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = ("test_batch", "json")


@dataclass(frozen=True, kw_only=True)
class ExportOptions(SpeciesOptions):
    """`zoopose export`."""

    TITLE: ClassVar[str] = "Export"

    resume: Annotated[str, flag(metavar="FILE")] = ""
    """checkpoint of the network"""
    published: Annotated[str, flag(metavar="FILE")] = ""
    """file to write for the published code of CC-SSL"""
    trained_on: Annotated[str, flag(metavar="NAME")] = ""
    """real_animal: the file is for the published loader of that name. It gets TigDog's mean colour and, for tigers, TigDog's joint
    order. Default: the file is for the other loaders. It gets the mean colour of the renderings and the joint order of horses"""
    animal: Annotated[str, flag(metavar="SPECIES")] = "horse"
    """species whose mean colour the published code subtracts from pictures"""
