"""Rows of the published vertex files (`_kpts.npy`, 3,299 rows) that hold the joints of a rendered animal.

Joints are in the order of `TIGDOG18`; the last 7 of the elephant run along its trunk. Source: the code of J. Mu et al., "Learning
from Synthetic Animals", CVPR 2020.
"""

from __future__ import annotations

VERTICES: dict[str, tuple[int, ...]] = {
    "horse": (1718, 1684, 1271, 1634, 1650, 1643, 1659, 925, 392, 564, 993, 726, 1585, 1556, 427, 1548, 967, 877),
    "tiger": (2753, 2679, 2032, 1451, 1287, 3085, 1632, 229, 1441, 1280, 2201, 1662, 266, 158, 270, 152, 219, 129),
    "sheep": (2046, 1944, 1267, 1875, 1900, 1868, 1894, 687, 173, 1829, 1422, 821, 624, 580, 622, 575, 1370, 716),
    "hound": (2028, 2580, 912, 878, 977, 1541, 1734, 480, 799, 1575, 1446, 602, 755, 673, 780, 1580, 466, 631),
    "elephant": (
        *(1980, 2051, 1734, 2122, 2155, 2070, 2166, 681, 923, 1442, 1041, 1528, 78, 599, 25, 595, 171, 570),
        *(1147, 1211, 1208, 1226, 1320, 1275, 1265),
    ),
}
