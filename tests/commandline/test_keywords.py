"""Options given as keywords of a Python function are checked as those of a command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoopose.commandline.keywords import options_from
from zoopose.errors import OptionError
from zoopose.train.options import TrainOptions


@pytest.mark.parametrize(
    "given, words",
    [
        ({"epochs": "3"}, "a whole number"),
        ({"epochs": True}, "a whole number"),
        ({"solver": "adm"}, "solver='adam'"),
        ({"epochs": 0}, "--epochs"),
        ({"year": 2015}, "year="),
        ({"checkpoint": "x"}, "folder="),
        ({"lr": 1e-3, "learning_rate": 1e-3}, "once"),
        ({"schedule": ["a"]}, "a tuple"),
    ],
)
def test_values_are_checked(given, words):
    with pytest.raises(OptionError) as error:
        options_from(TrainOptions, given, "zoopose.train", {"checkpoint": ("folder", "y")})
    assert words in str(error.value)


def test_values_may_be_paths_lists_numpy_numbers_and_aliases():
    given = {
        "init_weights": Path("a/b.tar"),
        "schedule": [3, 4],
        "epochs": np.int64(5),
        "learning_rate": 1,
        "inp_res": (64, 32),
    }
    made = options_from(TrainOptions, given, "zoopose.train")
    assert (made.init_weights, made.schedule, made.epochs, made.lr, made.inp_res) == ("a/b.tar", (3, 4), 5, 1, (64, 32))
