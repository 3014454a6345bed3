"""Options of the commands that only look: where the data are, where to compute, what to write."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
import tyro

from ..commandline.limits import PROCESSES, SHARE, SIDE, Limits, flag_of, zero_or
from ..commandline.parsing import dead, size_of, size_text, warn_of_idle
from ..datasets import synthetic_animal, tigdog
from ..datasets.coco.categories import NoSuchCategory
from ..datasets.open import SOURCES, Unlabelled, class_names, has_splits, open_data, partner_pairs, takes
from ..datasets.sample import PoseDataset
from ..datasets.synthetic_animal import synthetic_mean
from ..datasets.tigdog import real_mean
from ..errors import OptionError
from ..pose.checkpoints import Loaded, load
from ..pose.codecs import CODECS
from ..pose.heatmap import SMOOTHED
from ..pose.skeleton import TIGER_TO_MODEL, Skeleton
from ..progress import log
from .box_fill import outcome_of
from .data_notes import say_data_notes

_arg = tyro.conf.arg


@dataclass
class DataOptions:
    """What every command that reads data takes."""

    image_path: str = "./animal_data/"
    """root of the published data sets"""
    animal: str = "horse"
    """species, for data sets that hold several"""
    joints: str = ""
    """names of the joints of a checkpoint that does not name them, in its order: NAME,NAME,... or a FILE with a name a line"""
    partners: str = ""
    """left/right pairs of a COCO file whose names do not tell: LEFT:RIGHT,LEFT:RIGHT,..."""
    mirror: Literal["auto", "always", "never"] = "auto"
    """mirror pictures, in training (augmentation) and with --flip; auto: unless a joint looks left or right and has no partner"""
    classes: str = ""
    """of animal_pose and coco_animals: take these only, e.g. dog,cat; default: all"""
    min_size: Annotated[float | None, Limits(0, 1_000_000)] = None
    """of coco_animals: smallest shorter side of a box in px; default 32"""
    category: str = ""
    """of a COCO file: name or id of the category to take, or several with commas; needed where its categories have other joints"""
    as_is: bool = False
    """of a COCO file: take joints and boxes for pixels even where they look like something else (0..1, percent, two corners)"""
    strict_data: bool = False
    """stop at the first picture that cannot be read, instead of naming and counting it"""
    workers: Annotated[int, PROCESSES, _arg(aliases=["-j"])] = min(4, os.cpu_count() or 1)
    """processes that read pictures"""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """where to compute"""
    test_batch: Annotated[int, Limits(1, 65_536)] = 6
    """batch that the published score is averaged over"""
    predict_batch: Annotated[int, Limits(1, 65_536)] = 16
    """pictures that go through the network at once when it predicts or is validated; fewer take less memory, no score depends on
    it"""
    flip: Annotated[bool, _arg(aliases=["-f"])] = False
    """predict with the mirrored picture averaged in"""
    blur_kernel: Annotated[int, zero_or(1, 99)] = 0
    """taps of the smoothing before maps are read (BLUR_KERNEL of DARK, OmniPose, UDP), an odd number; 0: the network's own"""
    shift_heatmap: Annotated[int | None, Limits(0, 64)] = None
    """with --flip: cells by which maps of the mirrored picture are moved (SHIFT_HEATMAP is 1); default: as the network's crops need
    it"""
    joint_bias: Annotated[float, Limits(-1000, 1000)] = 0.0
    """px of the picture taken off both coordinates of predicted joints (BIAS of LPN's test)"""
    checkpoint: Annotated[str, _arg(aliases=["-c"])] = "checkpoint"
    """run folder: what is written goes here"""
    json: str = ""
    """write the scores here instead of metrics.json in the run folder"""


# why a test ignores flags of the published test.py, which has all flags of its train.py
TRAINING = "it is of training"
TARGETS = "scores are taken of joints, not of target maps"
AUGMENTED = "pictures are not augmented in a test"
NETWORK = "the checkpoint says what network it holds"


def _network(*aliases: str) -> Any:
    return _arg(help="the checkpoint says it; a warning where that says otherwise", aliases=list(aliases))


@dataclass
class TestOptions(DataOptions):
    """`zoopose test`."""

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


def compute_device(accelerator: str) -> torch.device:
    """The device that --accelerator means.

    Raises:
        OptionError: when the machine has none such.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise OptionError("a CUDA device", "none that torch can use", "--accelerator cpu")
    return torch.device("cpu" if accelerator == "cpu" or not torch.cuda.is_available() else "cuda")


def species_of(options: Any) -> str:
    """The species meant in data sets that hold several; a command whose --animal names data calls it --species."""
    return getattr(options, "species", options.animal)


def warn_of_other_network(options: Any, network: Loaded) -> None:
    """One line for every option of a network, given on the command line, that the network of a checkpoint does not have."""
    numbers = {name.removeprefix("num_"): number for name, number in network.numbers.items() if name != "adapter"}
    size, out = (size_of(size_text(side)) for side in (network.spec.size_hw, network.spec.heatmap_hw))
    for name, number in {
        **numbers,
        "inp_res": size,
        "out_res": out,
        "codec": network.spec.codec,
        "arch": network.arch,
    }.items():
        if getattr(options, name, None) not in (number, getattr(type(options), name, None)):
            log.warning(
                "%s %s is not used: the network of the checkpoint has %s", flag_of(name), getattr(options, name), number
            )


def load_network(path: str, trained_on: str, options: Any, mean: Any = None) -> Loaded:
    """Network of a checkpoint; files of the published code do not say what they were trained on, so the caller does.

    Args:
        trained_on: data set name: `real_animal` means TigDog's own mean and, for tigers, the joint order of its files
            (ccssl section 1); any other name the mean of the renderings.
        options: --partners, where it names the network's joints, takes the place of the checkpoint's pairs.
        mean: RGB mean in place of that, from a data set that knows its own.
    """

    check_trained_on(trained_on)

    def original_mean() -> Any:
        return mean_of(trained_on, options, path) if mean is None else mean

    loaded = load(path, original_mean, joint_order(trained_on, options), joint_names(getattr(options, "joints", "")))
    if outcome := outcome_of(loaded.state):
        log.warning("%s is the end of a run that was stopped: %s", path, outcome)
    pairs = partner_pairs(getattr(options, "partners", ""))
    if pairs and all(name in loaded.skeleton.joints for pair in pairs for name in pair):
        loaded.skeleton = loaded.skeleton.with_partners(pairs)
    return read_as(loaded, options) if isinstance(options, DataOptions) else loaded


def read_as(network: Loaded, options: Any) -> Loaded:
    """The network with its maps read as --blur-kernel, --shift-heatmap and --joint-bias say, where they are given.

    Raises:
        OptionError: an even number of taps, or taps for a reading that does not smooth.
    """
    spec, taps = network.spec, options.blur_kernel
    kind = spec.decoder or CODECS[spec.codec].decoding
    if taps and (taps % 2 == 0 or kind not in SMOOTHED):
        raise OptionError(
            f"--blur-kernel of an odd number, for maps that are smoothed before they are read ({', '.join(SMOOTHED)})",
            f"--blur-kernel {taps} for maps read by {kind}",
            f"--blur-kernel {taps + 1}" if kind in SMOOTHED else "leave --blur-kernel out",
        )
    given = {"decoder_taps": taps or None, "flip_shift": options.shift_heatmap, "bias_px": options.joint_bias or None}
    return replace(network, spec=replace(spec, **{k: v for k, v in given.items() if v is not None}))


def warn_of_reading(options: Any) -> None:
    """Say which options of mirrored pictures do nothing."""
    unmirrored = "without --flip: no picture is mirrored"
    warn_of_idle(
        options, [(name, lambda o: not o.flip, unmirrored) for name in ("shift_heatmap", "mirror", "partners")]
    )


def warn_of_own_network(options: Any, network: Loaded) -> None:
    """Say which options about files of the published code do nothing for a checkpoint that says these things itself."""
    beside = "for this checkpoint, which says it itself"
    rules = [(name, lambda o: "zoopose" in network.state, beside) for name in ("trained_on", "dataset1")]
    warn_of_idle(options, rules)


def check_trained_on(trained_on: str) -> None:
    """Raises OptionError where what a network was trained on is no data set: its mean colour would be guessed."""
    name = trained_on.partition(":")[0]
    if name and name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, 1, 0.5)
        expected = (
            f"a data set that the network was trained on, --trained-on or --dataset1 NAME out of {', '.join(SOURCES)}"
        )
        raise OptionError(expected, repr(trained_on), near[0] if near else "")


def mean_of(trained_on: str, options: Any, path: str) -> np.ndarray:
    """(3,) RGB mean that the published code takes off pictures for a network trained on a data set.

    Args:
        path: of the network, for the message.

    Raises:
        OptionError: a species of which it has none.
    """
    real, species = trained_on.partition(":")[0] == "real_animal", species_of(options)
    known = tigdog.MEANS if real else synthetic_animal.MEANS
    if species not in known:
        flag = "--species" if hasattr(options, "species") else "--animal"
        raise OptionError(
            f"{flag} out of {', '.join(known)}: {path} does not say what it was trained on, "
            "and the mean colour of those pictures is taken off every picture",
            repr(species),
            f"{flag} {difflib.get_close_matches(species, known, 1, 0)[0]}",
        )
    return (real_mean if real else synthetic_mean)(options.image_path, species)


def joint_order(trained_on: str, options: Any) -> np.ndarray | None:
    """(18,) joint of each channel of a published network trained on a data set: TigDog's tigers have an order of their own."""
    real = trained_on.partition(":")[0] == "real_animal"
    return TIGER_TO_MODEL if real and species_of(options) == "tiger" else None


def joint_names(text: str) -> list[str] | None:
    """The names of --joints: with commas, or a FILE with one a line; None for an empty text.

    Raises:
        OptionError: an empty name, or one twice.
    """
    if not text:
        return None
    path = Path(text).expanduser()
    if "," not in text and path.is_file():
        try:
            lines = path.read_text(encoding="utf-8-sig").replace(",", "\n").splitlines()
        except UnicodeDecodeError as error:
            raise OptionError("--joints FILE, a text with a name a line", f"{path}: {error.reason}") from error
        names = [line.strip() for line in lines if line.strip()]
    else:
        names = [name.strip() for name in text.split(",")]
    if not names or not all(names) or len(set(names)) != len(names):
        raise OptionError("--joints with names that are all different, NAME,NAME,... or a FILE", repr(text))
    return names


def refuse_joints(options: Any) -> None:
    """Refuse --joints where no checkpoint is read whose joints it could name.

    Raises:
        OptionError: --joints is given.
    """
    if options.joints:
        found = f"--joints {options.joints} without a checkpoint"
        raise OptionError("--joints beside a checkpoint that does not name its joints", found, "leave --joints out")


def open_with_options(
    source: str,
    split: str,
    options: Any,
    labelled: bool = True,
    skeleton: Skeleton | None = None,
    need_pictures: bool = True,
    must_have: bool = True,
) -> PoseDataset:
    """A data set of the command line, with the command's root, species, pairs, classes, smallest box and category.

    Args:
        must_have: --category must be one of the file's. Otherwise a file that has it not is taken whole: --category may be meant
            for another of the command's files.

    Raises:
        OptionError: classes, a smallest box or a category where none of the command's data sets has any.
        NoSuchCategory: the file has not the category.
    """
    own = {"classes": class_names(options.classes), "min_size": options.min_size}
    own |= {"category": options.category or None, "as_is": options.as_is or None}
    beside = [text for text in vars(options).values() if isinstance(text, str)]
    for option in own:
        # where another of the command's sets has the option it is meant for that one
        if not takes(option, source) and any(takes(option, text) for text in beside):
            own[option] = None
    opened = partial(
        open_data,
        source,
        split=split,
        labelled=labelled,
        image_path=options.image_path,
        animal=species_of(options),
        partners=partner_pairs(options.partners) if source.startswith("coco:") else None,
        skeleton=skeleton,
        need_pictures=need_pictures,
    )
    try:
        dataset = opened(**own)
    except NoSuchCategory:
        if must_have:
            raise
        dataset = opened(**own | {"category": None})
    say_data_notes(dataset)
    if skeleton is not None:
        use_pairs_of(dataset, skeleton, options)
    return dataset


def open_target(options: Any, skeleton: Skeleton, labelled: bool = False) -> PoseDataset:
    """The data of --target, of --target-classes or --target-category: their training part, where they have one.

    Of a set of other joints only pictures and boxes are taken, unless its labels are wanted.

    Raises:
        OptionError: classes of a data set that has none.
    """
    if options.target_classes:
        if not takes("classes", options.target):
            raise OptionError(
                "a --target that holds several classes", f"{options.target}", "leave --target-classes out"
            )
        options = replace(options, classes=options.target_classes)
    named = getattr(options, "target_category", "")
    if named:
        if not takes("category", options.target):
            found = f"--target-category {named} for {options.target}"
            raise OptionError("a --target that is a COCO file, coco:PATH.json", found, "leave --target-category out")
        options = replace(options, category=named)
    split = "train" if has_splits(options.target) else "all"
    if labelled:
        return open_with_options(options.target, split, options, labelled, skeleton, must_have=bool(named))
    # the joints, and their left/right pairs, are those of the network: nobody labels others here
    dataset = open_with_options(
        options.target, split, replace(options, partners=""), labelled, skeleton, must_have=bool(named)
    )
    if dataset.skeleton.joints != skeleton.joints:
        log.info("%s has other joints than the network: only its pictures and boxes are taken", options.target)
    return Unlabelled(dataset, skeleton)


def open_selecting(options: Any, skeleton: Skeleton) -> PoseDataset:
    """The labelled target data of --select-on-target, of the category of --target-category where that is given."""
    text, named = options.select_on_target, options.target_category
    split = "valid" if has_splits(text) else "all"
    own = replace(options, category=named or options.category)
    return open_with_options(text, split, own, skeleton=skeleton, must_have=bool(named))


def use_pairs_of(dataset: PoseDataset, skeleton: Skeleton, options: Any) -> None:
    """Give a data set of the same joints the left/right pairs that the network was trained with, unless --partners says others."""
    if not options.partners and dataset.skeleton is not None and dataset.skeleton.joints == skeleton.joints:
        dataset.skeleton = skeleton
