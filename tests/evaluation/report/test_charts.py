import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoopose.errors import ZooposeError
from zoopose.evaluation.report.charts import HEIGHT, WIDTH, line_chart, ticks

number = st.floats(-1e6, 1e6)


@given(number, st.floats(1e-3, 1e6))
def test_ticks_lie_inside_and_are_few(low, span):
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 9
    assert found == sorted(set(found))
    assert all(low - 1e-6 * span <= value <= low + span + 1e-6 * span for value in found)


def test_ticks_are_round():
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(0.03, 0.29) == [0.05, 0.1, 0.15, 0.2, 0.25]
    assert ticks(3, 3) == [3]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(number, st.one_of(number, st.just(np.nan), st.just(np.inf))), max_size=12))
def test_all_points_are_drawn_inside(points):
    svg = line_chart({"a": ([x for x, _ in points], [y for _, y in points])}, "x", "y")
    if not any(np.isfinite(y) for _, y in points):
        assert svg.startswith("<p")
        return
    assert "nan" not in svg and "inf" not in svg
    root = ElementTree.fromstring(svg)
    circles = [element.attrib for element in root.iter("circle")]
    assert len(circles) == sum(np.isfinite(y) for _, y in points)
    assert all(0 <= float(c["cx"]) <= WIDTH and 0 <= float(c["cy"]) <= HEIGHT for c in circles)


def test_gaps_break_the_line():
    svg = line_chart({"a": (range(6), [1, 2, np.nan, 4, 5, 6])}, "x", "y")
    lengths = [len(line.split()) for line in re.findall(r'points="([^"]*)"', svg)]
    assert lengths == [2, 3]


def test_long_series_have_no_dots_but_lone_points_do():
    y = np.ones(200)
    y[[100, 102]] = np.nan
    svg = line_chart({"a": (np.arange(200), y)}, "x", "y")
    assert svg.count("<circle") == 1 and svg.count("<polyline") == 2


def test_unequal_lengths():
    with pytest.raises(ZooposeError, match="many"):
        line_chart({"many": ([1, 2], [1])}, "x", "y")
