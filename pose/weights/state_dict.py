"""Tensors by name: loaded into a network, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from ...errors import WeightsError


def without_prefix(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Keys without the prefixes `module.` (DataParallel) and `_orig_mod.` (torch.compile)."""
    return {re.sub(r"^(?:module\.|_orig_mod\.)+", "", k): v for k, v in state_dict.items()}


def check_finite(state_dict: Mapping[str, Tensor], what: str) -> None:
    """Refuse tensors with NaN or infinity.

    Args:
        what: name of the tensors in the message.

    Raises:
        WeightsError: names the tensors.
    """
    bad = [k for k, v in state_dict.items() if v.is_floating_point() and not v.is_meta and not bool(v.isfinite().all())]
    if bad:
        raise WeightsError(
            f"finite numbers in {what}",
            f"NaN or infinity in {len(bad)} of {len(state_dict)} tensors: {first_names(bad)}",
            "a checkpoint from before the training diverged; a training with a lower --lr",
        )


def first_names(names: list[str]) -> str:
    """The first three names, and dots where there are more."""
    return f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"


def load_into(model: nn.Module, state_dict: Mapping[str, Tensor], what: str = "checkpoint") -> str:
    """Load all tensors of a network, or none.

    Args:
        what: name of the tensors in messages.

    Returns:
        A line such as "684 of 684 tensors".

    Raises:
        WeightsError: tensors are missing, unknown, of another shape, or not finite; the message names them.
    """
    count = check_fit(model, state_dict, what)
    model.load_state_dict(without_prefix(state_dict))
    return f"{count} of {count} tensors"


def check_fit(model: nn.Module, state_dict: Mapping[str, Tensor], what: str = "checkpoint") -> int:
    """Check that a state dict holds all tensors of a network and no others.

    Returns:
        The number of tensors.

    Raises:
        WeightsError: as `load_into`.
    """
    expected = model.state_dict()
    state_dict = without_prefix(state_dict)
    missing = [k for k in expected if k not in state_dict]
    unknown = [k for k in state_dict if k not in expected]
    shaped = [
        f"{k} {tuple(state_dict[k].shape)} for {tuple(expected[k].shape)}"
        for k in expected
        if k in state_dict and state_dict[k].shape != expected[k].shape
    ]
    if missing or unknown or shaped:
        faults = {"missing": missing, "unknown": unknown, "of another shape": shaped}
        lines = [f"{len(names)} {fault}: {first_names(names)}" for fault, names in faults.items() if names]
        raise WeightsError(
            f"a {what} with the {len(expected)} tensors of this network",
            "\n".join([f"{len(expected) - len(missing) - len(shaped)} of {len(expected)} fit", *lines]),
            "give the options the file was trained with (--arch, --stacks, --blocks, --width, number of joints)",
        )
    check_finite(state_dict, what)
    return len(expected)
