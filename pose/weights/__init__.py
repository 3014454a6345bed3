"""Weights of networks: checkpoint files, tensors by name, and the networks of published implementations.

- `files`: write and read a checkpoint file, and say what is wrong with one.
- `state_dict`: load tensors into a network, all of them or none.
- `published`: build a network from the tensors of a published implementation.
"""

from .files import check_tensors, fault_of, load_data, read, save
from .published import PUBLISHED, build_from, hourglass_numbers, load_published, to_our_names
from .state_dict import check_finite, check_fit, load_into, without_prefix

__all__ = [
    "PUBLISHED",
    "build_from",
    "check_finite",
    "check_fit",
    "check_tensors",
    "fault_of",
    "hourglass_numbers",
    "load_data",
    "load_into",
    "load_published",
    "read",
    "save",
    "to_our_names",
    "without_prefix",
]
