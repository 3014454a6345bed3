"""The perspective camera that looks at an animal.

World: cm, z up. Camera: x right, y down, z forward. Picture: pixels, centres at integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        position_cm: (3,) where it stands.
        axes: (3, 3) rows right, down, forward in world coordinates.
        focal_px: focal length.
        centre_px: (2,) x, y of the optical axis.
        size_hw: picture.
    """

    position_cm: np.ndarray
    axes: np.ndarray
    focal_px: float
    centre_px: tuple[float, float]
    size_hw: tuple[int, int]

    def project(self, points_cm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, 2) float32 pixels and (n,) float32 depth in cm of points (n, 3)."""
        seen = (points_cm - self.position_cm) @ self.axes.T
        depth = np.where(np.abs(seen[:, 2]) < 1e-3, 1e-3, seen[:, 2])
        xy = seen[:, :2] * (self.focal_px / depth)[:, None] + self.centre_px
        return xy.astype(np.float32), seen[:, 2].astype(np.float32)

    def horizon_px(self) -> float:
        """Height in the picture, at its middle column, of the ground infinitely far away."""
        forward, down = self.axes[2], self.axes[1]
        level = np.array([forward[0], forward[1], 0.0])
        return float(self.centre_px[1] + self.focal_px * (level @ down) / max(level @ forward, 1e-3))


def orbit(
    target_cm: np.ndarray,
    distance_cm: float,
    azimuth_deg: float,
    elevation_deg: float,
    size_hw: tuple[int, int],
    *,
    fov_deg: float = 90.0,
    roll_deg: float = 0.0,
) -> Camera:
    """A camera that looks at a point from a distance.

    Args:
        target_cm: (3,) the point.
        azimuth_deg: 0 is in front of the animal's nose, 90 on its left.
        elevation_deg: above the ground. Beyond 90 the camera has gone over the top: it looks from the other side, upright.
        size_hw: of the picture.
        fov_deg: field of view across the picture's width.
        roll_deg: turn of the camera about its optical axis.
    """
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    back = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    forward = -back
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    roll = np.radians(roll_deg)
    right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    height, width = size_hw
    focal = width / 2 / np.tan(np.radians(fov_deg) / 2)
    return Camera(
        target_cm + distance_cm * back,
        np.stack([right, down, forward]),
        focal,
        ((width - 1) / 2, (height - 1) / 2),
        size_hw,
    )
