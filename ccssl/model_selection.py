"""The scores of a CC-SSL run after every epoch, and which of them chooses model_best."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lightning_fabric import Fabric
from torch import nn

from ..datasets.crops import CropCache
from ..datasets.open import check_joints
from ..errors import OptionError
from ..evaluation.data import open_selecting
from ..evaluation.mirroring import mirrors
from ..train.adaptation import AdaptationStart
from ..train.feeds.crops import CropFeed, margin_px
from ..train.validation import Validation
from .base_step import BaseStep
from .options import CcsslOptions
from .selfcheck import SelfCheck


class ModelSelection:
    """Scores the network on labelled data, and by the self-check on the target.

    Args:
        validation: on the source, or on labelled target data where the user asks for it.
        check: on the target, without labels; None: no self-check.
        select: name of the score that chooses model_best.
    """

    def __init__(self, validation: Validation, check: SelfCheck | None, select: str):
        self.validation, self.check, self.select = validation, check, select

    def __call__(self, model: nn.Module, batches: int | None) -> Mapping[str, float]:
        """Scores by name; the self-check is made only on all data (`batches` None)."""
        scores = self.validation(model, batches)
        if batches is None and self.check:
            scores = {**scores, **self.check(model, scores.get("val/pck", math.nan))}
        return scores


def model_selection_for(
    options: CcsslOptions, inputs: AdaptationStart, fabric: Fabric, step: BaseStep
) -> ModelSelection:
    """The scores that the options ask for.

    Args:
        inputs: data and network of the run.
        fabric: device and ranks.
        step: gives the teacher and the target's crops.

    Raises:
        OptionError: --select-on-target without labels.
    """
    network, target = inputs.start, inputs.target
    if options.select_on_target:
        data = open_selecting(options.select_on_target, options, network.skeleton)
        check_joints(data, network.skeleton, options.select_on_target)
        if data.labels is None:
            raise OptionError("labelled target data to select on", f"{options.select_on_target}, without labels")
        return ModelSelection(Validation(data, network, fabric, options, "target"), None, "target/pck")
    validation = Validation(inputs.valid, network, fabric, options)
    if options.select == "source":
        return ModelSelection(validation, None, "val/pck")
    if isinstance(step.target, CropFeed):
        crops = step.target.crops
    else:
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
    return ModelSelection(validation, check, "selfcheck/score")


def selection_note(options: CcsslOptions) -> str:
    """How model_best is chosen, for the log and the report."""
    if options.select_on_target:
        return f"CHOSEN ON TARGET LABELS ({options.select_on_target}): its score there is too optimistic"
    unread = "target labels were not read"
    if options.target_labels:
        unread = f"the target labels of {options.target_labels} were trained on, and not used to choose"
    if options.select == "source":
        return f"best on the source validation; {unread}"
    return f"best by the self-check on the target and the source validation; {unread}"
