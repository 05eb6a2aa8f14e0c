"""By what a scan's block is found in a file again."""

from __future__ import annotations

from typing import Final

__all__ = ["EARLIER_LINE", "END_LINE", "GAP_LINE", "KEY_LINE", "LABEL_LINE", "LEFT_LINE"]

KEY_LINE: Final = b"#C sardana-redis scan "
"""Begins the line that ends in the scan's key."""

LABEL_LINE: Final = b"#L "
"""Begins the last line of the header."""

GAP_LINE: Final = b"#C Missing points: "
"""Begins a line that stands for points that were lost; a number follows."""

EARLIER_LINE: Final = b"#C Earlier points: "
"""Begins a line for points that stand in an earlier block of the scan; their number follows."""

LEFT_LINE: Final = b"#C The scan left Redis before it had ended"
"""Stands before the last line of a scan that may be born again and go on."""

END_LINE: Final = b"#C Acquisition ended"
"""Begins the last line of a scan that has ended."""
