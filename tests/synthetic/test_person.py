"""The drawn person: anatomy, left and right, postures, clothes, and what is said to be seen."""

import cv2
import numpy as np
import pytest

from zoopose.errors import OptionError
from zoopose.pose.skeleton import COCO17
from zoopose.synthetic.biped import ARMS, BASES, Arm, Leg, Posture, bone_turns, draw_posture, pose_person
from zoopose.synthetic.camera import orbit
from zoopose.synthetic.clothes import draw_outfit, dress
from zoopose.synthetic.figure import HAIRS, Stature, draw_stature, person, standard_skin
from zoopose.synthetic.frames import compose
from zoopose.synthetic.light import Light
from zoopose.synthetic.noise import stream
from zoopose.synthetic.people import render_person

_DETAIL = 0.75
_STANDING, _STANDARD = Posture(), Stature()
_JOINT = {name: i for i, name in enumerate(COCO17.joints)}
_LEFT = [left for left, _ in COCO17.partners]
_BONES = [(a, b) for a, b in COCO17.limbs if min(a, b) >= 5 and {a, b} not in ({5, 11}, {6, 12})]


def _joints(posture: Posture = _STANDING, stature: Stature = _STANDARD) -> dict[str, np.ndarray]:
    posed = pose_person(person(stature, detail=_DETAIL), posture)
    return dict(zip(COCO17.joints, posed.joints.astype(float)))


def _seen(azimuth: float, posture: Posture = _STANDING):
    mesh = person(Stature(), detail=_DETAIL)
    camera = orbit(np.array([0, 0, 95.0]), 420, azimuth, 2, (240, 200), fov_deg=30)
    light = Light(np.array([0, 0, 1.0]), np.full(3, 0.6), np.full(3, 0.4))
    paint = dress(standard_skin(detail=_DETAIL), draw_outfit(stream(1)))
    white = np.ones((240, 200, 3), np.float32)
    frame, _ = compose(mesh, pose_person(mesh, posture), camera, paint, light, white, about={})
    return frame


def test_a_person_stands_as_people_do():
    at = _joints()
    assert 174 < standard_skin(detail=_DETAIL).rest_cm[:, 2].max() < 180
    heights = ["ankle", "knee", "hip", "elbow", "shoulder", "ear"]
    z = [at[f"left_{name}"][2] for name in heights]
    assert z == sorted(z) and z[0] < 12
    # shoulders are wider than hips, eyes ahead of ears, the nose ahead of all
    assert at["left_shoulder"][1] > at["left_hip"][1] > at["left_eye"][1] > 0
    assert at["nose"][0] > at["left_eye"][0] > at["left_ear"][0] + 5
    assert at["left_eye"][2] > at["nose"][2] > at["left_shoulder"][2]
    # hanging hands reach below the hips
    assert at["left_knee"][2] < at["left_wrist"][2] < at["left_hip"][2] + 2


def test_left_is_the_persons_own_left():
    joints = np.array(list(_joints().values()))
    assert (joints[_LEFT, 1] > 0).all()
    np.testing.assert_allclose(joints[COCO17.flip_order] * [1, -1, 1], joints, atol=1e-3)
    front, back = _seen(0), _seen(180)
    shoulders = [_JOINT["left_shoulder"], _JOINT["right_shoulder"]]
    assert np.diff(front.xy_px[shoulders, 0]) < -20, "from the front, the person's left is on the picture's right"
    assert np.diff(back.xy_px[shoulders, 0]) > 20


def test_what_is_seen_from_the_front_from_behind_and_from_the_side():
    face = [_JOINT[n] for n in ("nose", "left_eye", "right_eye")]
    assert _seen(0).visible.all()
    back = _seen(180)
    assert not back.visible[face].any()
    assert back.visible[
        [_JOINT[f"{s}_{n}"] for s in ("left", "right") for n in ("shoulder", "hip", "knee", "ankle")]
    ].all()
    # a hanging arm hides the hip
    left = _seen(90, Posture(arms=(Arm(flexion=60), Arm(flexion=60))))
    for name in ("eye", "ear", "shoulder", "elbow", "hip", "knee"):
        assert left.visible[_JOINT[f"left_{name}"]] and not left.visible[_JOINT[f"right_{name}"]], name


def test_seen_joints_lie_on_the_silhouette():
    for k in range(6):
        frame = _seen(60.0 * k, draw_posture(stream(8, k)))
        grown = cv2.dilate(frame.seg.astype(np.uint8), np.ones((5, 5)))
        xy = np.round(frame.xy_px[frame.visible]).astype(int)
        assert len(xy) >= 6 and grown[xy[:, 1], xy[:, 0]].all()


def test_limbs_bend_the_way_they_can():
    rest = _joints()
    bent = _joints(Posture(arms=(Arm(abduction=0, elbow=90), Arm()), legs=(Leg(), Leg(knee=80, tiptoe=0.0))))
    forearm = bent["left_wrist"] - bent["left_elbow"]
    assert forearm[0] > 20 and abs(forearm[2]) < 8
    assert (bent["right_ankle"] - bent["right_knee"])[0] < -30
    up = _joints(Posture(arms=(Arm(abduction=165), Arm(flexion=165))))
    assert min(up["left_wrist"][2], up["right_wrist"][2]) > up["nose"][2] + 30
    assert up["left_wrist"][1] > up["left_shoulder"][1]
    step = _joints(Posture(legs=(Leg(flexion=40), Leg(flexion=-20))))
    assert step["left_knee"][0] > rest["left_knee"][0] + 15 > step["right_knee"][0] + 25
    # inwards twist brings the hand before the body
    held = _joints(Posture(arms=(Arm(flexion=30, twist=60, elbow=90), Arm())))
    assert held["left_wrist"][1] < held["left_elbow"][1] - 10


def test_bones_keep_their_length_whatever_the_posture():
    rng, stature = stream(3), draw_stature(stream(2))
    lengths = []
    for _ in range(12):
        at = np.array(list(_joints(draw_posture(rng), stature).values()))
        lengths.append([np.linalg.norm(at[a] - at[b]) for a, b in _BONES])
    assert len(_BONES) == 10
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], np.shape(lengths)), atol=1e-2)


def test_a_mirrored_posture_is_the_mirrored_person():
    posture = Posture(arms=(Arm(20, 80, 30, 40), Arm(-10)), legs=(Leg(30, 10, 12, 50), Leg(-15)))
    other = Posture(arms=posture.arms[::-1], legs=posture.legs[::-1])
    one, two = (np.array(list(_joints(p).values())) for p in (posture, other))
    np.testing.assert_allclose(one[COCO17.flip_order] * [1, -1, 1], two, atol=0.05)


def test_the_lowest_point_is_on_the_ground_and_soles_lie_flat():
    rng = stream(5)
    for _ in range(20):
        posture = draw_posture(rng)
        posed = pose_person(person(Stature(), detail=_DETAIL), posture)
        assert np.isfinite(posed.points).all()
        low = posed.points[:, 2].min()
        assert low == pytest.approx(posture.leap * 177, abs=1.5 if posture.leap else 1e-3)
    turns = bone_turns(Posture(legs=(Leg(30, knee=20), Leg())))
    whole = turns["left_thigh"] @ turns["left_shin"] @ turns["left_foot"]
    assert whole[2, 2] > 0.995


def test_every_kind_of_posture_and_arm_is_drawn():
    drawn = [draw_posture(stream(6, k)) for k in range(300)]
    assert {p.name for p in drawn} == set(BASES)
    assert sum(share for share, _ in BASES.values()) == pytest.approx(1)
    raised = np.mean([a.abduction > 130 for p in drawn for a in p.arms])
    assert 0.05 < raised < 0.4
    for low_high in ARMS.values():
        assert all(low < high for low, high in low_high)


def test_people_differ_in_measures_and_clothes():
    small, tall = (person(Stature(tall=t), detail=_DETAIL) for t in (0.7, 1.1))
    assert tall.rest_cm[:, 2].max() == pytest.approx(small.rest_cm[:, 2].max() * 1.1 / 0.7, rel=1e-3)
    fat = person(Stature(girth=1.3, belly_cm=8), detail=_DETAIL)
    assert np.ptp(fat.rest_cm[:, 0]) >= np.ptp(person(Stature(), detail=_DETAIL).rest_cm[:, 0]) - 1e-3
    assert len({draw_stature(stream(k)) for k in range(5)}) == 5 == len({draw_outfit(stream(k)) for k in range(5)})
    for hair in HAIRS:
        paint = dress(standard_skin(hair, _DETAIL), draw_outfit(stream(4)))
        assert (paint.colour >= 0).all() and (paint.colour <= 1).all() and set(np.unique(paint.mark_weight)) == {0, 1}


def test_pictures_do_not_depend_on_the_order():
    forth = [render_person(4, i, (96, 80)) for i in range(4)]
    back = [render_person(4, i, (96, 80)) for i in (3, 2, 1, 0)][::-1]
    for a, b in zip(forth, back):
        assert a.image.shape == (96, 80, 3) and a.image.dtype == np.uint8 and a.xy_px.shape == (17, 2)
        assert (a.image == b.image).all() and (a.xy_px == b.xy_px).all() and (a.visible == b.visible).all()
        assert a.visible.sum() >= 6 and a.seg.any()
    assert not (forth[0].image == forth[1].image).all()
    assert not (forth[0].image == render_person(5, 0, (96, 80)).image).all()
    with pytest.raises(OptionError, match="32"):
        render_person(0, 0, (8, 8))
