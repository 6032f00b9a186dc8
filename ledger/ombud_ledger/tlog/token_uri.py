# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""PKCS#11 URIs (RFC 7512): which key, in which token, by which module. Pure; a PIN is never in one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from ombud_ledger.errors import KeyUnusable

SCHEME: Final = "pkcs11:"
MOST_BYTES: Final = 1_024
_TOKEN: Final = ("token", "serial", "manufacturer", "model")
_PATH: Final = frozenset({*_TOKEN, "object", "id", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source"})
_TEXT: Final = re.compile(r"[!-~]+")  # printable ASCII: everything else is percent-encoded
_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class TokenUri:
    """A parsed URI. `token` is what the token is known by; the key by `label`, `id`, or both."""

    text: str
    token: Mapping[str, str]
    label: str | None
    id: bytes | None
    module: Path
    pin_source: Path | None

    def __str__(self) -> str:
        return self.text


def parse_token_uri(text: str) -> TokenUri:
    """Read a URI that names one private key. Raises KeyUnusable, naming what is wrong in it."""
    # 1. Size and characters. What may hold a PIN is not shown.
    if len(text) > MOST_BYTES or not text.startswith(SCHEME) or not _TEXT.fullmatch(text):
        raise KeyUnusable(
            f"a PKCS#11 URI must begin with {SCHEME}, be printable ASCII, and have at most {MOST_BYTES} bytes"
        )
    path, _, query = text.removeprefix(SCHEME).partition("?")
    if "pin-value" in query:
        raise KeyUnusable("a PKCS#11 URI must hold no PIN (pin-value): name its file with pin-source")
    # 2. Attributes: known ones, once.
    found = _attributes(path, ";", _PATH)
    asked = _attributes(query, "&", _QUERY)
    if found.get("type", b"private") != b"private":
        raise KeyUnusable("type= of a PKCS#11 URI must be private, if it is given")
    # 3. Enough of them to find one key, by one module.
    token: dict[str, str] = {name: _text(name, found[name]) for name in _TOKEN if name in found}
    if not token:
        raise KeyUnusable(f"a PKCS#11 URI must name its token by one of: {', '.join(_TOKEN)}")
    label = _text("object", found["object"]) if "object" in found else None
    if not label and not found.get("id"):
        raise KeyUnusable("a PKCS#11 URI must name its key by object=, id=, or both")
    module = Path(_text("module-path", asked.get("module-path", b"")))
    if not module.is_absolute():
        raise KeyUnusable(
            "a PKCS#11 URI must have ?module-path= and the absolute path of the token's library"
        )
    source = _text("pin-source", asked["pin-source"]) if "pin-source" in asked else None
    pin_source = None if source is None else Path(source.removeprefix("file:"))
    if pin_source is not None and not pin_source.is_absolute():
        raise KeyUnusable("pin-source= of a PKCS#11 URI must be the absolute path of a file")
    return TokenUri(text, token, label or None, found.get("id") or None, module, pin_source)


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in filter(None, text.split(separator)):
        name, equals, value = part.partition("=")
        if name not in known or not equals:
            raise KeyUnusable(f"{name[:40]!r} in a PKCS#11 URI: must be one of {', '.join(sorted(known))}")
        if name in found:
            raise KeyUnusable(f"{name}= stands twice in a PKCS#11 URI: must be there once")
        if _PERCENT.search(value.encode()):
            raise KeyUnusable(f"{name}= of a PKCS#11 URI: % must be followed by two hexadecimal digits")
        found[name] = unquote_to_bytes(value)
    return found


def _text(name: str, value: bytes) -> str:
    text = value.decode("utf-8", errors="replace")
    if not text.isprintable() or "\ufffd" in text:
        raise KeyUnusable(f"{name}= of a PKCS#11 URI: must be printable text in UTF-8")
    return text
