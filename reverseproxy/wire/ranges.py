"""Range requests: which bytes of an entity are asked for, and whether If-Range allows it.

Theory: RFC 9110 §14.2 lets a server ignore Range, and §14.1.2 lets it refuse. Which of the two is
done when follows nginx, for clients and caches in front know it: what is malformed or beyond the
entity gives 416, ranges that together are larger than the entity, or more than `max_ranges`, are
ignored and the whole is sent. Ranges are neither merged nor sorted; as their sum is bounded by
the entity, many small overlapping ones can't multiply the answer.
"""

from __future__ import annotations

import re

from reverseproxy.wire.conditional import parse_http_date, strong_match

#: RFC 9110 §14.1.2: int-range = first-pos "-" [ last-pos ]; suffix-range = "-" suffix-length; with
#: the blanks that nginx allows. 18 digits are below 2**63.
_RANGE = re.compile(rb" *+(?:([0-9]{1,18}) *+- *+([0-9]{1,18})?|-([0-9]{1,18})) *+")


def parse_ranges(
    value: bytes, size: int, max_ranges: int | None = None
) -> list[tuple[int, int]] | None:
    """Return the ranges as [start, stop) of an entity of `size` bytes, in the order asked for.

    None means to ignore the header and send the whole entity with 200; an empty list means 416.
    `max_ranges` is nginx's directive: None for no limit, 0 to ignore every Range.
    """
    if max_ranges == 0 or value[:6].lower() != b"bytes=" or len(value) == 6:
        return None
    ranges: list[tuple[int, int]] = []
    total = 0
    for member in value[6:].split(b","):
        match = _RANGE.fullmatch(member)
        if match is None:
            return []
        start, stop = _bounds(match, size)
        if start < stop:
            ranges.append((start, stop))
            total += stop - start
            if max_ranges is not None and len(ranges) > max_ranges:
                return None
        elif start == 0:
            return None
    return None if total > size else ranges


def if_range(value: bytes, etag: bytes, mtime: int | None) -> bool:
    """Return whether If-Range lets Range be heeded (RFC 9110 §13.1.5).

    An entity tag must be the same by strong comparison, a date must be the very `mtime`.
    """
    if value.endswith(b'"'):
        return strong_match(value, etag)
    return mtime is not None and parse_http_date(value) == mtime


def _bounds(match: re.Match[bytes], size: int) -> tuple[int, int]:
    first, last, suffix = match.groups()
    if suffix is not None:
        return max(0, size - int(suffix)), size
    return int(first), size if last is None else min(size, int(last) + 1)
