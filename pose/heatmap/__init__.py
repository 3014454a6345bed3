"""Heatmap codecs: joints to maps and back. Pure functions of batches, on any device.

Frame: heatmap cells, cell centres at integers, x = column, y = row. The matrices between picture, crop and map are in
`pose.input_spec`. Shapes: joints (B, K, 2), maps (B, K, h, w).

Kinds of `encode`. The peak is 1 if nothing else is said:

- `gaussian`: exp(-d^2 / 2 sigma^2) about the sub-pixel joint (the unbiased encoding of DARK). `cauchy`: 1 / (1 + (d/sigma)^2)^1.5.
- `msra`: the window of SimpleBaseline and HRNet, about the nearest cell. `udp_gaussian`: UDP's window, about the joint itself.
- `published_gaussian`, `published_cauchy`: the maps of the CC-SSL and bearpaw hourglass code (its `draw_labelmap`), bit for bit: a
  patch of 6 sigma + 1 cells about a cell that is truncated toward zero. The Cauchy peak is 1 / sigma^2.
- `princeton`: the maps of the princeton-vl hourglass code, which truncates joints to whole cells and omits those at x <= 0.

`encode_offsets` (a disc and the offset to the joint: UDP, G-RMI) and `encode_levels` (several widths, with a peak of 255: CPN,
MSPN, RSN) make more than one map for each joint. `window_weight` is the weight of a joint in the published codes.

Kinds of `decode`, with the bound on |decode(encode(x)) - x| for each axis, for a joint at least one cell inside the map:

- `argmax`: 0.5 cell. `quarter`: 0.25 cell (a quarter cell towards the higher neighbour).
- `dark`: 0.02 cell on `gaussian` maps of sigma 0.8 to 3. The logarithm of a Gaussian is a parabola, whose top one Newton step
  reaches exactly; the rest is the rounding of float32. Zhang et al., CVPR 2020, section 3.
- `soft_argmax`, `udp_gaussian`, `udp_offset`, `grmi`: see `pose.codecs`, where their targets are.
- `published_argmax`, `published_quarter`: 1-based cells, as the CC-SSL and bearpaw code counts; (0, 0) where no value is positive.
- The decoders of published codes, with the same numbers and the same flaws: `msra` (SimpleBaseline, HRNet), `darkpose` (DARK,
  OmniPose), `lpn`, `udp_pose` and `udp_mmpose` (the two Gaussian decoders of UDP), `udp_offset`, `megvii` (MSPN, RSN), `cpn`,
  `megvii_mmpose`, `princeton`.
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
