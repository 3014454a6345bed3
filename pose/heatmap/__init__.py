"""Heatmap codecs: joints to maps and back. Pure, batched, on any device.

Frame: heatmap cells, cell centres at integers, x = column, y = row. The matrices between picture, crop and map are no part of them.

Kinds of `encode`, all with a peak of 1 but where said otherwise:

- `gaussian`: exp(-d^2 / 2 sigma^2) about the sub-pixel joint (the unbiased encoding of DARK). `cauchy`: 1 / (1 + (d/sigma)^2)^1.5.
- `msra`: the window of SimpleBaseline and HRNet, about the nearest cell. `udp_gaussian`: UDP's window, about the joint itself.
- `published_gaussian`, `published_cauchy`: the maps of the published CC-SSL and bearpaw hourglass code (its `draw_labelmap`), bit
  for bit: a patch of 6 sigma + 1 cells about a cell found by cutting toward zero, and a Cauchy peak of 1 / sigma^2.
- `princeton`: those of the princeton-vl hourglass code, which cuts joints to whole cells and leaves out those at x <= 0.

`encode_offsets` (a disc and the way to the joint: UDP, G-RMI) and `encode_levels` (several widths, rising to 255: CPN, MSPN, RSN)
make more than one map a joint. `window_weight` is the weight that published codes give a joint.

Kinds of `decode`, with the bound on |decode(encode(x)) - x| per axis, for a joint at least one cell inside the map:

- `argmax`: 0.5 cell. `quarter`: 0.25 cell (a quarter cell towards the higher neighbour).
- `dark`: 0.02 cell on `gaussian` maps of sigma 0.8 to 3 (the logarithm of a Gaussian is a parabola, which the Taylor step meets
  exactly; what is left is float32). Zhang et al., Distribution-Aware Coordinate Representation, CVPR 2020, section 3.
- `soft_argmax`, `udp_gaussian`, `udp_offset`, `grmi`: see `pose.codecs`, where their targets are.
- `published_argmax`, `published_quarter`: 1-based cells as the published CC-SSL and bearpaw code counts them, (0, 0) where no value
  is positive.
- published codes number for number, quirks and all: `msra` (SimpleBaseline, HRNet), `darkpose` (DARK, OmniPose), `lpn`, `udp_pose`
  and `udp_mmpose` (the two forms of UDP's Gaussian decoding; `udp_offset` is the published one already), `megvii` (MSPN, RSN),
  `cpn`, `megvii_mmpose`, `princeton`.
"""

from .decoding import DECODERS, DECODINGS, SMOOTHED, decode, tap_settings
from .encoding import ENCODINGS, encode, in_frame
from .flip import flip_back, flip_back_offsets, shift_right
from .megvii import encode_levels
from .offsets import encode_offsets, hough_fusion
from .smoothing import blur, gaussian_kernel, opencv_kernel
from .windows import window_weight

__all__ = [
    "DECODERS",
    "DECODINGS",
    "ENCODINGS",
    "SMOOTHED",
    "blur",
    "decode",
    "encode",
    "encode_levels",
    "encode_offsets",
    "flip_back",
    "flip_back_offsets",
    "gaussian_kernel",
    "hough_fusion",
    "in_frame",
    "opencv_kernel",
    "shift_right",
    "tap_settings",
    "window_weight",
]
