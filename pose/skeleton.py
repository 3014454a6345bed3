"""Skeletons: joint names, left/right partners, limbs, groups and OKS sigmas.

The flip order is computed from the partners, and the partners from the joint names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import DataError
from .sides import partners_from_names, suggest_pairs, unpaired_sides

FROM_NAMES = ((-1, -1),)  # partners of a skeleton that are read from its joint names


@dataclass(frozen=True, eq=False)
class Skeleton:
    """The joints of a pose. K joints.

    Args:
        name: short name, used in reports and checkpoints.
        joints: K joint names.
        limbs: pairs of joint indices that are joined by a line in pictures.
        partners: (left, right) pairs of joint indices; `FROM_NAMES`: read from the joint names.
        groups: name of a group -> joint indices, for tables with the groups of the papers.
        sigmas: K OKS sigmas (COCO: k_i = 2 sigma_i), or None.

    Raises:
        DataError: equal names, indices that are not those of joints, a joint in two pairs, or another number of sigmas.
    """

    name: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...] = ()
    partners: tuple[tuple[int, int], ...] = FROM_NAMES
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sigmas: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        k = len(self.joints)
        if len(set(self.joints)) != k:
            twice = sorted(joint for joint, count in Counter(self.joints).items() if count > 1)[:10]
            raise DataError(
                "joint names that are all different", f"in skeleton {self.name!r} twice: {', '.join(twice)}"
            )
        if self.partners == FROM_NAMES:
            object.__setattr__(self, "partners", tuple(partners_from_names(self.joints)))
        used = [i for pair in self.partners for i in pair]
        if len(set(used)) != len(used) or any(not 0 <= i < k for i in used):
            raise DataError(
                f"left/right pairs of joints 0 to {k - 1}, each joint in one pair at most",
                f"in skeleton {self.name!r}: {self.partners}",
            )
        if any(not 0 <= i < k for limb in self.limbs for i in limb):
            raise DataError(f"limbs between joints 0 and {k - 1}", f"in skeleton {self.name!r}: {self.limbs}")
        if self.sigmas is not None and len(self.sigmas) != k:
            raise DataError(f"{k} OKS sigmas in skeleton {self.name!r}", f"{len(self.sigmas)}")

    def __len__(self) -> int:
        return len(self.joints)

    @cached_property
    def flip_order(self) -> np.ndarray:
        """(K,) int64: index of each joint's partner, or of the joint itself. It is its own inverse."""
        order = np.arange(len(self.joints))
        for left, right in self.partners:
            order[left], order[right] = right, left
        return order

    @cached_property
    def unpaired(self) -> tuple[str, ...]:
        """Joints whose names mean left or right but that have no partner. In a mirrored picture they would be wrong."""
        return tuple(self.joints[i] for i in unpaired_sides(self.joints, self.partners))

    def suggested_partners(self) -> str:
        """Pairs to type after --partners for the unpaired joints, as far as their names show them; may be empty."""
        return suggest_pairs(self.joints, self.partners, [self.joints.index(name) for name in self.unpaired])

    def with_partners(self, pairs: Sequence[tuple[str, str]]) -> Skeleton:
        """The same skeleton with other left/right pairs.

        Args:
            pairs: names (left joint, right joint).

        Raises:
            DataError: a name that is not a joint's.
        """
        unknown = [n for pair in pairs for n in pair if n not in self.joints]
        if unknown:
            raise DataError(f"joint names out of {', '.join(self.joints)}", f"in the left/right pairs: {unknown[0]}")
        return replace(self, partners=tuple((self.joints.index(a), self.joints.index(b)) for a, b in pairs))

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data, for checkpoints and label files."""
        return {
            "name": self.name,
            "joints": list(self.joints),
            "limbs": [list(map(int, limb)) for limb in self.limbs],
            "partners": [list(map(int, pair)) for pair in self.partners],
            "groups": {k: list(map(int, v)) for k, v in self.groups.items()},
            "sigmas": None if self.sigmas is None else list(map(float, self.sigmas)),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Skeleton:
        """Inverse of `to_dict`."""
        return cls(
            name=data["name"],
            joints=tuple(data["joints"]),
            limbs=tuple(tuple(limb) for limb in data["limbs"]),
            partners=tuple(tuple(pair) for pair in data["partners"]),
            groups={k: tuple(v) for k, v in data["groups"].items()},
            sigmas=None if data["sigmas"] is None else tuple(data["sigmas"]),
        )


def from_coco_category(category: Mapping[str, Any], pairs: Sequence[tuple[str, str]] | None = None) -> Skeleton:
    """Build the skeleton of a COCO category.

    Args:
        category: with `keypoints` (names), `skeleton` (limbs, 1-based) and perhaps `sigmas`.
        pairs: left/right pairs by name; None: read from the names.

    Raises:
        DataError: no joint names, or `pairs` with names that are not joints.
    """
    names = category.get("keypoints")
    if not names:
        raise DataError(
            "a COCO category with a list of joint names under 'keypoints'",
            f"category {category.get('name', category.get('id', '?'))!r} with the keys {', '.join(sorted(category))}",
            "add the joint names to the file's categories (a detection-only file has none)",
        )
    limbs = tuple((int(a) - 1, int(b) - 1) for a, b in category.get("skeleton") or ())
    sigmas = tuple(map(float, category["sigmas"])) if category.get("sigmas") else None
    skeleton = Skeleton(str(category.get("name", "coco")), tuple(map(str, names)), limbs, sigmas=sigmas)
    return skeleton.with_partners(pairs) if pairs else skeleton


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


def _pairs(text: str) -> tuple[tuple[int, int], ...]:
    """Pairs of joint indices, written as 0-2 1-2."""
    return tuple((int(a), int(b)) for a, b in (pair.split("-") for pair in text.split()))


# the order of TigDog's horses without its 19th joint (neck), as in CC-SSL's networks; "elbow" is TigDog's front/back "Hip"
TIGDOG18 = Skeleton(
    "tigdog18",
    _names(
        "left_eye right_eye chin left_front_hoof right_front_hoof left_back_hoof right_back_hoof tail_start "
        "left_front_knee right_front_knee left_back_knee right_back_knee left_shoulder right_shoulder "
        "left_front_elbow right_front_elbow left_back_elbow right_back_elbow"
    ),
    limbs=_pairs("0-2 1-2 3-8 8-14 4-9 9-15 5-10 10-16 6-11 11-17 12-7 13-7"),
    groups={
        "eye": (0, 1),
        "chin": (2,),
        "shoulder": (12, 13),
        "hip": (7,),
        "elbow": (14, 15, 16, 17),
        "knee": (8, 9, 10, 11),
        "hoof": (3, 4, 5, 6),
    },
)

# model_joint[i] = tiger_file_joint[TIGER_TO_MODEL[i]]: TigDog's tiger files swap upper and lower leg joints. Its own inverse.
TIGER_TO_MODEL = np.array([0, 1, 2, 3, 4, 5, 6, 7, 14, 15, 16, 17, 12, 13, 8, 9, 10, 11])

# the order of the Animal-Pose data set; sigmas from mmpose, in this order
ANIMAL_POSE20 = Skeleton(
    "animal_pose20",
    _names(
        "left_eye right_eye nose left_ear_base right_ear_base left_front_elbow right_front_elbow left_back_elbow "
        "right_back_elbow left_front_knee right_front_knee left_back_knee right_back_knee left_front_paw "
        "right_front_paw left_back_paw right_back_paw throat withers tail_base"
    ),
    limbs=_pairs("0-1 0-2 1-2 0-3 1-4 2-17 18-19 5-9 6-10 7-11 8-12 9-13 10-14 11-15 12-16"),
    groups={
        "eye": (0, 1),
        "nose": (2,),
        "ear": (3, 4),
        "elbow": (5, 6, 7, 8),
        "knee": (9, 10, 11, 12),
        "paw": (13, 14, 15, 16),
        "throat": (17,),
        "withers": (18,),
        "tail": (19,),
    },
    sigmas=_numbers(
        "0.025 0.025 0.035 0.026 0.035 0.107 0.107 0.107 0.107 0.087 0.087 0.087 0.087 0.089 0.089 0.089 0.089 0.10 0.10 0.10"
    ),
)

AP10K17 = Skeleton(
    "ap10k17",
    _names(
        "left_eye right_eye nose neck root_of_tail left_shoulder left_elbow left_front_paw right_shoulder right_elbow "
        "right_front_paw left_hip left_knee left_back_paw right_hip right_knee right_back_paw"
    ),
    limbs=_pairs("0-1 0-2 1-2 2-3 3-4 3-5 5-6 6-7 3-8 8-9 9-10 4-11 11-12 12-13 4-14 14-15 15-16"),
    sigmas=_numbers(
        "0.025 0.025 0.026 0.035 0.035 0.079 0.072 0.062 0.079 0.072 0.062 0.107 0.087 0.089 0.107 0.087 0.089"
    ),
)

COCO17 = Skeleton(
    "coco17",
    _names(
        "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist "
        "right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
    ),
    limbs=_pairs("15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 1-2 0-1 0-2 1-3 2-4 3-5 4-6"),
    sigmas=_numbers(
        "0.026 0.025 0.025 0.035 0.035 0.079 0.079 0.072 0.072 0.062 0.062 0.107 0.107 0.087 0.087 0.089 0.089"
    ),
)

MPII16 = Skeleton(
    "mpii16",
    _names(
        "right_ankle right_knee right_hip left_hip left_knee left_ankle pelvis thorax upper_neck head_top right_wrist "
        "right_elbow right_shoulder left_shoulder left_elbow left_wrist"
    ),
    limbs=_pairs("0-1 1-2 2-6 6-3 3-4 4-5 6-7 7-8 8-9 10-11 11-12 12-7 7-13 13-14 14-15"),
    groups={
        "head": (8, 9),
        "shoulder": (12, 13),
        "elbow": (11, 14),
        "wrist": (10, 15),
        "hip": (2, 3),
        "knee": (1, 4),
        "ankle": (0, 5),
    },
)

# PoseTrack's 17 columns without the two ears, which it does not label
POSETRACK15 = Skeleton(
    "posetrack15",
    _names(
        "nose head_bottom head_top left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist "
        "left_hip right_hip left_knee right_knee left_ankle right_ankle"
    ),
    limbs=_pairs("0-1 0-2 1-3 1-4 3-5 4-6 5-7 6-8 3-9 4-10 9-11 10-12 11-13 12-14"),
)

SKELETONS = {s.name: s for s in (TIGDOG18, ANIMAL_POSE20, AP10K17, COCO17, MPII16, POSETRACK15)}
