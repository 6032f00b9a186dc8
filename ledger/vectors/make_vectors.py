# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Make the test vectors of FORMAT.md: `python ledger/vectors/make_vectors.py [FOLDER]`.

Uses nothing of the package, so that the vectors do not repeat its mistakes. Everything in them is fixed; CI
runs this again and compares. `records/` holds raw record bytes. `logs/` holds one log each, a JSON line per
entry: seq, record, chain (hex) and, where there are facts, salt (hex) and facts. What a log publishes is made
by `make_published.py`, sealed facts and payloads by `make_shredded.py`. `valid` and `invalid` say what must
come out; a file is named by its defect.
"""

import copy
import json
import runpy
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

ORIGIN = "acme.example/test/r/1"
SALT = bytes(range(32))
ENTRIES = "entries/000000000000-000000000002.parquet"
Line = dict[str, Any]


def canonical(value: Any) -> bytes:
    """Return canonical JSON of a value known to be of the subset."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


RECORDS_VALID: dict[str, bytes] = {
    "empty-object": b"{}",
    "smallest-integer": b'{"n":-9007199254740991}',
    "largest-integer": b'{"n":9007199254740991}',
    "escapes": b'{"s":"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f/"}',
    "unicode": '{"s":"Zoë 龍 😀 \u2028"}'.encode(),
    "nested": b'{"a":{"b":[true,false,{"c":[]}]},"z":0}',
    "depth-16": b'{"a":' * 16 + b"1" + b"}" * 16,
    "key-of-64": b'{"' + b"k" * 64 + b'":1}',
    "digits-sort-before-letters": b'{"1":1,"_":2,"a":3}',
    "size-16384": b'{"s":"' + b"x" * (16_384 - 8) + b'"}',
}
RECORDS_INVALID: dict[str, bytes] = {
    "empty": b"",
    "not-an-object": b"[]",
    "null": b'{"a":null}',
    "float": b'{"a":1.5}',
    "float-integral": b'{"a":1.0}',
    "exponent": b'{"a":1e3}',
    "nan": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "minus-zero": b'{"a":-0}',
    "leading-zero": b'{"a":01}',
    "plus-sign": b'{"a":+1}',
    "integer-too-large": b'{"a":9007199254740992}',
    "integer-too-small": b'{"a":-9007199254740992}',
    "space-after-colon": b'{"a": 1}',
    "trailing-newline": b'{"a":1}\n',
    "trailing-bytes": b'{"a":1}{}',
    "trailing-comma": b'{"a":1,}',
    "byte-order-mark": b'\xef\xbb\xbf{"a":1}',
    "unsorted-keys": b'{"b":1,"a":2}',
    "duplicate-key": b'{"a":1,"a":1}',
    "duplicate-key-nested": b'{"a":{"b":1,"b":2}}',
    "key-upper-case": b'{"A":1}',
    "key-empty": b'{"":1}',
    "key-of-65": b'{"' + b"k" * 65 + b'":1}',
    "key-escaped": b'{"\\u0061":1}',
    "escape-needless": b'{"a":"\\u0041"}',
    "escape-solidus": b'{"a":"\\/"}',
    "escape-upper-hex": b'{"a":"\\u001F"}',
    "escape-long-newline": b'{"a":"\\u000a"}',
    "escaped-unicode": b'{"a":"\\u00e9"}',
    "escaped-surrogate-pair": b'{"a":"\\ud83d\\ude00"}',
    "lone-surrogate-escaped": b'{"a":"\\ud800"}',
    "lone-surrogate-utf8": b'{"a":"\xed\xa0\x80"}',
    "overlong-utf8": b'{"a":"\xc0\xaf"}',
    "control-character-raw": b'{"a":"\x01"}',
    "single-quotes": b"{'a':1}",
    "utf16": '{"a":1}'.encode("utf-16-le"),
    "unclosed": b'{"a":1',
    "depth-17": b'{"a":' * 17 + b"1" + b"}" * 17,
    "depth-array-17": b'{"a":' + b"[" * 16 + b"]" * 16 + b"}",
    "depth-20000": b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "size-16385": b'{"s":"' + b"x" * (16_385 - 8) + b'"}',
}


def entries() -> list[dict[str, Any]]:
    """Return a small log: each entry's fields, and its facts if it has any."""
    start = 1_700_000_000_000_000
    facts = {"reason": "free text", "values": {"amount": "1000.1", "employed": True, "rooms": 3}}
    return [
        {"fields": {"format": 1, "kind": "genesis", "origin": ORIGIN, "ts": start}},
        {"fields": {"id": "d-1", "kind": "decision", "ts": start + 1, "verdict": "allow"}, "facts": facts},
        {"fields": {"id": "d-2", "kind": "decision", "ts": start + 1, "verdict": "deny"}},
        {"fields": {"kind": "close", "ts": start + 2}},
        {"fields": {"clean": True, "kind": "boot", "ts": start + 3}},
    ]


def log(parts: list[dict[str, Any]]) -> list[Line]:
    """Return the lines of a log with right commitments and chain for whatever its entries say."""
    chain = sha256(str(parts[0]["fields"].get("origin", ORIGIN)).encode()).digest()
    lines: list[Line] = []
    for seq, part in enumerate(parts):
        line: Line = {"seq": seq}
        fields = dict(part["fields"])
        if "facts" in part:
            data = canonical(part["facts"])
            line |= {"facts": data.decode(), "salt": SALT.hex()}
            fields.setdefault("facts_commit", sha256(b"\x03" + SALT + data).hexdigest())
        record = part.get("bytes") or canonical(fields)
        chain = sha256(b"\x02" + chain + sha256(b"\x00" + record).digest()).digest()
        lines.append(line | {"record": record.decode(), "chain": chain.hex()})
    return lines


def changed(at: int, **fields: Any) -> list[Line]:
    """Return the log with fields of one entry changed and all hashes rebuilt: only the fields are wrong."""
    parts = entries()
    parts[at]["fields"] |= fields
    return log(parts)


def tampered(at: int, **values: Any) -> list[Line]:
    """Return the log with stored values of one line changed and nothing rebuilt; None removes one."""
    lines = copy.deepcopy(log(entries()))
    lines[at] = {key: value for key, value in (lines[at] | values).items() if value is not None}
    return lines


def pruned(begins: int, *, gone: int | None = None, path: str = ENTRIES, **fields: Any) -> list[Line]:
    """Return the log with a prune entry, without the entries before `gone`, else before `begins`."""
    good = log(entries())
    chain = good[begins - 1]["chain"] if begins else sha256(ORIGIN.encode()).hexdigest()
    prune = {
        "kind": "prune",
        "ts": 1_700_000_000_000_009,
        "format": 1,
        "origin": ORIGIN,
        "before": begins,
        "chain": chain,
        "files": [{"path": path, "sha256": "ab" * 32}],
        "by": "os:tester",
    }
    told = {key: value for key, value in (prune | fields).items() if value is not None}
    return log([*entries(), {"fields": told}])[begins if gone is None else gone :]


def logs_valid() -> dict[str, list[Line]]:
    """Return logs that must verify."""
    return {
        "five-entries": log(entries()),
        "genesis-alone": log(entries()[:1]),
        "pruned": pruned(3),
        "pruned-facts-alone": pruned(0, path="facts/0000000000000000/000000000000-000000000002.parquet"),
    }


def logs_invalid() -> dict[str, list[Line]]:
    """Return logs that must not, by defect."""
    good = log(entries())
    swapped = [good[0], good[2] | {"seq": 1}, good[1] | {"seq": 2}, *good[3:]]
    raw = entries()
    raw[2]["bytes"] = b'{"id":"d-2", "kind":"decision","ts":1700000000000001}'
    no_values = entries()
    no_values[1]["facts"] = {"reason": "free text"}
    float_facts = entries()
    float_facts[1]["facts"] = {"values": {"amount": 1.5}}
    seal = {"kind": "seal", "ts": 1_700_000_000_000_009, "first": 0, "last": 4, "chain": good[4]["chain"]}
    file = {
        "path": "entries/000000000000-000000000004.parquet",
        "sha256": "ab" * 32,
        "bytes": 1,
        "rows": 5,
        "first": 0,
        "last": 4,
    }
    parts = entries()
    return {
        "record-byte-changed": tampered(2, record=good[2]["record"].replace("deny", "dent")),
        "chain-byte-changed": tampered(2, chain="00" + good[2]["chain"][2:]),
        "chain-without-domain-byte": _without_domain_byte(),
        "entry-removed": [*good[:2], *good[3:]],
        "entry-removed-renumbered": [*good[:2], *({**line, "seq": line["seq"] - 1} for line in good[3:])],
        "entries-swapped": swapped,
        "entry-repeated": [*good[:3], good[2] | {"seq": 3}],
        "seq-starts-at-1": [line | {"seq": line["seq"] + 1} for line in good],
        "genesis-missing": [line | {"seq": line["seq"] - 1} for line in good[1:]],
        "genesis-twice": log([*parts, entries()[0]]),
        "genesis-without-origin": log([{"fields": {"format": 1, "kind": "genesis", "ts": 1}}]),
        "format-unknown": changed(0, format=2),
        "format-missing": log([{"fields": {"kind": "genesis", "origin": ORIGIN, "ts": 1}}]),
        "origin-changed": tampered(0, record=good[0]["record"].replace("acme", "evil")),
        "kind-unknown": changed(2, kind="verdict"),
        "kind-missing": log([parts[0], {"fields": {"id": "d-1", "ts": 1_700_000_000_000_001}}]),
        "ts-goes-back": changed(2, ts=1_600_000_000_000_000),
        "ts-not-an-integer": changed(2, ts="1700000000000001"),
        "record-not-canonical": log(raw),
        "facts-byte-changed": tampered(1, facts=good[1]["facts"].replace("1000.1", "1000.2")),
        "facts-salt-changed": tampered(1, salt="ff" + good[1]["salt"][2:]),
        "facts-removed": tampered(1, facts=None, salt=None),
        "facts-without-salt": tampered(1, salt=None),
        "facts-uncommitted": tampered(2, facts="{}", salt=SALT.hex()),
        "facts-without-values": log(no_values),
        "facts-with-float": log(float_facts),
        "facts-commit-not-hex": changed(2, facts_commit="AB" * 32),
        "facts-contract-without-commit": changed(2, facts_contract="ab" * 32),
        "seal-without-files": log([*parts, {"fields": seal}]),
        "seal-digest-not-hex": log([*parts, {"fields": seal | {"files": [file | {"sha256": "x"}]}}]),
        "prune-chain-changed": pruned(3, chain="00" * 32),
        "prune-digest-not-hex": pruned(3, files=[{"path": ENTRIES, "sha256": "x"}]),
        "prune-format-unknown": pruned(3, format=2),
        "prune-of-entries-that-stay": pruned(2),
        "prune-of-the-future": pruned(0, before=6, path=ENTRIES),
        "prune-of-another-folder": pruned(3, path="entries/../../000000000000-000000000002.parquet"),
        "prune-without-files": pruned(3, files=None),
        "prune-without-origin": pruned(3, origin=None),
        "pruned-further-than-said": pruned(3, gone=4),
        "pruned-less-than-said": pruned(3, gone=2),
        "seal-of-the-future": log([*parts, {"fields": seal | {"last": 9, "files": [file]}}]),
    }


def _without_domain_byte() -> list[Line]:
    lines = log(entries())
    chain = sha256(ORIGIN.encode()).digest()
    for line in lines:
        chain = sha256(chain + sha256(b"\x00" + line["record"].encode()).digest()).digest()
        line["chain"] = chain.hex()
    return lines


def make(folder: Path) -> None:
    """Write all vectors under `folder`."""
    for kind, records in (("valid", RECORDS_VALID), ("invalid", RECORDS_INVALID)):
        (folder / "records" / kind).mkdir(parents=True, exist_ok=True)
        for name, data in records.items():
            (folder / "records" / kind / f"{name}.json").write_bytes(data)
    for kind, logs in (("valid", logs_valid()), ("invalid", logs_invalid())):
        (folder / "logs" / kind).mkdir(parents=True, exist_ok=True)
        for name, lines in logs.items():
            text = "".join(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines)
            (folder / "logs" / kind / f"{name}.jsonl").write_text(text, encoding="utf-8")
    for script in ("make_published.py", "make_shredded.py"):
        runpy.run_path(str(Path(__file__).with_name(script)))["make"](folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
