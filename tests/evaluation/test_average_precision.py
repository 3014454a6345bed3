import numpy as np
import pytest

from zoopose.errors import OptionError, ZooposeError
from zoopose.evaluation.average_precision import precision_recall, voc_ap


def test_by_hand():
    # five detections of four objects: right, wrong, right, right, wrong
    scores, right = np.array([0.5, 0.9, 0.3, 0.8, 0.6]), np.array([True, True, False, False, True])
    recall, precision = precision_recall(scores, right, 4)
    np.testing.assert_allclose(recall, [0.25, 0.25, 0.5, 0.75, 0.75])
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3, 3 / 4, 3 / 5])
    # best precision from there on: 1, then 3/4 up to recall 0.75, then nothing
    assert voc_ap(recall, precision) == pytest.approx(0.25 * 1 + 0.5 * 0.75)
    assert voc_ap(recall, precision, "11 points") == pytest.approx((3 * 1 + 5 * 0.75 + 3 * 0) / 11)


def test_bounds():
    for kind in ("area", "11 points"):
        recall, precision = precision_recall(np.linspace(1, 0, 10), np.ones(10, bool), 10)
        assert voc_ap(recall, precision, kind) == pytest.approx(1)
        recall, precision = precision_recall(np.linspace(1, 0, 10), np.zeros(10, bool), 10)
        assert voc_ap(recall, precision, kind) == 0
        assert voc_ap(*precision_recall(np.zeros(0), np.zeros(0, bool), 3), kind) == 0
    # a recall that is just a tenth counts at that tenth
    recall, precision = precision_recall(np.linspace(1, 0, 3), np.ones(3, bool), 10)
    assert voc_ap(recall, precision, "11 points") == pytest.approx(4 / 11)


def test_clear_errors():
    with pytest.raises(ZooposeError, match="objects"):
        precision_recall(np.ones(2), np.ones(2, bool), 1)
    with pytest.raises(ZooposeError, match="never falls"):
        voc_ap(np.array([0.5, 0.2]), np.array([1.0, 1.0]))
    with pytest.raises(OptionError, match="area or 11"):
        voc_ap(np.array([0.5]), np.array([1.0]), "12")
