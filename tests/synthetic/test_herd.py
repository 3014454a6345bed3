"""Herds: individuals differ and are repeated, heads are carried high and low, and earlier pictures stay as they were."""

from __future__ import annotations

import numpy as np
import pytest

from zoopose.errors import OptionError
from zoopose.pose.skeleton import TIGDOG18
from zoopose.synthetic.breeds import BREEDS, breed_coat
from zoopose.synthetic.coats import PATTERNS
from zoopose.synthetic.farm_places import farm_scene, railings
from zoopose.synthetic.frames import skin_of
from zoopose.synthetic.gait import Manner, bone_angles, pose_mesh
from zoopose.synthetic.herd import FARM, PICTURES_EACH, draw_carriage, individual, render_individual, render_labelled
from zoopose.synthetic.noise import stream
from zoopose.synthetic.plans import body_of
from zoopose.synthetic.source import render_source

_CHIN = TIGDOG18.joints.index("chin")


@pytest.mark.parametrize("animal", [*FARM, "horse"])
def test_heads_are_carried_from_above_the_back_down_to_the_ground(animal):
    """At the ends of the carriage the chin is high above the ground and near it; between them it sinks all the way."""
    mesh, unit = skin_of(animal, detail=0.5), body_of(animal).withers_cm
    chin = [
        pose_mesh(mesh, "stand", 0.0, Manner(lowered=share)).joints[_CHIN, 2] / unit for share in np.linspace(0, 1, 6)
    ]
    assert (np.diff(chin) < 0).all()
    assert chin[-1] < min(0.36, chin[0] - 0.15)
    low, high = body_of(animal).carriage
    assert low <= 0 < high < 1
    drawn = [draw_carriage((low, high), stream(k)).lowered for k in range(200)]
    assert low <= min(drawn) < low + 0.1 * (high - low)
    assert high >= max(drawn) > high - 0.1 * (high - low)


@pytest.mark.parametrize("gait", ["walk", "graze"])
def test_a_head_that_is_not_lowered_moves_as_before(gait):
    """Lowered by 0 is nothing at all, and a grazing head does not go lower still."""
    mesh = skin_of("horse", detail=0.5)
    plain, lowered = (bone_angles(mesh, gait, 0.3, Manner(neck_pitch=7, lowered=low))[0] for low in (0.0, 0.5))
    assert np.array_equal(plain, lowered) == (gait == "graze")


def test_pictures_do_not_depend_on_the_order():
    forth = [render_individual("cow", 4, i, (64, 80)) for i in range(3)]
    back = [render_individual("cow", 4, i, (64, 80)) for i in (2, 1, 0)][::-1]
    for a, b in zip(forth, back):
        assert a.image.shape == (64, 80, 3)
        assert (a.image == b.image).all()
        assert (a.xy_px == b.xy_px).all()
        assert a.visible.sum() >= 6
    assert not (forth[0].image == render_individual("cow", 5, 0, (64, 80)).image).all()
    with pytest.raises(OptionError, match="32"):
        render_individual("cow", 0, 0, (8, 8))


@pytest.mark.parametrize("animal", FARM)
def test_individuals_differ(animal):
    found = [individual(animal, 0, k) for k in range(12)]
    assert found == [individual(animal, 0, k) for k in range(12)]
    builds, coats = zip(*found)
    assert len(set(builds)) == 12
    assert len(set(coats)) == 12
    legs = [b.legs for b in builds]
    assert max(legs) / min(legs) > 1.2
    assert {b.horns for b in builds} == {True, False}
    for coat in (breed_coat(animal, stream(k)) for k in range(len(BREEDS[animal]))):
        assert coat.pattern in PATTERNS
        assert all(0 <= c <= 1 for rgb in (coat.body, coat.belly, coat.points) for c in rgb)


def test_horns_can_be_left_out():
    horned, polled = (
        skin_of("cow", individual("cow", 0, 0)[0].__class__(horns=h, legs=1.1), 0.5) for h in (True, False)
    )
    assert set(horned.tube_names) - set(polled.tube_names) == {"left_horn", "right_horn"}


@pytest.mark.parametrize(("animal", "many"), [("horse", False), ("hound", False), ("cow", True), ("dog", True)])
def test_who_is_drawn_as_a_herd(animal, many):
    """Published species stay the one standard animal, with the pictures they had."""
    found = render_labelled(animal, 3, 5, (48, 64))
    assert (found.image == (render_individual if many else render_source)(animal, 3, 5, (48, 64)).image).all()
    other = render_labelled(animal, 3, 5, (48, 64), individuals="one" if many else "many")
    assert not (found.image == other.image).all()


def test_four_pictures_show_one_animal():
    sizes = {tuple(len(render_individual("sheep", 1, i, (48, 64)).vertices_px) for i in range(PICTURES_EACH))}
    assert len(sizes) == 1
    assert individual("sheep", 1, 0) != individual("sheep", 1, 1)


def test_the_side_is_seen_from_the_side():
    frames = [render_individual("pig", 2, i, (48, 64), views="side") for i in range(6)]
    turns = np.array([f.about["azimuth_deg"] for f in frames])
    assert (np.abs((turns % 180) - 90) <= 40).all()
    fills = np.array([np.ptp(np.nonzero(f.seg)[1]) / 64 for f in frames if f.seg.any()])
    assert 0.3 < np.median(fills) < 0.95


def test_railings_hide_what_is_behind_them():
    box = np.array([10.0, 10, 50, 40])
    cover, colour = railings((48, 64), box, stream(1))
    assert cover.shape == (48, 64)
    assert colour.shape == (48, 64, 3)
    assert 0.01 < (cover > 0.5).mean() < 0.4
    assert len({farm_scene(stream(k)).ground.kind for k in range(30)}) > 2
