"""Putting a CC-SSL run together from its options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from lightning_fabric import Fabric
from torch import nn

from ..datasets.crops import CropCache
from ..datasets.open import check_joints
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..evaluation.data import open_selecting, open_target
from ..evaluation.mirroring import mirrors
from ..evaluation.network import load_network
from ..pose.augment import Augmentation
from ..pose.checkpoints import Loaded
from ..pose.skeleton import Skeleton
from ..train.adaptation import began_from_scratch
from ..train.feeds.base import FeedConfig
from ..train.feeds.crops import CacheConfig, CropFeed, margin_px
from ..train.feeds.labelled import augmentation_for, target_config
from ..train.run_state import Run
from ..train.selftraining.labeller import Execution
from ..train.selftraining.step import SelfTrainingConfig, SelfTrainingFeeds
from ..train.streams import Stream
from ..train.supervised import LOSSES, loss_for
from ..train.validation import Validation
from .confidence import Calibrator
from .consistency import Views
from .framing import FRAMINGS
from .label_score import LabelScore
from .labelling import Labeller, LabelRules
from .options import CcsslOptions
from .original.step import original_step
from .propagation import Temporal
from .protocol import gamma_of, refresh_of
from .selfcheck import SelfCheck
from .starts import labelled_feed, target_labels_state
from .step import CcsslStep
from .teacher import Teacher


def views_for(options: CcsslOptions, skeleton: Skeleton) -> Views:
    """The views that the options ask for; none is mirrored where left and right are in doubt, see `mirrors`."""
    flip = not options.no_view_flip and mirrors(options, skeleton)
    equivariance = Augmentation(
        scale=1 + options.view_scale, rotation_deg=options.view_rotation, flip=0.5 if flip else 0.0
    )
    return Views(options.views, equivariance, Augmentation() if options.no_invariance else Views().invariance)


def step_for(
    options: CcsslOptions,
    source: PoseDataset,
    valid: PoseDataset,
    target: PoseDataset,
    network: Loaded,
    fabric: Fabric,
    run: Run,
    few: PoseDataset | None = None,
) -> CcsslStep:
    """The adaptation step of a run.

    Args:
        few: labelled target pictures, where the run has any.
    """
    run.patience = options.patience * refresh_of(options)
    if options.protocol == "published":
        return original_step(options, source, target, network, fabric, run, few, scorer_for(options, network))
    loss = loss_for(options, network)
    cache = CacheConfig.of(options, 1 / 2)

    def reading(stream: Stream) -> FeedConfig:
        return FeedConfig.of(options, fabric, batch_size=options.train_batch, seed=options.seed, stream=stream)

    targets = target_config(options, network.spec, options.source)
    seen = augmentation_for(options, options.target_augment, network.skeleton)
    if options.target_occlusion is not None:
        seen = replace(seen, occlusion=options.target_occlusion)
    drawn = augmentation_for(options, options.source_augment, network.skeleton)
    feeds = SelfTrainingFeeds(
        CropFeed(source, network.spec, drawn, reading(Stream.SOURCE), targets=targets, cache=cache),
        # labels are made on these crops too, and must not depend on what the training does to them
        CropFeed(
            target,
            network.spec,
            seen,
            reading(Stream.TARGET),
            targets=targets,
            cache=replace(cache, padded=True),
        ),
        None if few is None else labelled_feed(options, few, network, fabric),
    )
    rules = LabelRules(
        options.seed,
        views_for(options, network.skeleton),
        Temporal(options.flow, weights=options.raft_weights),
        FRAMINGS if mirrors(options, network.skeleton) and not options.no_framing else (),
    )
    execution = Execution(fabric.device, options.workers, options.strict_data, fabric)
    labeller = Labeller(feeds.target.crops, network.spec, execution, rules, framing_network(options, network))
    calibrator = None
    if options.confidence == "calibrated":
        padded = CropCache(valid, feeds.target.crops.size, feeds.target.margin, 0)
        calibrator = Calibrator(
            padded,
            network.spec,
            views_for(options, network.skeleton),
            options.seed,
            fabric.device,
            str(valid.describe().get("name", "")),
        )
    refresh = refresh_of(options)
    config = SelfTrainingConfig(
        run.folder, math.ceil(options.num_epochs / refresh), refresh, gamma_of(options, loss), options.steps
    )
    return CcsslStep(
        feeds,
        labeller,
        fabric,
        LOSSES[loss],
        config,
        share=(options.share_first, options.share_last),
        per=options.per,
        teacher=Teacher(run.plain, options.ema) if options.ema else None,
        calibrator=calibrator,
        scorer=scorer_for(options, network),
        limit=options.check_limit,
        style=options.target_style,
        from_scratch=began_from_scratch(network, run),
        target_labels=target_labels_state(options, few),
    )


def framing_network(options: CcsslOptions, network: Loaded) -> nn.Module | None:
    """The network that --framing-from names; None without one.

    Raises:
        OptionError: nothing to judge, or a network of other joints or another input.
    """
    if not options.framing_from:
        return None
    if options.no_framing:
        raise OptionError("--framing-from NETWORK, or --no-framing", "both", "one of them")
    framing_model = load_network(options.framing_from, options.source, options)
    if framing_model.spec != network.spec or framing_model.skeleton.joints != network.skeleton.joints:
        raise OptionError(
            f"--framing-from a network like that of --resume: {len(network.skeleton)} joints, {network.spec.size} px",
            f"{options.framing_from}: {len(framing_model.skeleton)} joints of {framing_model.skeleton.name}, "
            f"{framing_model.spec.size} px",
            "the network that was adapted",
        )
    return framing_model.model


def scorer_for(options: CcsslOptions, network: Loaded) -> LabelScore | None:
    """The diagnosis of the pseudo-labels that --score-labels asks for.

    Raises:
        OptionError: a target without labels.
    """
    if not options.score_labels:
        return None
    data = open_target(options, network.skeleton, labelled=True)
    if data.labels is None:
        raise OptionError("a labelled target for --score-labels", f"{options.target}, without labels", "leave it out")
    return LabelScore(data, network.spec)


class Selection:
    """What is scored after every epoch: labelled data, and how well the network agrees with itself on the target.

    Args:
        validation: on the source, or on the target where the user asks for it.
        check: on the target, without labels; None: not at all.
        select: name of the score that chooses model_best.
    """

    def __init__(self, validation: Validation, check: SelfCheck | None, select: str):
        self.validation, self.check, self.select = validation, check, select

    def __call__(self, model: nn.Module, batches: int | None) -> Mapping[str, float]:
        scores = self.validation(model, batches)
        if batches is None and self.check:
            scores = {**scores, **self.check(model, scores.get("val/pck", math.nan))}
        return scores


def selection_for(
    options: CcsslOptions, valid: PoseDataset, target: PoseDataset, network: Loaded, fabric: Fabric, step: CcsslStep
) -> Selection:
    """What is scored after every epoch, and the score that chooses model_best."""
    if options.select_on_target:
        data = open_selecting(options.select_on_target, options, network.skeleton)
        check_joints(data, network.skeleton, options.select_on_target)
        if data.labels is None:
            raise OptionError("labelled target data to select on", f"{options.select_on_target}, without labels")
        return Selection(Validation(data, network, fabric, options, "target"), None, "target/pck")
    validation = Validation(valid, network, fabric, options)
    if options.select == "source":
        return Selection(validation, None, "val/pck")
    crops = step.target.crops if isinstance(step.target, CropFeed) else None
    if crops is None:
        pad = margin_px(network.spec.size)
        crops = CropCache(target, network.spec.size + 2 * pad, 1 + 2 * pad / network.spec.size, 0)
    check = SelfCheck(
        crops,
        list(target.shots),
        network.spec,
        options.flow,
        lambda: step.teacher.model if step.teacher else None,
        mirrors(options, network.skeleton),
    )
    return Selection(validation, check, "selfcheck/score")


def selection_note(options: CcsslOptions) -> str:
    """How model_best was chosen, for the log and the report."""
    read = "target labels were not read"
    if options.target_labels:
        read = f"the target labels of {options.target_labels} were trained on, and chose nothing"
    if options.select_on_target:
        return f"CHOSEN ON TARGET LABELS ({options.select_on_target}): its score there is no honest estimate"
    if options.select == "source":
        return f"best on the source validation; {read}"
    return f"agrees best with itself on the target and with the source's labels; {read}"
