"""Trunks of pose networks, by name: layers of networks that were trained to recognise pictures, and their weights."""

from __future__ import annotations

from .efficientnet_lite import EfficientNetLite
from .lite_weights import CLASSIFIER, lite_weights
from .pretrained import Pretrained, load_in_order
from .trunk import Three as Three
from .trunk import Trunk as Trunk

# EfficientNet's factors on width and depth
LITE = {"lite0": (1.0, 1.0), "lite2": (1.1, 1.2)}


def build_trunk(name: str) -> Trunk:
    """The layers of a trunk, with fresh weights.

    Args:
        name: `lite0` or `lite2`.
    """
    return EfficientNetLite(*LITE[name])


def load_pretrained(trunk: Trunk, name: str) -> tuple[Pretrained, str]:
    """Load the weights that belong to a trunk's name.

    Returns:
        The weights, and a line that says what was loaded.

    Raises:
        WeightsError: they are not installed, or do not fit; then nothing is loaded.
    """
    weights = lite_weights(name)
    return weights, load_in_order(trunk, weights, CLASSIFIER)
