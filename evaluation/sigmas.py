"""OKS sigmas of a data set's joints: how exactly people place each joint, as shares of an animal's size."""

from __future__ import annotations

import numpy as np

from ..datasets.animal_pose_files import joint_name
from ..errors import OptionError
from ..pose.skeleton import SKELETONS, Skeleton


def sigmas_of(skeleton: Skeleton, given: str = "") -> tuple[np.ndarray, str] | None:
    """OKS sigmas (K,) of a skeleton's joints, and where they are from; None if no sigmas are known.

    Args:
        skeleton: its sigmas if it has any, else those of a known skeleton with the same joints, in any order.
        given: in place of them: one number for all joints, K numbers with commas, or the name of a known skeleton, whose sigmas are
            taken by the joints' names or, for joints of other names, in its order.

    Raises:
        OptionError: not such a text, or another number of joints.
    """
    known = {name: s for name, s in SKELETONS.items() if s.sigmas is not None}
    if given in known:
        other = known[given]
        found = _by_name(skeleton, other)
        if found is None and len(other) == len(skeleton):
            return np.array(other.sigmas), f"{given}, in its order"
        if found is None:
            raise OptionError(f"the {len(other)} joints of {given}", f"{len(skeleton)} joints of {skeleton.name}")
        return found, given
    if given:
        try:
            values = np.array([float(v) for v in given.split(",")])
        except ValueError:
            values = np.empty(0)
        if len(values) not in (1, len(skeleton)) or not (np.isfinite(values) & (values > 0)).all():
            expected = f"--sigmas: a positive number, {len(skeleton)} of them with commas, or one of {', '.join(known)}"
            raise OptionError(expected, repr(given))
        return np.broadcast_to(values, (len(skeleton),)).copy(), f"given: {given}"
    if skeleton.sigmas is not None:
        name = skeleton.name if skeleton.name in known else "of the annotations"
        return np.array(skeleton.sigmas), name
    for name, other in known.items():
        found = _by_name(skeleton, other)
        if found is not None:
            return found, name
    return None


def _by_name(skeleton: Skeleton, known: Skeleton) -> np.ndarray | None:
    """The known skeleton's sigmas in this one's order; None for other joints."""
    if known.sigmas is None:
        return None
    for names in (skeleton.joints, [joint_name(name) for name in skeleton.joints]):
        own = [name.lower() for name in names]
        if sorted(own) == sorted(known.joints):
            return np.array([known.sigmas[known.joints.index(name)] for name in own])
    return None
