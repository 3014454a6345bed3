"""Names of files, as text that every file and terminal can hold."""

from __future__ import annotations

import os
import re

_LONE = re.compile("[\ud800-\udfff]")


def shown_name(path: str | os.PathLike) -> str:
    """A path as readable text: bytes that are no UTF-8 (old archives, old Windows shares) appear as `\\xe4`.

    Python holds such bytes as lone surrogates, which neither a file nor a terminal takes.
    """

    def escaped(match: re.Match) -> str:
        code = ord(match[0])
        return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"

    return _LONE.sub(escaped, str(path))
