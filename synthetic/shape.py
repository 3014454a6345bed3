"""The smooth union of a body's tubes: where its skin lies, and which bones are near a point."""

from __future__ import annotations

import numpy as np

from .bodies import Tube


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors (..., n) scaled to length 1; those of length 0 stay 0."""
    scaled: np.ndarray = v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)
    return scaled


class Pieces:
    """The straight pieces of tubes as arrays, and how far points are from each in radii. S pieces."""

    def __init__(self, tubes: list[Tube]):
        long = [t for t in tubes if len(t.stations) > 1]
        self.start = np.concatenate([t.stations[:-1] for t in long])
        self.delta = np.concatenate([np.diff(t.stations, axis=0) for t in long])
        self.bones = [b for t in long for b in t.bones]
        self.first = np.cumsum([0] + [len(t.stations) - 1 for t in long])[:-1]
        self.square = (self.delta[:, :3] ** 2).sum(1)

    def rho(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, S) distance in local radii (1 on the skin of a piece), and (n, S) that radius in cm."""
        from_start = points[:, None, :] - self.start[:, :3]
        t = np.clip((from_start * self.delta[:, :3]).sum(-1) / self.square, 0, 1)
        off = from_start - t[..., None] * self.delta[:, :3]
        wide = self.start[:, 3] + t * self.delta[:, 3]
        deep = self.start[:, 4] + t * self.delta[:, 4]
        rho = np.sqrt((off[..., 1] / wide) ** 2 + (off[..., 0] ** 2 + off[..., 2] ** 2) / deep**2)
        return rho, np.sqrt(wide * deep)


class Shape:
    """The smooth union of tubes as a level function: negative inside, about cm outside."""

    def __init__(self, tubes: list[Tube], melt_cm: float):
        self.pieces, self.melt_cm = Pieces(tubes), melt_cm

    def level(self, points: np.ndarray) -> np.ndarray:
        """(n,) level at points (n, 3) cm."""
        rho, radius = self.pieces.rho(points)
        every = (rho - 1) * radius
        per_tube = np.minimum.reduceat(every, self.pieces.first, axis=1)
        nearest = per_tube.min(1, keepdims=True)
        # thin parts melt less than thick ones, or a jaw would drown in its head
        girth = np.take_along_axis(radius, every.argmin(1)[:, None], 1)
        melt = self.melt_cm * np.clip(girth / (3 * self.melt_cm), 0.2, 1)
        level: np.ndarray = nearest[:, 0] - 0.6 * melt[:, 0] * np.log(np.exp((nearest - per_tube) / melt).sum(1))
        return level

    def normals(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) unit gradient of the level."""
        steps = np.eye(3) * 1.0
        return unit(np.stack([self.level(points + e) - self.level(points - e) for e in steps], 1))

    def push_out(self, centres: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """(n, 3) points where rays from centres leave the union.

        They are searched near the tube's skin; a ray that does not leave ends on that skin.
        """
        length = np.linalg.norm(rays, axis=1)
        low, high = np.full(len(rays), 0.85), 1 + np.clip(1.2 * self.melt_cm / np.maximum(length, 0.1), 0.12, 0.6)
        inside = self.level(centres + rays * high[:, None]) < 0
        for _ in range(5):
            middle = (low + high) / 2
            out = self.level(centres + rays * middle[:, None]) > 0
            low, high = np.where(out, low, middle), np.where(out, middle, high)
        placed: np.ndarray = centres + rays * np.where(inside, 1.0, (low + high) / 2)[:, None]
        return placed

    def skin_from(self, point: np.ndarray, direction: np.ndarray, reach_cm: float) -> np.ndarray:
        """(3,) last point inside the union along a direction from an inner point, within `reach_cm`."""
        along = point + np.linspace(0, reach_cm, 120)[:, None] * direction
        inside = np.flatnonzero(self.level(along) < 0)
        last: np.ndarray = along[inside[-1] if len(inside) else 0]
        return last


class Binding:
    """Bone weights of points, by their distance from the pieces that follow each bone. B bones."""

    def __init__(self, tubes: list[Tube], bones: tuple[str, ...]):
        self.pieces, self.count = Pieces(tubes), len(bones)
        self.bone = np.array([bones.index(b) for b in self.pieces.bones])

    def weights(self, points: np.ndarray) -> np.ndarray:
        """(n, B) weights of points at rest."""
        near = 1 / np.maximum(self.pieces.rho(points)[0], 0.3) ** 9
        weights = np.stack([near[:, self.bone == b].max(1, initial=0) for b in range(self.count)], 1)
        weights /= weights.sum(1, keepdims=True)
        weights[weights < 0.03] = 0
        normalised: np.ndarray = weights / weights.sum(1, keepdims=True)
        return normalised
