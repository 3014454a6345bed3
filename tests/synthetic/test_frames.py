"""Pictures of the synthetic quadruped: what is said about them is what is in them."""

import cv2
import numpy as np
import pytest

from zoopose.errors import OptionError
from zoopose.pose.skeleton import TIGDOG18
from zoopose.synthetic.bodies import EYE
from zoopose.synthetic.camera import orbit
from zoopose.synthetic.coats import Coat, paint
from zoopose.synthetic.degrade import Lens, draw_lens, through
from zoopose.synthetic.frames import compose, finish, skin_of
from zoopose.synthetic.gait import Manner, pose_mesh
from zoopose.synthetic.light import Light
from zoopose.synthetic.noise import stream
from zoopose.synthetic.source import render_source
from zoopose.synthetic.target import TargetShot

_GREY = Coat((0.5,) * 3, (0.5,) * 3, (0.5,) * 3, (0.5,) * 3, grain=0)


def _plain(
    animal, azimuth, elevation=5, size_hw=(240, 320), factor=1.9, gait="walk", cycle=0.3, cover=None, manner=None
):
    mesh = skin_of(animal)
    unit = mesh.body.withers_cm
    camera = orbit(unit * np.array([0.1, 0, 0.6]), factor * unit, azimuth, elevation, size_hw)
    light = Light(np.array([0, 0, 1.0]), np.full(3, 0.6), np.full(3, 0.4))
    posed = pose_mesh(mesh, gait, cycle, manner)
    frame, picture = compose(
        mesh, posed, camera, paint(mesh, _GREY), light, np.ones((*size_hw, 3), np.float32), about={}, cover=cover
    )
    return mesh, posed, finish(frame, picture)


def _ray_hits(origin, targets, points, faces):
    """(n,) distance share 0..1 along origin -> target at which the first triangle that faces the origin is met; inf for none."""
    a, b, c = (points[faces[:, k]].astype(float) for k in range(3))
    out = np.full(len(targets), np.inf)
    for i, target in enumerate(targets):
        d = target - origin
        h = np.cross(d, c - a)
        det = ((b - a) * h).sum(1)
        s = origin - a
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (s * h).sum(1) / det
            q = np.cross(s, b - a)
            v = (q * d).sum(1) / det
            t = (q * (c - a)).sum(1) / det
        hit = (det > 1e-9) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
        out[i] = t[hit].min(initial=np.inf)
    return out


@pytest.mark.parametrize("animal", ["horse", "tiger"])
def test_visibility_is_what_a_ray_finds(animal):
    compared = agreed = hidden = 0
    for azimuth in (0, 60, 150, 290):
        mesh, posed, frame = _plain(animal, azimuth)
        met = _ray_hits(frame.camera.position_cm, posed.joints[:18], posed.points, mesh.faces)
        met_depth = met * frame.joint_depth_cm
        truth = frame.joint_depth_cm <= met_depth + mesh.joint_slack_cm[:18]
        # half a pixel beside the ray the depth of a slanted skin differs a little
        clear = np.abs(frame.joint_depth_cm - mesh.joint_slack_cm[:18] - met_depth) > 0.03 * mesh.body.withers_cm
        compared, agreed = compared + clear.sum(), agreed + (truth == frame.visible)[clear].sum()
        hidden += (~frame.visible).sum()
    assert hidden > 10
    assert agreed >= 0.96 * compared


@pytest.mark.parametrize("animal", ["horse", "tiger"])
def test_joints_lie_on_the_animal(animal):
    for azimuth in (30, 90, 250):
        _, _, frame = _plain(animal, azimuth, manner=Manner(neck_pitch=12, head_yaw=15, jaw=12, tail_pitch=20))
        grown = cv2.dilate(frame.seg.astype(np.uint8), np.ones((7, 7)))
        xy = np.round(frame.xy_px).astype(int)
        assert grown[xy[:, 1], xy[:, 0]][frame.visible].all()
        assert ((frame.part > 0) == frame.seg).all()
        # the skin's projected corners span the mask
        ys, xs = np.nonzero(frame.seg)
        box = np.array([xs.min(), ys.min(), xs.max(), ys.max()])
        corners = np.clip(frame.vertices_px, 0, [319, 239])
        np.testing.assert_allclose(np.concatenate([corners.min(0), corners.max(0)]), box, atol=1.6)


@pytest.mark.parametrize("animal", ["horse", "tiger"])
def test_a_seen_eye_lies_on_the_eye_and_the_other_is_hidden(animal):
    _, _, frame = _plain(animal, 80, size_hw=(480, 640))
    assert frame.visible[0] and not frame.visible[1]
    x, y = np.round(frame.xy_px[0]).astype(int)
    assert (frame.part[y - 1 : y + 2, x - 1 : x + 2] == EYE).any()


@pytest.mark.parametrize("animal", ["horse", "tiger"])
def test_hooves_are_the_ends_of_their_own_legs(animal):
    _, _, frame = _plain(animal, 45, gait="stand", cycle=0, size_hw=(480, 640))
    for joint, part in ((3, 5), (4, 6), (5, 7), (6, 8)):
        ys, xs = np.nonzero(frame.part == part)
        lowest = ys.max()
        assert abs(frame.xy_px[joint, 1] - lowest) < 0.25 * (lowest - ys.min() + 1)
        assert xs.min() - 4 < frame.xy_px[joint, 0] < xs.max() + 4


def test_a_mirrored_camera_gives_the_mirrored_picture():
    _, _, left = _plain("horse", 50, gait="stand", cycle=0)
    _, _, right = _plain("horse", -50, gait="stand", cycle=0)
    # feet of one side stand down with those of the other: the standing pose is symmetric
    assert (left.seg != right.seg[:, ::-1]).mean() < 2e-3
    mirrored = right.xy_px[TIGDOG18.flip_order] * [-1, 1] + [319, 0]
    np.testing.assert_allclose(left.xy_px, mirrored, atol=1e-2)
    assert (left.visible == right.visible[TIGDOG18.flip_order]).all()


def test_what_stands_before_the_animal_hides_joints():
    _, _, free = _plain("horse", 90)
    share = np.zeros((240, 320), np.float32)
    feet = int(free.xy_px[3:7, 1].min()) - 3
    share[feet:] = 1
    _, _, covered = _plain("horse", 90, cover=(share, np.zeros((240, 320, 3), np.float32)))
    assert free.visible[3:7].any() and not covered.visible[3:7].any()
    assert not covered.seg[feet:].any()


@pytest.mark.parametrize("size_hw", [(96, 96), (200, 260)])
def test_source_pictures_do_not_depend_on_the_order(size_hw):
    forth = [render_source("tiger", 4, i, size_hw) for i in range(3)]
    back = [render_source("tiger", 4, i, size_hw) for i in (2, 1, 0)][::-1]
    for a, b in zip(forth, back):
        assert a.image.shape == (*size_hw, 3) and a.image.dtype == np.uint8
        assert (a.image == b.image).all() and (a.xy_px == b.xy_px).all() and (a.visible == b.visible).all()
        assert a.visible.sum() >= 6
    assert not (forth[0].image == forth[1].image).all()
    assert not (forth[0].image == render_source("tiger", 5, 0, size_hw).image).all()


def test_size_keeps_the_field_of_view():
    small, large = render_source("horse", 1, 3, (96, 128)), render_source("horse", 1, 3, (192, 256))
    np.testing.assert_allclose((small.xy_px + 0.5) * 2 - 0.5, large.xy_px, atol=0.01)


def test_target_frames_do_not_depend_on_the_order_and_move_smoothly():
    shot = TargetShot("horse", 7, 2, (96, 96))
    frames = [shot[k] for k in range(6)]
    again = TargetShot("horse", 7, 2, (96, 96))
    for k in (5, 0, 3):
        assert (again[k].image == frames[k].image).all()
    step = np.abs(np.diff([f.xy_px for f in frames], axis=0)).max()
    assert 0 < step < 12
    assert not (TargetShot("horse", 7, 3, (96, 96))[0].image == frames[0].image).all()


def test_shots_show_most_of_the_animal_and_differ():
    shots = [TargetShot("tiger", 0, k, (96, 96)) for k in range(5)]
    frames = [s[0] for s in shots]
    assert np.mean([f.visible.sum() for f in frames]) > 8
    assert len({s.mesh for s in shots}) > 1 and len({s.coat for s in shots}) == 5


def test_the_gap_is_checked():
    with pytest.raises(OptionError, match="gap"):
        TargetShot("horse", 0, 0, (96, 96), gap=3)
    with pytest.raises(OptionError, match="32"):
        render_source("horse", 0, 0, (8, 8))


def test_a_perfect_lens_changes_nothing_and_a_bad_one_does():
    picture = stream(9).random((48, 64, 3), np.float32)
    same = through(Lens(), picture, 0, stream(1))
    np.testing.assert_allclose(same, picture * 255, atol=0.51)
    assert draw_lens(stream(2), 0.0, 0.4) == Lens()
    worse = through(draw_lens(stream(2), 1.0, 0.4), picture, 3, stream(1))
    assert worse.shape == same.shape and np.abs(worse.astype(int) - same).mean() > 5
