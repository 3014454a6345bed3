"""Bodies, skins, gaits, the camera and the z-buffer of the synthetic quadruped."""

import numpy as np
import pytest

from zoopose.errors import OptionError
from zoopose.pose.skeleton import TIGDOG18
from zoopose.synthetic.bodies import Build, draw_build, reshape
from zoopose.synthetic.camera import orbit
from zoopose.synthetic.frames import skin_of
from zoopose.synthetic.gait import GAITS, LEGS, draw_manner, pose_mesh
from zoopose.synthetic.mesh import build_mesh
from zoopose.synthetic.noise import solid, stream
from zoopose.synthetic.plans import ANIMALS, body_of
from zoopose.synthetic.raster import rasterise


@pytest.mark.parametrize("animal", ANIMALS)
def test_left_mirrors_right(animal):
    mesh = skin_of(animal)
    joints = mesh.joint_cm[:18]
    np.testing.assert_allclose(joints[TIGDOG18.flip_order] * [1, -1, 1], joints, atol=1e-4)
    assert (joints[[left for left, _ in TIGDOG18.partners], 1] > 0).all()


@pytest.mark.parametrize("animal", ANIMALS)
def test_joints_stand_where_an_animal_has_them(animal):
    mesh = skin_of(animal)
    at = dict(zip(TIGDOG18.joints, mesh.joint_cm))
    for side in ("left", "right"):
        for end in ("front", "back"):
            hoof, knee, elbow = (at[f"{side}_{end}_{j}"] for j in ("hoof", "knee", "elbow"))
            assert hoof[2] < 0.06 * mesh.body.withers_cm
            assert hoof[2] < knee[2] < elbow[2]
    assert (
        at["chin"][0]
        > at["left_shoulder"][0]
        > at["left_front_elbow"][0]
        > at["left_back_elbow"][0]
        > at["tail_start"][0]
    )
    assert at["chin"][2] < at["left_eye"][2]


@pytest.mark.parametrize("animal", ANIMALS)
def test_a_skin_fits_the_published_rows(animal):
    mesh = skin_of(animal)
    assert 1500 < len(mesh.rest_cm) <= 3299 - 18
    assert set(np.unique(mesh.part)) == set(range(1, 10))
    np.testing.assert_allclose(mesh.weights.sum(1), 1, atol=1e-5)
    assert mesh.faces.max() < len(mesh.rest_cm)


def test_normals_point_outwards():
    mesh = skin_of("horse")
    a, b, c = mesh.rest_cm[mesh.faces.T]
    across = np.cross(b - a, c - a)
    agree = (across * mesh.normals[mesh.faces[:, 0]]).sum(1) > 0
    assert agree.mean() > 0.9


@pytest.mark.parametrize("gait", GAITS)
def test_the_lowest_foot_stands_on_the_ground(gait):
    mesh = skin_of("horse")
    lows = []
    for cycle in np.linspace(0, 1, 9):
        posed = pose_mesh(mesh, gait, cycle, draw_manner(stream(3)))
        lows.append(posed.points[:, 2].min())
        assert np.isfinite(posed.points).all()
    airborne = GAITS[gait].duty < 0.5
    assert max(lows) < (0.1 * mesh.body.withers_cm if airborne else 1e-3)
    assert min(lows) > -1e-3


def test_a_walk_keeps_feet_down_and_moves_them_back():
    mesh, gait = skin_of("tiger"), GAITS["walk"]
    for i, leg in enumerate(LEGS):
        joint = TIGDOG18.joints.index(f"{leg}_hoof")
        early, late = (pose_mesh(mesh, "walk", gait.phases[i] + gait.duty * t).joints[joint] for t in (0.05, 0.9))
        swung = pose_mesh(mesh, "walk", gait.phases[i] + gait.duty + 0.5 * (1 - gait.duty)).joints[joint]
        assert early[0] - late[0] > 0.2 * mesh.body.withers_cm
        assert swung[2] > max(early[2], late[2])


def test_individuals_differ_and_the_standard_is_kept():
    body = body_of("horse")
    assert reshape(body, Build()) is body
    short = build_mesh(reshape(body, Build(legs=0.8)), 0.6)
    tall = build_mesh(reshape(body, Build(legs=1.2)), 0.6)
    assert tall.rest_cm[:, 2].max() > short.rest_cm[:, 2].max() + 25
    assert draw_build(stream(1), 0.0) == Build()
    assert draw_build(stream(1), 1.0) != draw_build(stream(2), 1.0)


def test_an_unknown_animal_is_named():
    with pytest.raises(OptionError, match="horse.*\n.*unicorn"):
        body_of("unicorn")


def test_the_camera_is_the_published_one():
    """u = 320 Y / X + centre, v = -320 Z / X + centre at 640 x 480 and 90 degrees."""
    camera = orbit(np.zeros(3), 300, 180, 0, (480, 640))
    xy, depth = camera.project(np.array([[20.0, 30.0, 40.0]]))
    # from behind the animal: forward is +x, right is -y
    np.testing.assert_allclose(depth, [320])
    np.testing.assert_allclose(xy, [[320 * -30 / 320 + 319.5, -320 * 40 / 320 + 239.5]], rtol=1e-6)


def test_going_over_the_top_is_the_view_from_the_other_side():
    over, other = orbit(np.zeros(3), 100, 40, 160, (64, 64)), orbit(np.zeros(3), 100, 220, 20, (64, 64))
    np.testing.assert_allclose(over.position_cm, other.position_cm, atol=1e-9)
    np.testing.assert_allclose(over.axes, other.axes, atol=1e-9)


def test_the_horizon_is_where_far_ground_is_seen():
    camera = orbit(np.array([10.0, 0, 80]), 300, 70, 15, (96, 128))
    far, _ = camera.project(camera.position_cm + np.array([[camera.axes[2][0], camera.axes[2][1], 0]]) * 1e6)
    assert far[0, 1] == pytest.approx(camera.horizon_px(), abs=0.1)


def test_the_z_buffer_agrees_with_one_pixel_at_a_time():
    rng = stream(5)
    xy, depth = rng.uniform(-5, 35, (60, 2)), rng.uniform(50, 90, 60)
    faces = rng.permutation(60).reshape(20, 3)
    hits = rasterise(xy, depth, faces, (24, 30))
    expected = np.full((24, 30), np.inf)
    for f in faces:
        p = xy[f]
        area = np.linalg.det(np.column_stack([p, np.ones(3)]))
        if area >= 0:
            continue
        for y in range(24):
            for x in range(30):
                share = np.linalg.solve(np.vstack([p.T, np.ones(3)]), [x, y, 1])
                if (share >= 0).all():
                    expected[y, x] = min(expected[y, x], 1 / (share @ (1 / depth[f])))
    assert (np.isfinite(expected) & (expected < 90)).sum() > 200
    np.testing.assert_allclose(hits.depth_cm, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["soft", "rough", "cells"])
def test_solid_noise_repeats_and_is_spread_evenly(kind):
    points = stream(6).random((4000, 3)).astype(np.float32)
    value = solid(kind, points)
    np.testing.assert_allclose(solid(kind, points + [1, -2, 3]), value, atol=2e-3)
    assert np.quantile(value, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.06)
