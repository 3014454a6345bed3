"""May pictures be mirrored? Only where it is known which joints change places with which."""

from __future__ import annotations

from ..pose.skeleton import Skeleton
from ..progress import log
from .options import MirrorOptions

_SHOWN = 12


def mirrors(options: MirrorOptions, skeleton: Skeleton | None) -> bool:
    """Whether pictures of a skeleton may be mirrored, by --mirror; auto: unless a joint looks left or right and has no partner.

    Pairs of --partners are trusted.
    """
    if options.mirror != "auto":
        return options.mirror == "always"
    return bool(options.partners) or skeleton is None or not skeleton.unpaired


def flips(options: MirrorOptions, skeleton: Skeleton | None) -> bool:
    """Whether predictions average the mirrored picture in: --flip, where pictures may be mirrored."""
    return options.flip and mirrors(options, skeleton)


def say_pairs(options: MirrorOptions, skeleton: Skeleton, training: bool = True) -> None:
    """Log the left/right pairs that mirrored pictures swap, and warn of joints that look left or right and have no partner."""
    pairs = [f"{skeleton.joints[a]}/{skeleton.joints[b]}" for a, b in skeleton.partners or ()]
    shown = ", ".join(pairs[:_SHOWN]) + (f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else "")
    if training:
        log.info("  pairs      %s", shown or "none: no joint is named left or right")
    if not skeleton.unpaired or options.mirror == "never" or options.partners:
        return
    names = ", ".join(skeleton.unpaired[:_SHOWN]) + (", ..." if len(skeleton.unpaired) > _SHOWN else "")
    guess = skeleton.suggested_partners()
    remedy = f"--partners {guess}" if guess else "--partners LEFT:RIGHT,LEFT:RIGHT,..."
    if options.mirror == "always":
        log.warning(
            "joints that look left or right have no partner: %s; mirrored pictures leave them as they are", names
        )
        return
    other = "or --mirror always if none of them is sided"
    what = "no picture is mirrored" if training else "--flip is left out"
    log.warning(
        "joints that look left or right have no partner: %s; so %s. Name the pairs, e.g. %s, %s",
        names,
        what,
        remedy,
        other,
    )
