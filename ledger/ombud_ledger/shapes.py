# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Parse canonical JSON quickly where most objects have one shape: a memo of `canonical.parse`, as strict.

Take an object's text, blot out its escaped quotation marks, and cut it at the others. What lies outside the
strings, with the digits taken out, is its skeleton; some of the strings are keys. If an object with this
skeleton and these keys was canonical, this one is too: same nesting, same keys in the same order, no space,
no null, no point, no exponent. What can still differ are the strings (no other escape; control characters
are looked for) and the integers (the JSON parser refuses leading zeros; -0 and long ones are looked for).
Whatever is not plain, or not seen before, goes through `canonical.parse`.
"""

import json
import re
from operator import itemgetter
from typing import Any, Final

from ombud_ledger import canonical
from ombud_ledger.errors import RecordInvalid

_DOUBTFUL: Final = re.compile(r"-0|9\d{15}|\d{17}")  # 2^53-1 is 9007199254740991
_BLOT: Final = "\0"  # in no key that was ever canonical
_DIGITS: Final = b"0123456789"
_SKELETONS: Final = 1_024
_KEY_LISTS: Final = 256


class Shapes:
    """Parses canonical objects of at most `limit` bytes, remembering shapes; bounded."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._decode = json.JSONDecoder().raw_decode
        # By skeleton: what picks the keys out of the strings, and the lists of keys seen to be canonical.
        self._known: dict[bytes, tuple[Any, set[Any]]] = {}

    def parse(self, data: bytes) -> dict[str, Any]:
        """Return what `canonical.parse` returns. Raises RecordInvalid where it does."""
        # Where every backslash stands before a quotation mark, each such pair is a canonical escape.
        if len(data) > self._limit or not data.isascii() or data.count(b"\\") != data.count(b'\\"'):
            return canonical.parse(data, limit=self._limit)
        text = data.decode("ascii")
        parts = text.replace('\\"', _BLOT).split('"')
        outside = '"'.join(parts[0::2])
        if len(parts) < 3 or not text.isprintable() or _DOUBTFUL.search(outside):
            return canonical.parse(data, limit=self._limit)
        skeleton = outside.encode().translate(None, _DIGITS)
        strings = parts[1::2]
        known = self._known.get(skeleton)
        if known is not None and known[0](strings) in known[1]:
            try:
                found, end = self._decode(text)
            except ValueError as error:  # a digit where none belongs, say
                raise RecordInvalid(f"not JSON of the subset: {error}") from error
            if end != len(text):
                raise RecordInvalid("not JSON of the subset: bytes after the object")
            fields: dict[str, Any] = found
            return fields
        value = canonical.parse(data, limit=self._limit)
        self._learn(skeleton, parts, strings)
        return value

    def _learn(self, skeleton: bytes, parts: list[str], strings: list[str]) -> None:
        known = self._known.get(skeleton)
        if known is None:
            if len(self._known) >= _SKELETONS:
                self._known.clear()
            at = [index for index in range(len(strings)) if parts[2 * index + 2].startswith(":")]
            known = self._known[skeleton] = (itemgetter(*at), set())
        if len(known[1]) >= _KEY_LISTS:
            known[1].clear()
        known[1].add(known[0](strings))
