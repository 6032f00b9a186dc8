# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Make the vectors of sealed facts and payloads; `make_vectors.py` runs this. It uses nothing of the package.

`segments/` holds one log each that sealed one segment: its entries, and the rows of the facts and payloads
files as they are found, if they were not pruned. Parquet's bytes differ by who writes them, so a file's
`sha256` and `bytes` stand for what its bytes are found to be; here they are those of its rows as JSON.
`payloads/` holds an encrypted payload each, with the key of its subject.
"""

import copy
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ORIGIN = "acme.example/test/r/1"
START = 1_700_000_000_000_000
ANN, BOB = "0a" * 16, "0b" * 16
SPAN = "000000000000-000000000004.parquet"
FACTS, PAYLOADS, ENTRIES = f"facts/{'0' * 16}/{SPAN}", f"payloads/{SPAN}", f"entries/{SPAN}"
Rows = list[dict[str, Any]]
Vector = dict[str, Any]


def canonical(value: Any) -> bytes:
    """Return canonical JSON of a value known to be of the subset."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def salt_of(seq: int) -> bytes:
    """Return the fixed salt of an entry."""
    return bytes([seq]) * 32


def facts_rows() -> Rows:
    """Return the facts of entries 1 to 4, those of 1 and 3 about Ann."""
    rows = []
    for seq in range(1, 5):
        facts = {"reason": f"note {seq}", "subject": ANN if seq in (1, 3) else BOB, "values": {}}
        rows.append({"seq": seq, "salt": salt_of(seq).hex(), "facts": canonical(facts).decode()})
    return rows


def payload_rows() -> Rows:
    """Return the payloads of entries 1 and 2."""
    return [
        {"seq": seq, "subject": who, "salt": salt_of(seq + 8).hex(), "ciphertext": (bytes([seq]) * 40).hex()}
        for seq, who in ((1, ANN), (2, BOB))
    ]


def blanked(rows: Rows, *seqs: int) -> Rows:
    """Return rows of which some are blank."""
    return [{"seq": row["seq"]} if row["seq"] in seqs else row for row in rows]


def file_of(rows: Rows) -> dict[str, Any]:
    """Return a file of these rows as it is found."""
    data = canonical(rows)
    return {"sha256": sha256(data).hexdigest(), "bytes": len(data), "rows": rows}


def segment(
    facts: list[Rows],
    blanks: list[int],
    *,
    found: Rows | None = None,
    payloads: Rows | None = None,
    change: Callable[[list[dict[str, Any]]], None] | None = None,
) -> Vector:
    """Return a log whose facts file was first `facts[0]`, then rewritten as each that follows.

    `blanks` is what each shred entry says; `found` is the file there is, if not the last. `change` gets the
    entries' fields before they are chained.
    """
    fields: list[dict[str, Any]] = [{"format": 1, "kind": "genesis", "origin": ORIGIN, "ts": START}]
    for row in facts_rows():
        commit = sha256(b"\x03" + bytes.fromhex(row["salt"]) + row["facts"].encode()).hexdigest()
        fields.append({"facts_commit": commit, "id": f"d-{row['seq']}", "kind": "decision", "ts": START + 1})
    for row in payload_rows():
        digest = sha256(bytes.fromhex(row["ciphertext"])).digest()
        commit = sha256(b"\x04" + bytes.fromhex(row["salt"]) + digest).hexdigest()
        fields[row["seq"]] |= {"payload_commit": commit, "payload_key_commit": "cd" * 32}
    kept = file_of(payload_rows() if payloads is None else payloads)
    sealed: list[tuple[str, dict[str, Any], int, int]] = [
        (ENTRIES, {"sha256": "ab" * 32, "bytes": 1, "rows": fields}, 0, 4)
    ]
    sealed += [(FACTS, file_of(facts[0]), 1, 4), (PAYLOADS, kept, 1, 2)]
    files = [
        {"path": path, "sha256": file["sha256"], "bytes": file["bytes"], "rows": len(file["rows"])}
        | {"first": first, "last": last}
        for path, file, first, last in sealed
    ]
    fields.append({"files": files, "first": 0, "kind": "seal", "last": 4, "ts": START + 2})
    for old, new, count in zip(facts, facts[1:], blanks, strict=False):
        before, after = file_of(old), file_of(new)
        entry = {"kind": "shred", "event": "file", "erasure": "ee" * 16, "path": FACTS, "ts": START + 3}
        entry |= {"old": before["sha256"], "new": after["sha256"], "bytes": after["bytes"], "blanks": count}
        fields.append(entry)
    if blanks:
        end = {"kind": "shred", "event": "keys", "erasure": "ee" * 16, "destroyed": 1, "ts": START + 3}
        fields.append(end)
    if change is not None:
        change(fields)
    last = file_of(facts[-1] if found is None else found)
    return {"entries": chained(fields), "files": {FACTS: last, PAYLOADS: kept}}


def pruned(vector: Vector, named: dict[str, Rows], *, gone: bool = True, at: int | None = None) -> Vector:
    """Return a segment with a prune entry, at the end or as entry `at`, that names files with these rows.

    `gone` says whether they are.
    """
    fields = [json.loads(line["record"]) for line in vector["entries"]]
    prune = {"kind": "prune", "format": 1, "origin": ORIGIN, "before": 0, "by": "os:tester", "ts": START + 3}
    files = [{"path": path, "sha256": file_of(rows)["sha256"]} for path, rows in named.items()]
    place = len(fields) if at is None else at
    fields.insert(place, prune | {"chain": sha256(ORIGIN.encode()).hexdigest(), "files": files})
    left = {path: file for path, file in vector["files"].items() if not gone or path not in named}
    return {"entries": chained(fields), "files": left}


def chained(fields: list[dict[str, Any]]) -> Rows:
    """Return the entries with their chain values; the seal entry gets that of the segment's end."""
    chain = sha256(ORIGIN.encode()).digest()
    lines: Rows = []
    for seq, each in enumerate(fields):
        if each["kind"] == "seal":
            each["chain"] = lines[each["last"]]["chain"]
        record = canonical(each)
        chain = sha256(b"\x02" + chain + sha256(b"\x00" + record).digest()).digest()
        lines.append({"seq": seq, "record": record.decode(), "chain": chain.hex()})
    return lines


def segments_valid() -> dict[str, Vector]:
    """Return segments that must verify."""
    whole, once, twice = facts_rows(), blanked(facts_rows(), 1), blanked(facts_rows(), 1, 3)
    again = segment([whole, twice, twice], [2, 2], change=lambda fields: repeat(fields, whole))
    return {
        "nothing-erased": segment([whole], []),
        "shredded": segment([whole, twice], [2]),
        "shredded-twice": segment([whole, once, twice], [1, 2]),
        "shred-logged-again": again,
        "pruned": pruned(segment([whole], []), {FACTS: whole, PAYLOADS: payload_rows()}),
        "pruned-after-erasure": pruned(segment([whole, twice], [2]), {FACTS: twice}),
        "erased-when-a-hold-kept-it": pruned(segment([whole, twice], [2]), {FACTS: whole}, gone=False, at=6),
    }


def repeat(fields: list[dict[str, Any]], whole: Rows) -> None:
    """Have the first of two shred entries give another digest: what a crash made void."""
    fields[6]["new"] = "ef" * 32
    fields[7]["old"] = file_of(whole)["sha256"]


def segments_invalid() -> dict[str, Vector]:
    """Return segments that must not, by defect."""
    whole, once, twice = facts_rows(), blanked(facts_rows(), 1), blanked(facts_rows(), 1, 3)
    salted = [row | {"salt": salt_of(1).hex()} if row["seq"] == 1 else row for row in once]
    texted = [row | {"facts": facts_rows()[0]["facts"]} if row["seq"] == 1 else row for row in once]
    other = copy.deepcopy(once)
    other[1]["facts"] = other[1]["facts"].replace("note", "vote")
    rows = payload_rows()
    changed = [rows[0] | {"ciphertext": "00" + rows[0]["ciphertext"][2:]}, rows[1]]

    def shred(**values: Any) -> Callable[[list[dict[str, Any]]], None]:
        return lambda fields: fields[6].update(values)

    def decision(**values: Any) -> Callable[[list[dict[str, Any]]], None]:
        return lambda fields: fields[1].update(values)

    return {
        "blank-without-shred": segment([once], []),
        "blank-too-many": segment([whole, twice], [1]),
        "blank-too-few": segment([whole, once], [2]),
        "blanks-zero": segment([whole, whole], [0]),
        "blanks-fewer-than-before": segment([whole, twice, once], [2, 1]),
        "blanks-more-than-rows": segment([whole, once], [5]),
        "old-file-put-back": segment([whole, once], [1], found=whole),
        "another-file-put-there": segment([whole, once], [1], found=twice),
        "row-removed-instead": segment([whole, whole[1:]], [1]),
        "blank-row-keeps-its-salt": segment([whole, salted], [1]),
        "blank-row-keeps-its-facts": segment([whole, texted], [1]),
        "other-row-changed": segment([whole, other], [1]),
        "shred-old-digest-unknown": segment([whole, once], [1], change=shred(old="ef" * 32)),
        "shred-digest-not-hex": segment([whole, once], [1], change=shred(new="x")),
        "shred-of-the-entries": segment([whole, once], [1], change=shred(path=ENTRIES)),
        "shred-of-another-event": segment([whole, once], [1], change=shred(event="row")),
        "shred-without-erasure": segment([whole, once], [1], change=shred(erasure=1)),
        "keys-without-number": segment([whole, once], [1], change=lambda fields: fields[7].pop("destroyed")),
        "pruned-by-the-digest-before-erasure": pruned(segment([whole, once], [1]), {FACTS: whole}),
        "another-file-is-missing": pruned(segment([whole], []), {FACTS: whole}) | {"files": {}},
        "payload-changed": segment([whole], [], payloads=changed),
        "payload-salt-changed": segment(
            [whole], [], payloads=[rows[0] | {"salt": salt_of(2).hex()}, rows[1]]
        ),
        "payload-missing": segment([whole], [], payloads=rows[:1]),
        "payload-surplus": segment([whole], [], payloads=[*rows, rows[1] | {"seq": 3}]),
        "payload-commit-not-hex": segment([whole], [], change=decision(payload_commit="AB" * 32)),
        "payload-commit-alone": segment(
            [whole], [], change=lambda fields: fields[1].pop("payload_key_commit")
        ),
    }


def payload(**changes: Any) -> Vector:
    """Return an encrypted payload; `changes` are of what is told of it, not of what was encrypted."""
    key, salt, origin, call = bytes(range(32)), bytes(range(32, 64)), ORIGIN, "d-1"
    request, response = b"what was asked", b"what was answered"
    plain = b"\x02" + len(request).to_bytes(4, "big") + request + response
    both = HKDF(SHA256(), 64, salt, b"ombud/v1 payload").derive(key)
    ciphertext = AESGCM(both[:32]).encrypt(bytes(12), plain, origin.encode() + call.encode())
    told = {
        "subject_key": key.hex(),
        "salt": salt.hex(),
        "origin": origin,
        "id": call,
        "ciphertext": ciphertext.hex(),
        "payload_commit": sha256(b"\x04" + salt + sha256(ciphertext).digest()).hexdigest(),
        "payload_key_commit": both[32:].hex(),
        "request": request.hex(),
        "response": response.hex(),
    }
    return told | changes


def payloads_invalid() -> dict[str, Vector]:
    """Return payloads that must not open, by defect."""
    good = payload()
    return {
        "ciphertext-changed": payload(ciphertext="00" + good["ciphertext"][2:]),
        "tag-cut-off": payload(ciphertext=good["ciphertext"][:-32]),
        "commitment-changed": payload(payload_commit="ab" * 32),
        "key-commitment-changed": payload(payload_key_commit="ab" * 32),
        "of-another-call": payload(id="d-2"),
        "of-another-log": payload(origin="acme.example/test/r/2"),
        "under-another-key": payload(subject_key="ab" * 32),
        "with-another-salt": payload(salt="ab" * 32),
        "another-response": payload(response="00"),
    }


def make(folder: Path) -> None:
    """Write these vectors under `folder`."""
    for kind, valid, invalid in (
        ("segments", segments_valid(), segments_invalid()),
        ("payloads", {"request-and-response": payload()}, payloads_invalid()),
    ):
        for name, vectors in (("valid", valid), ("invalid", invalid)):
            (folder / kind / name).mkdir(parents=True, exist_ok=True)
            for file, vector in vectors.items():
                text = json.dumps(vector, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
                (folder / kind / name / f"{file}.json").write_text(text, encoding="utf-8")
