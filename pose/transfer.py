"""Which joints of two skeletons are the same place of a body, and a network for other joints than it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from ..progress import log
from .checkpoints import Loaded
from .fresh_weights import FreshWeights
from .input_spec import InputSpec
from .models import build_model
from .skeleton import ANIMAL_POSE20, AP10K17, COCO17, MPII16, POSETRACK15, TIGDOG18, Skeleton

# Places of a body, one word a joint without its side: limbs are upper, middle and end of a fore or hind leg. A person's arm is a
# fore leg. Which joint of a person is which of an animal is our reading of Cao et al., ICCV 2019, who name no table.
_PERSON = {
    "nose": "nose", "eye": "eye", "ear": "ear", "shoulder": "fore upper", "elbow": "fore middle", "wrist": "fore end",
    "hip": "hind upper", "knee": "hind middle", "ankle": "hind end",
}  # fmt: skip
_PLACES: dict[str, Mapping[str, str]] = {
    COCO17.name: _PERSON,
    MPII16.name: _PERSON,
    POSETRACK15.name: _PERSON,
    ANIMAL_POSE20.name: {
        "nose": "nose", "eye": "eye", "ear_base": "ear", "front_elbow": "fore upper", "front_knee": "fore middle",
        "front_paw": "fore end", "back_elbow": "hind upper", "back_knee": "hind middle", "back_paw": "hind end",
        "tail_base": "tail",
    },
    TIGDOG18.name: {
        "eye": "eye", "front_elbow": "fore upper", "front_knee": "fore middle", "front_hoof": "fore end",
        "back_elbow": "hind upper", "back_knee": "hind middle", "back_hoof": "hind end",
    },
    AP10K17.name: {
        "nose": "nose", "eye": "eye", "shoulder": "fore upper", "elbow": "fore middle", "front_paw": "fore end",
        "hip": "hind upper", "knee": "hind middle", "back_paw": "hind end", "root_of_tail": "tail",
    },
}  # fmt: skip


def corresponding_joints(source: Skeleton, target: Skeleton) -> list[tuple[int, int]]:
    """Pairs (joint of `source`, joint of `target`) of the same place; by name where one of the two is no published skeleton.

    Left stays left. COCO-17 and Animal-20 share all 17 of the former, Animal-20 and TigDog-18 fourteen.
    """
    if source.joints == target.joints:
        return [(i, i) for i in range(len(source))]
    known = source.name in _PLACES and target.name in _PLACES
    there = {place: i for i, place in enumerate(_places(target, known)) if place}
    return [(i, there[place]) for i, place in enumerate(_places(source, known)) if place in there]


def _places(skeleton: Skeleton, known: bool) -> list[tuple[str, str] | str | None]:
    if not known:
        return list(skeleton.joints)
    found: list[tuple[str, str] | str | None] = []
    for name in skeleton.joints:
        side, _, word = name.partition("_") if name.startswith(("left_", "right_")) else ("", "", name)
        place = _PLACES[skeleton.name].get(word)
        found.append((side, place) if place else None)
    return found


def transfer_to_joints(
    network: Loaded, skeleton: Skeleton, adapter: int, fresh: FreshWeights, spec: InputSpec | None = None
) -> tuple[Loaded, int]:
    """A network like `network` for another skeleton, or with an adaptation network, and the number of joints that carry over.

    All tensors that do not depend on the joints are taken over, and of the others the rows of the joints that correspond; what is
    left begins with fresh weights. The adapter of a network that has one is kept.

    Args:
        skeleton: of the new network.
        adapter: blocks of an adaptation network, see `build_model`.
        fresh: where fresh weights come from.
        form: of the new network; default: that of `network`. Where its codec takes other maps for a joint, no joint carries over.
    """
    spec = network.spec if spec is None else spec
    own, per_joint = network.numbers.get("maps_per_joint", 1), spec.maps_per_joint
    numbers = {**network.numbers, "adapter": network.numbers.get("adapter", 0) or adapter, "maps_per_joint": per_joint}
    pairs = corresponding_joints(network.skeleton, skeleton)
    if network.skeleton.joints == skeleton.joints:
        skeleton = network.skeleton  # with the left/right pairs that it was trained with
        if numbers["adapter"] == network.numbers.get("adapter", 0) and own == per_joint:
            return (network if spec == network.spec else replace(network, spec=spec)), len(pairs)
    if own != per_joint:
        log.warning("%d maps a joint, not %d: the last layer begins anew", per_joint, own)
        pairs = []
    elif not pairs:
        log.warning("no joint of %s is one of %s: the last layer begins anew", network.skeleton.name, skeleton.name)
    numbers = {k: v for k, v in numbers.items() if v != {"adapter": 0, "maps_per_joint": 1}.get(k)}
    with fresh.drawing():
        model = build_model(network.arch, len(skeleton), **numbers)
    axes = _joint_axes(network.arch, numbers)
    ours, theirs = model.state_dict(), network.model.state_dict()
    old, new = (torch.tensor([p[i] for p in pairs], dtype=torch.int64) for i in (0, 1))
    for name, tensor in ours.items():
        if name not in theirs:
            continue
        if name not in axes:
            tensor.copy_(theirs[name])
        elif len(pairs):
            _copy_joints(tensor, new, theirs[name], old, axes[name])
    return replace(network, model=model.eval(), numbers=numbers, skeleton=skeleton, spec=spec), len(pairs)


def _copy_joints(
    ours: torch.Tensor, new: torch.Tensor, theirs: torch.Tensor, old: torch.Tensor, axes: dict[int, int]
) -> None:
    """Copy the joints `old` of a tensor to the joints `new` of another, along all axes of joints at once."""
    places = [torch.arange(n) for n in ours.shape]
    for axis, each in axes.items():
        own, given = (each * joints[:, None] + torch.arange(each) for joints in (new, old))
        places[axis] = own.flatten()
        theirs = theirs.index_select(axis, given.flatten())
    ours[torch.meshgrid(*places, indexing="ij")] = theirs


def _joint_axes(arch: str, numbers: Mapping[str, int]) -> dict[str, dict[int, int]]:
    """Tensor -> its axes of joints and how many entries a joint has there: found by building the network for one joint more."""
    with torch.device("meta"):
        few, more = (build_model(arch, k, **numbers).state_dict() for k in (2, 3))
    axes = {}
    for name, tensor in few.items():
        each = {i: b - a for i, (a, b) in enumerate(zip(tensor.shape, more[name].shape)) if a != b}
        if each:
            axes[name] = each
    return axes
