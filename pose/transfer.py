"""A network for other joints than it was trained on, and the joints that two skeletons share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from ..progress import log
from .checkpoints import Loaded
from .fresh_weights import FreshWeights
from .input_spec import InputSpec
from .models import build_model
from .skeleton import ANIMAL_POSE20, AP10K17, COCO17, MPII16, POSETRACK15, SKELETONS, TIGDOG18, Skeleton

# A row holds a skeleton's joints without their side, "-" where it has none. The columns are places of a body:
#   nose eye ear | fore leg: upper middle end | hind leg: upper middle end | tail
# A person's arm is a fore leg. Cao et al., ICCV 2019, print no table of the joints that people and animals share; this one follows
# anatomy.
_PERSON = "nose eye ear | shoulder elbow wrist | hip knee ankle | -"
_NAMES = {
    COCO17.name: _PERSON,
    MPII16.name: _PERSON,
    POSETRACK15.name: _PERSON,
    ANIMAL_POSE20.name: "nose eye ear_base | front_elbow front_knee front_paw | back_elbow back_knee back_paw | tail_base",
    TIGDOG18.name: "- eye - | front_elbow front_knee front_hoof | back_elbow back_knee back_hoof | -",
    AP10K17.name: "nose eye - | shoulder elbow front_paw | hip knee back_paw | root_of_tail",
}

# LivestockKeypoints' joint -> TigDog's, or (left, right) of which the one nearer the camera is meant. Left out: ear, neck, chest,
# and hip have no counterpart; `shoulder` lies on the shoulder blade there, on the point of the shoulder here; `hind_knee` on the
# thigh there, in front of the stifle here, 0.11 of the box apart as seen from the tail.
LIVESTOCK_FROM_TIGDOG: dict[str, str | tuple[str, str]] = {
    "mouth": "chin",
    "eye": ("left_eye", "right_eye"),
    "tail": "tail_start",
    "elbow": ("left_front_elbow", "right_front_elbow"),
    "l_fore_wrist": "left_front_knee",
    "l_fore_foot": "left_front_hoof",
    "r_fore_wrist": "right_front_knee",
    "r_fore_foot": "right_front_hoof",
    "l_hind_hock": "left_back_knee",
    "l_hind_foot": "left_back_hoof",
    "r_hind_hock": "right_back_knee",
    "r_hind_foot": "right_back_hoof",
}


def joints_to_take(skeleton: Skeleton, given: Skeleton) -> list[tuple[int, ...]]:
    """Which joints of other labels are those of a skeleton.

    Args:
        skeleton: K joints that are wanted.
        given: joints of the labels.

    Returns:
        K tuples of indices in `given`: empty where the labels have no such joint; two, left and right, where the one on the side
        of the camera is meant. By name or place of the body, see `corresponding_joints`; joints of TigDog become those of
        LivestockKeypoints.
    """
    skeleton, given = _published(skeleton), _published(given)
    taken: list[tuple[int, ...]] = [()] * len(skeleton)
    for ours, theirs in corresponding_joints(skeleton, given):
        taken[ours] = (theirs,)
    places = {name: i for i, name in enumerate(given.joints)}
    if given is TIGDOG18:
        table = {
            ours: (theirs,) if isinstance(theirs, str) else theirs for ours, theirs in LIVESTOCK_FROM_TIGDOG.items()
        }
    elif skeleton is TIGDOG18:
        table = {theirs: (ours,) for ours, theirs in LIVESTOCK_FROM_TIGDOG.items() if isinstance(theirs, str)}
    else:
        table = {}
    for i, name in enumerate(skeleton.joints):
        names = table.get(name, ())
        if not taken[i] and names and all(n in places for n in names):
            taken[i] = tuple(places[n] for n in names)
    return taken


def _published(skeleton: Skeleton) -> Skeleton:
    """The published skeleton with the same joints, whose name the tables know; else the skeleton itself."""
    return next((known for known in SKELETONS.values() if known.joints == skeleton.joints), skeleton)


def corresponding_joints(source: Skeleton, target: Skeleton) -> list[tuple[int, int]]:
    """The joints that two skeletons share: at the same place of a body, or of the same name where a skeleton is not in the table.

    Left joints correspond to left joints. COCO-17 and Animal-20 share all 17 joints of the former, Animal-20 and TigDog-18
    share 14.

    Returns:
        Pairs (index in `source`, index in `target`).
    """
    if source.joints == target.joints:
        return [(i, i) for i in range(len(source))]
    by_place = source.name in _NAMES and target.name in _NAMES
    in_target = {place: i for i, place in enumerate(_places(target, by_place)) if place}
    return [(i, in_target[place]) for i, place in enumerate(_places(source, by_place)) if place in in_target]


def _places(skeleton: Skeleton, by_place: bool) -> list[tuple[str, int] | str | None]:
    """For each joint its side and its column in the table, or its name."""
    if not by_place:
        return list(skeleton.joints)
    columns = {name: i for i, name in enumerate(_NAMES[skeleton.name].split()) if name not in "-|"}
    places: list[tuple[str, int] | str | None] = []
    for name in skeleton.joints:
        side, _, word = name.partition("_") if name.startswith(("left_", "right_")) else ("", "", name)
        places.append((side, columns[word]) if word in columns else None)
    return places


def transfer_to_joints(
    network: Loaded, skeleton: Skeleton, adapter: int, fresh: FreshWeights, spec: InputSpec | None = None
) -> tuple[Loaded, int]:
    """Build a network like `network` for another skeleton, or with an adaptation network.

    Tensors that do not depend on the joints are copied. Of the other tensors the rows of the joints that both skeletons share are
    copied; the rest has new random weights. An adaptation network that `network` has stays.

    Args:
        network: is not changed.
        skeleton: of the new network.
        adapter: blocks of an adaptation network, see `build_model`.
        fresh: where new random weights come from.
        spec: of the new network; None: that of `network`. Where its codec has another number of maps for each joint, no rows of
            joints are copied.

    Returns:
        The new network, and the number of joints that were copied.
    """
    spec = network.spec if spec is None else spec
    before, per_joint = network.numbers.get("maps_per_joint", 1), spec.maps_per_joint
    numbers = {**network.numbers, "adapter": network.numbers.get("adapter", 0) or adapter, "maps_per_joint": per_joint}
    pairs = corresponding_joints(network.skeleton, skeleton)
    if network.skeleton.joints == skeleton.joints:
        skeleton = network.skeleton  # with the left/right pairs of its training
        if numbers["adapter"] == network.numbers.get("adapter", 0) and before == per_joint:
            return (network if spec == network.spec else replace(network, spec=spec)), len(pairs)
    if before != per_joint:
        log.warning(
            "the network had %d maps for each joint and now has %d: the last layer begins with new weights",
            before,
            per_joint,
        )
        pairs = []
    elif not pairs:
        log.warning(
            "%s and %s share no joint: the last layer begins with new weights", network.skeleton.name, skeleton.name
        )
    numbers = {k: v for k, v in numbers.items() if v != {"adapter": 0, "maps_per_joint": 1}.get(k)}
    with fresh.drawing():
        model = build_model(network.arch, len(skeleton), **numbers)
    axes = _joint_axes(network.arch, numbers)
    tensors, sources = model.state_dict(), network.model.state_dict()
    old, new = (torch.tensor([p[i] for p in pairs], dtype=torch.int64) for i in (0, 1))
    for name, tensor in tensors.items():
        if name not in sources:
            continue
        if name not in axes:
            tensor.copy_(sources[name])
        elif len(pairs):
            _copy_joints(tensor, new, sources[name], old, axes[name])
    return replace(network, model=model.eval(), numbers=numbers, skeleton=skeleton, spec=spec), len(pairs)


def _copy_joints(
    target: torch.Tensor, new: torch.Tensor, source: torch.Tensor, old: torch.Tensor, axes: dict[int, int]
) -> None:
    """Copy the joints `old` of a tensor to the joints `new` of another.

    Args:
        target: is changed.
        new: (N,) indices of joints in `target`.
        source: with as many axes as `target`.
        old: (N,) indices of joints in `source`.
        axes: axis that runs over joints -> its number of entries for each joint.
    """
    places = [torch.arange(n) for n in target.shape]
    for axis, each in axes.items():
        to, from_ = (each * joints[:, None] + torch.arange(each) for joints in (new, old))
        places[axis] = to.flatten()
        source = source.index_select(axis, from_.flatten())
    target[torch.meshgrid(*places, indexing="ij")] = source


def _joint_axes(arch: str, numbers: Mapping[str, int]) -> dict[str, dict[int, int]]:
    """Find the axes of each tensor that run over joints, by comparing the network for two joints with that for three.

    Returns:
        Name of the tensor -> axis -> its number of entries for each joint.
    """
    with torch.device("meta"):
        few, more = (build_model(arch, k, **numbers).state_dict() for k in (2, 3))
    axes = {}
    for name, tensor in few.items():
        each = {i: b - a for i, (a, b) in enumerate(zip(tensor.shape, more[name].shape)) if a != b}
        if each:
            axes[name] = each
    return axes
