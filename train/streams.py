"""The random streams of a run, all from its seed."""

from __future__ import annotations

from enum import IntEnum


class Stream(IntEnum):
    """What random numbers are drawn for. Streams of different numbers are independent: more draws of one change nothing in another.

    The numbers enter the results of a run, so they must not change. WS-CDA numbers its domains from 0 on, the main one first.
    """

    SOURCE = 0  # order and augmentation of the labelled pictures
    TARGET = 1  # the same of the pictures with pseudo-labels
    TARGET_LABELS = 2  # the same of the labelled target pictures
    LABELLING = 77  # views of CC-SSL's labelling
    STYLE = 78  # which target pictures take the style of a source picture
    ORIGINAL_LABELLING = 78  # views of the 2020 labelling; no run has both
    CALIBRATION = 79  # views of the labelled pictures on which confidence is calibrated
    HARD_VIEWS = 80  # what the hard views of the online step cover
    MIXUP = 81  # which pictures of the online step are mixed, and how much
    DOMAIN_PROBE = 91  # folds of the domain probe
