"""Accuracy of pseudo-labels where the target has labels: a diagnosis for the log, as the published code prints it."""

from __future__ import annotations

import numpy as np

from ..datasets.original_crops import box_matrix, restore_crop_px
from ..datasets.original_items import annotation_of
from ..datasets.pictures import PictureError
from ..datasets.pseudo_labels import PseudoLabels
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..evaluation.data import open_target
from ..evaluation.original_pck import accuracy, joint_distances
from ..pose.checkpoints import Loaded
from ..pose.geometry import apply
from ..pose.input_spec import InputSpec
from ..pose.original.geometry import original_transform
from ..pose.original.heatmap import draw_labelmaps, peaks
from .options import CcsslOptions
from .original.labels import kpts_to_heatmap


def scorer_for(options: CcsslOptions, network: Loaded) -> LabelScore | None:
    """The score of the pseudo-labels that --score-labels asks for; None without that option.

    Raises:
        OptionError: the target has no labels.
    """
    if not options.score_labels:
        return None
    data = open_target(options, network.skeleton, labelled=True)
    if data.labels is None:
        raise OptionError("a labelled target for --score-labels", f"{options.target}, without labels", "leave it out")
    return LabelScore(data, network.spec)


class LabelScore:
    """'Acc on target training set (pseudo-labels)': the mean over frames of the published accuracy of the drawn labels.

    All labels count, admitted or not. The score is logged only; the training does not use it.

    Args:
        truth: the target with its labels: the same frames in the same order.
        spec: input of the network.
    """

    def __init__(self, truth: PoseDataset, spec: InputSpec):
        self.truth, self.spec = truth, spec
        self._truth: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, labels: PseudoLabels) -> float:
        """Share of correct labels, 0..1; NaN where no frame could be read."""
        if self._truth is None:
            self._truth = self._read_truth()
        true_cells, crop_from_image = self._truth
        side, cells = self.spec.size, self.spec.heatmap_size
        shares = []
        for i in np.flatnonzero(np.isfinite(crop_from_image[:, 0, 0]) & np.isfinite(labels.xy_px).all((1, 2))):
            xy_crop = restore_crop_px(apply(crop_from_image[i], labels.xy_px[i].astype(np.float64)))
            drawn = peaks(kpts_to_heatmap(xy_crop, side, cells))
            shares.append(accuracy(joint_distances(drawn[None], true_cells[i][None], cells))[0])
        return float(np.mean(shares)) if shares else float("nan")

    def _read_truth(self) -> tuple[np.ndarray, np.ndarray]:
        """Highest cells (N, K, 2) of the true target maps, and crop_from_image (N, 2, 3), NaN for a frame that cannot be read."""
        n, size = len(self.truth), (self.spec.heatmap_size,) * 2
        true_cells = np.zeros((n, len(self.truth.skeleton), 2), np.float32)
        crop_from_image = np.full((n, 2, 3), np.nan)
        for i in range(n):
            try:
                known = annotation_of(self.truth, i, self.truth[i])
            except PictureError:
                continue  # the feed logs the fault
            moved = original_transform(
                known.pts[:, :2] + np.float32(known.offset), known.center, np.asarray(known.scale), size
            )
            maps, _ = draw_labelmaps(moved - 1, size, active=known.pts[:, 1] > 0)
            true_cells[i], crop_from_image[i] = peaks(maps), box_matrix(known, self.spec.size)
        return true_cells, crop_from_image
