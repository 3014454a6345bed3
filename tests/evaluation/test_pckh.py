import numpy as np
import pytest
from scipy.io import savemat

from zoopose.errors import DataError, OptionError, ZooposeError
from zoopose.evaluation.mpii_truth import read_gt_mat
from zoopose.evaluation.pckh import head_errors, head_size, pckh

# the corner at (60, 80) makes a diagonal of 100 px, a head of 60 px
HEAD = np.array([[[10.0, 10], [70, 90]]])


def errors(*shifts):
    """Persons whose joints are all off by that many px, one each."""
    true = np.full((len(shifts), 16, 2), 200.0)
    pred = true + np.array(shifts)[:, None, None] * [1.0, 0]
    return head_errors(pred, true, head_size(np.repeat(HEAD, len(shifts), 0)))


def test_an_error_on_the_threshold_is_right_for_some():
    everything = np.ones((1, 16), bool)
    assert pckh(errors(30), everything, 0.5).mean == 1
    assert pckh(errors(30), everything, 0.5, "bearpaw").mean == pckh(errors(30), everything, 0.5, "princeton").mean == 0
    assert (
        pckh(errors(29.9), everything, 0.5, "bearpaw").mean
        == pckh(errors(29.9), everything, 0.5, "princeton").mean
        == 1
    )


def test_three_means():
    # of two persons right and wrong, the wrong one shows only wrists, pelvis and thorax
    labelled = np.ones((2, 16), bool)
    labelled[1] = False
    labelled[1, [6, 7, 10, 15]] = True
    off = errors(0, 60)
    assert pckh(off, labelled).mean == pytest.approx(14 / 16)
    assert pckh(off, labelled, definition="bearpaw").mean == pytest.approx((12 + 2 * 0.5) / 14)
    assert pckh(off, labelled, definition="princeton").mean == pytest.approx(16 / 20)
    score = pckh(off, labelled)
    assert score.groups["wrist"] == (0.5, 4) and score.groups["head"] == (1, 1) and score.n[10] == 2
    assert pckh(off, labelled, definition="princeton").groups["pelvis"] == (0.5, 2)


def test_joints_nobody_shows_have_no_share():
    labelled = np.zeros((1, 16), bool)
    labelled[0, 0] = True
    score = pckh(errors(0), labelled)
    assert score.mean == 1 and np.isnan(score.joints[1]) and score.groups["ankle"] == (1, 1)
    assert np.isnan(score.groups["knee"].pck) and score.groups["knee"].n == 0
    assert np.isnan(pckh(errors(0), labelled & False).mean)


def test_a_joint_without_a_prediction_is_wrong():
    pred = np.full((1, 16, 2), 5.0)
    pred[0, 0] = np.nan
    score = pckh(head_errors(pred, np.full((1, 16, 2), 5.0), [60.0]), np.ones((1, 16), bool))
    assert score.joints[0] == 0 and score.joints[1] == 1 and score.n[0] == 1


def test_clear_errors():
    with pytest.raises(ZooposeError, match="head sizes"):
        head_errors(np.zeros((1, 16, 2)), np.zeros((1, 16, 2)), [0.0])
    with pytest.raises(ZooposeError, match="16"):
        head_errors(np.zeros((1, 15, 2)), np.zeros((1, 16, 2)), [1.0])
    with pytest.raises(OptionError, match="hrnet, bearpaw, princeton"):
        pckh(errors(0), np.ones((1, 16), bool), definition="mmpose")


def test_mat_files_of_other_orders_and_other_layouts(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "gt_valid.mat"
    names = "rank rkne rhip lhip lkne lank pelv thor neck head rwri relb rsho lsho lelb lwri".split()
    xy, missing, heads = rng.uniform(1, 99, (16, 2, 3)), rng.integers(0, 2, (16, 3)), rng.uniform(1, 99, (2, 2, 3))
    own = {"pos_gt_src": xy, "jnt_missing": missing.astype(np.uint8), "headboxes_src": heads}
    savemat(path, own)
    plain = read_gt_mat(path)
    np.testing.assert_array_equal(plain[0][1, 4], xy[4, :, 1])
    np.testing.assert_array_equal(plain[1][:, 5], missing[5] == 0)
    np.testing.assert_array_equal(plain[2][2], heads[:, :, 2])
    order = rng.permutation(16)
    turned = {"pos_gt_src": xy[order], "jnt_missing": missing[order], "headboxes_src": heads}
    savemat(path, turned | {"dataset_joints": np.array([names[i] for i in order], object)})
    for found, expected in zip(read_gt_mat(path), plain):
        np.testing.assert_array_equal(found, expected)
    savemat(path, own | {"dataset_joints": np.array([*names[:-1], "tail"], object)})
    with pytest.raises(DataError, match="tail"):
        read_gt_mat(path)
    savemat(path, own | {"jnt_missing": missing[:9]})
    with pytest.raises(DataError, match=r"\(9, 3\)"):
        read_gt_mat(path)
    savemat(path, {"preds": xy})
    with pytest.raises(DataError, match="with preds"):
        read_gt_mat(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="give the path"):
        read_gt_mat(path)
