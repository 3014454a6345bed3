"""How right pseudo-labels are, where the target has labels: a diagnosis for the log, as the published code prints it."""

from __future__ import annotations

import numpy as np

from ..datasets.original_crops import box_matrix, restore_crop_px
from ..datasets.original_items import annotation_of
from ..datasets.pictures import PictureError
from ..datasets.pseudo_labels import PseudoLabels
from ..datasets.sample import PoseDataset
from ..evaluation.original_pck import accuracy, joint_distances
from ..pose.geometry import apply
from ..pose.input_spec import InputSpec
from ..pose.original.geometry import original_transform
from ..pose.original.heatmap import draw_labelmaps, peaks
from .original.labels import kpts_to_heatmap


class LabelScore:
    """'Acc on target training set (pseudo-labels)': the mean over frames of the published accuracy of the drawn labels.

    All labels count, admitted or not. Nothing of it reaches the training.

    Args:
        truth: the target with its labels, the same frames in the same order.
        form: of the network.
    """

    def __init__(self, truth: PoseDataset, spec: InputSpec):
        self.truth, self.spec = truth, spec
        self._cells: np.ndarray | None = None

    def __call__(self, labels: PseudoLabels) -> float:
        """Share right, 0..1; NaN where no frame could be read."""
        if self._cells is None:
            self._read_truth()
        side, cells = self.spec.size, self.spec.heatmap_size
        shares = []
        for i in np.flatnonzero(np.isfinite(self._matrix[:, 0, 0]) & np.isfinite(labels.xy_px).all((1, 2))):
            xy_crop = restore_crop_px(apply(self._matrix[i], labels.xy_px[i].astype(np.float64)))
            drawn = peaks(kpts_to_heatmap(xy_crop, side, cells))
            shares.append(accuracy(joint_distances(drawn[None], self._cells[i][None], cells))[0])
        return float(np.mean(shares)) if shares else float("nan")

    def _read_truth(self) -> None:
        """Highest cells (N, K, 2) of the true target maps, and the frames' matrices; read once, for all rounds."""
        n, size = len(self.truth), (self.spec.heatmap_size,) * 2
        self._cells = np.zeros((n, len(self.truth.skeleton), 2), np.float32)
        self._matrix = np.full((n, 2, 3), np.nan)
        for i in range(n):
            try:
                known = annotation_of(self.truth, i, self.truth[i])
            except PictureError:
                continue  # training names it
            moved = original_transform(
                known.pts[:, :2] + np.float32(known.offset), known.center, np.asarray(known.scale), size
            )
            maps, _ = draw_labelmaps(moved - 1, size, active=known.pts[:, 1] > 0)
            self._cells[i], self._matrix[i] = peaks(maps), box_matrix(known, self.spec.size)
