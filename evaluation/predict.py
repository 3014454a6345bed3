"""Predict the joints in your own pictures or video: tables, and pictures with the joints drawn in.

Examples:

    zoopose predict --data images:photos --resume runs/horse_to_cattle/last.pth.tar --checkpoint predictions

    zoopose predict --data video:cows.mp4 --resume runs/horse_to_cattle/last.pth.tar --overlays 200

    zoopose predict --data coco:boxes.json --resume runs/horse/model_best.pth.tar --flip

If there are no boxes, the whole picture is the box: crop the pictures around the animal, or give boxes in a COCO file.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from zoopose.commandline.parsing import command
from zoopose.evaluation.options import PredictOptions

if TYPE_CHECKING:
    from zoopose.evaluation.inference import Predictions


def run(options: PredictOptions) -> Predictions:
    """Predict as the options say; writes predictions.csv, predictions.json (COCO results form) and overlays."""
    from zoopose.evaluation.predicting import predict_data

    return predict_data(options)


if __name__ == "__main__":
    sys.exit(command(run, PredictOptions, "predict.py", __doc__))
