"""The verdict: what follows from the evidence, and in which words."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoopose.pose.schema import Mismatch
from zoopose.train.verdict import HELPED, NOT, UNKNOWN, Verdict, joints_to_distrust, objection, verdict_of

START = {"kept_size": 1.0, "pose_prior": 2.0, "views": 0.5}
GOOD = {"kept_size": 0.97, "pose_prior": 1.5, "views": 0.9}
SMALL = {"kept_size": 0.8, "pose_prior": 1.5, "views": 0.95}


@pytest.mark.parametrize(
    ("now", "way"),
    [
        (GOOD, ""),
        ({"kept_size": 1.04}, ""),
        (SMALL, "shrink"),
        ({"kept_size": 1.2}, "grow"),
        ({"kept_size": 1.0, "pose_prior": 2.6}, "become less like"),
        ({}, ""),
    ],
)
def test_what_speaks_against_a_network(now, way):
    assert objection(START, now, 0.6).startswith(way) and bool(objection(START, now, 0.6)) == bool(way)


@given(st.floats(0.01, 10), st.floats(0.01, 10))
def test_agreement_with_itself_is_no_evidence_and_no_limit_means_no_objection(size, prior):
    now = {"kept_size": size, "pose_prior": prior}
    assert not objection(START, now, math.inf)
    assert objection(START, now, 0.6) == objection(START, {**now, "views": 1.0}, 0.6)
    assert objection(START, {"kept_size": size}, 0.6)[:4] in ("", "grow", "shri")


def test_a_smaller_limit_objects_to_all_that_a_larger_one_does():
    assert objection(START, {"kept_size": 0.93}, 0.3) and not objection(START, {"kept_size": 0.93}, 0.6)
    assert objection(START, GOOD, 0.1) and not objection(START, GOOD, 0.6) and not objection(START, SMALL, 6)


def test_it_helped():
    verdict = verdict_of(START, [SMALL, GOOD], 2, distrust=["ear"])
    assert verdict.answer == HELPED and verdict.model_best == 2 and verdict.distrust == ("ear",)
    assert verdict.sentence == (
        "adaptation helped here: joints that the start network was sure of are at 97 % of their distances; "
        "the network agrees with itself on 90 % of the joints (50 % before)"
    )


def test_it_did_not_help_where_no_network_was_accepted():
    verdict = verdict_of(START, [SMALL], 0)
    assert verdict.answer == NOT and "poses shrink" in verdict.sentence and "80 %" in verdict.sentence
    assert verdict.sentence.endswith("model_best is the network you gave")


def test_a_stopped_run_keeps_its_sentence():
    assert verdict_of(START, [SMALL], 0, harm="it did harm").sentence == "it did harm"


def test_nobody_can_tell_without_evidence():
    verdict = verdict_of({}, [], 3, unknown="there are no boxes")
    assert verdict.answer == UNKNOWN and "there are no boxes" in verdict.sentence
    assert verdict_of(START, [{"views": 0.9}], 1).answer == UNKNOWN


def test_joints_to_distrust_are_few_and_in_order():
    names, trust = "abcdefg", [0.9, 0.1, 0.45, 0.3, 0.2, 0.4, 0.6]
    assert joints_to_distrust(names, trust) == ("b", "e", "d", "f") and joints_to_distrust("ab", [0.8, 0.9]) == ()


def test_it_comes_back_from_json_and_nothing_else_does():
    verdict = verdict_of(START, [GOOD], 1, distrust=["ear"])
    back = Verdict.from_dict(json.loads(json.dumps(verdict.to_dict())))
    assert back.to_dict() == {**verdict.to_dict(), "distrust": ["ear"]}
    for damaged in ({}, {**verdict.to_dict(), "answer": "yes"}, {**verdict.to_dict(), "epochs": 3}):
        with pytest.raises(Mismatch):
            Verdict.from_dict(damaged)
