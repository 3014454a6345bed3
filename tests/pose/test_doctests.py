"""The examples in the docstrings of losses and codecs run and give what they show."""

import doctest
import importlib
import pkgutil

import pytest

from zoopose.pose import heatmap, losses

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (losses, heatmap)
    for module in pkgutil.iter_modules(package.__path__)
] + ["zoopose.pose.heatmap", "zoopose.pose.geometry", "zoopose.pose.schema", "zoopose.pose.sides"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_every_loss_has_an_example():
    finder = doctest.DocTestFinder()
    for name in losses.__all__:
        (test, *_) = finder.find(getattr(losses, name), name)
        assert test.examples, name


def test_encode_and_decode_have_examples():
    finder = doctest.DocTestFinder()
    for name in ("encode", "decode", "encode_offsets", "encode_levels"):
        (test, *_) = finder.find(getattr(heatmap, name), name)
        assert test.examples, name
