"""Losses between joint maps. Each says what its mean runs over.

- `mse`: squared errors, of the hourglass and CC-SSL code and of most others.
- `ohkm`: online hard keypoint mining.
- `offsets`: a disc and two offset maps for each joint (UDP, G-RMI).
- `levels`: targets of several widths (CPN, MSPN, RSN).

Shapes: B pictures, K joints, maps of h x w cells. Weights and visibility are (B, K) or (B, K, 1).
"""

from .levels import cpn_loss, megvii_loss, visible_mse
from .mse import joint_factors, joints_mse, joints_mse_original
from .offsets import grmi_loss, grmi_sums, udp_offset_loss, udp_offset_terms
from .ohkm import joints_ohkm, labelled_ohkm

__all__ = [
    "cpn_loss",
    "grmi_loss",
    "grmi_sums",
    "joint_factors",
    "joints_mse",
    "joints_mse_original",
    "joints_ohkm",
    "labelled_ohkm",
    "megvii_loss",
    "udp_offset_loss",
    "udp_offset_terms",
    "visible_mse",
]
