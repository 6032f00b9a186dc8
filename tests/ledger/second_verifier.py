# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A second verifier, written from FORMAT.md alone: it imports nothing from the package it checks."""

import json
import re
from hashlib import sha256
from typing import Any

KINDS = {
    "boot",
    "close",
    "decision",
    "gap",
    "genesis",
    "incident",
    "intent",
    "key",
    "label",
    "outcome",
    "policy",
    "prune",
    "refused",
    "report",
    "review",
    "seal",
    "shred",
    "system",
}


class Rejected(Exception):
    """The bytes break the format."""


def demand(holds: bool, what: str) -> None:
    """Raise Rejected unless it holds."""
    if not holds:
        raise Rejected(what)


def is_hash(value: Any) -> bool:
    """Say whether the value is 64 lower-case hex digits."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def spell(value: Any, depth: int) -> str:
    """Print a value of the subset in the one way there is."""
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, int):
        demand(abs(value) < 2**53, "integer too large")
        return str(value)
    if isinstance(value, str):
        short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        return '"' + "".join(short.get(c, f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
    demand(isinstance(value, dict | list) and depth < 16, "type or depth")
    if isinstance(value, list):
        return "[" + ",".join(spell(part, depth + 1) for part in value) + "]"
    for key in value:
        demand(re.fullmatch("[a-z0-9_]{1,64}", key) is not None, "key")
    return "{" + ",".join(f'"{key}":' + spell(value[key], depth + 1) for key in sorted(value)) + "}"


def read(data: bytes, limit: int) -> dict[str, Any]:
    """Return the object that the bytes spell canonically."""
    demand(len(data) <= limit, "too long")
    try:
        value = json.loads(data.decode("utf-8"))
        demand(isinstance(value, dict), "not an object")
        demand(spell(value, 0).encode("utf-8") == data, "not canonical")
    except (ValueError, RecursionError) as error:
        raise Rejected(str(error)) from error
    assert isinstance(value, dict)
    return value


def check_seal(seq: int, fields: dict[str, Any]) -> None:
    """Check the form of a seal entry."""
    first, last = fields.get("first"), fields.get("last")
    demand(type(first) is int and type(last) is int and first <= last < seq, "seal range")
    demand(is_hash(fields.get("chain")) and isinstance(fields.get("files"), list), "seal chain or files")
    for file in fields["files"]:
        demand(is_hash(file.get("sha256")) and isinstance(file.get("path"), str), "seal file")
        demand(all(type(file.get(name)) is int for name in ("bytes", "rows", "first", "last")), "seal file")


def check_log(lines: list[dict[str, Any]]) -> bytes:
    """Return the chain's head, or raise Rejected."""
    chain, last_ts = b"", -(2**53)
    for seq, line in enumerate(lines):
        record = line["record"].encode()
        fields = read(record, 16_384)
        demand(line["seq"] == seq, "seq")
        demand(fields.get("kind") in KINDS, "kind")
        demand((fields["kind"] == "genesis") == (seq == 0), "genesis")
        if seq == 0:
            demand(fields.get("format") == 1 and isinstance(fields.get("origin"), str), "format or origin")
            chain = sha256(fields["origin"].encode()).digest()
        demand(type(fields.get("ts")) is int and fields["ts"] >= last_ts, "ts")
        last_ts = fields["ts"]
        chain = sha256(b"\x02" + chain + sha256(b"\x00" + record).digest()).digest()
        demand(line["chain"] == chain.hex(), "chain")
        if fields["kind"] == "seal":
            check_seal(seq, fields)
        demand(("salt" in line) == ("facts" in line) == ("facts_commit" in fields), "facts")
        demand("facts_commit" in fields or "facts_contract" not in fields, "contract without facts")
        if "facts" in line:
            facts = line["facts"].encode()
            made = sha256(b"\x03" + bytes.fromhex(line["salt"]) + facts).hexdigest()
            demand(fields["facts_commit"] == made, "commitment")
            demand(isinstance(read(facts, 262_144).get("values"), dict), "facts without values")
    return chain
