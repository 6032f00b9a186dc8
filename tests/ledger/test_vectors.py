# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The vectors: made again they are the same; both verifiers agree on every one of them."""

import base64
import json
import re
import runpy
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest

from ledger import samples, second_verifier, witnessed
from ombud_ledger import LedgerError, LedgerUnreadable, NotProven, Payload, canonical
from ombud_ledger.check_payloads import check_payloads
from ombud_ledger.follow import Follower, check_facts
from ombud_ledger.hashing import leaf_hash, payload_commit
from ombud_ledger.hot import PayloadRow
from ombud_ledger.pruned import gone_by, prune_of
from ombud_ledger.said import Said
from ombud_ledger.shapes import Shapes
from ombud_ledger.shreds import check_shreds, standing
from ombud_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ombud_ledger.tlog.cosignature import cosign, demand_quorum
from ombud_ledger.tlog.merkle import fold, prove_inclusion, root_of, verify_consistency, verify_inclusion
from ombud_ledger.tlog.note import COSIGNATURE, parse_note, parse_vkey
from ombud_ledger.tlog.receipt import Receipt, parse_receipt
from ombud_ledger.tlog.tiles import Edge, parse_path, split_tile, tiles_of
from ombud_ledger.tlog.witness import Witness
from ombud_ledger.tlog.witness_memory import Seen, WitnessMemory
from ombud_ledger.vault.payload import decode
from ombud_ledger.vault.sealing import decrypt_payload, payload_keys

ROOM = Path(__file__).parents[2] / "ledger"
VECTORS = ROOM / "vectors"
RECORDS = sorted(VECTORS.glob("records/*/*.json"))
LOGS = sorted(VECTORS.glob("logs/*/*.jsonl"))
KINDS = (
    "segments",
    "payloads",
    "notes",
    "checkpoints",
    "cosignatures",
    "requests",
    "receipts",
    "proofs",
    "tiles",
    "paths",
)
PUBLISHED = sorted(path for kind in KINDS for path in VECTORS.glob(f"{kind}/*/*"))
VKEYS = (VECTORS / "vkeys.txt").read_text().split()
WITNESS_VKEYS = (VECTORS / "witness-vkeys.txt").read_text().split()
REMEMBERED = Seen(5, root_of([leaf_hash(b"entry %d" % number) for number in range(5)]))
"""What the witness that gets the requests saw last."""


def ours(path: Path) -> None:
    """Check a vector with the package."""
    if path in PUBLISHED:
        OURS[path.parent.parent.name](path.read_bytes())
        return
    if path.suffix == ".json":
        canonical.parse(path.read_bytes(), limit=canonical.MAX_RECORD)
        return
    lines = read_lines(path)
    follower = Follower()
    if lines[0]["seq"]:
        told = [(line["seq"], json.loads(line["record"])) for line in reversed(lines)]
        pruned = gone_by(prune_of(seq, fields) for seq, fields in told if fields.get("kind") == "prune")
        follower = Follower(size=pruned.before, head=bytes.fromhex(pruned.chain))
    shapes = Shapes(canonical.MAX_FACTS)
    for line in lines:
        record, chain = line["record"].encode(), bytes.fromhex(line["chain"])
        fields = follower.follow(line["seq"], record, chain)
        salt = bytes.fromhex(line["salt"]) if "salt" in line else None
        facts = line["facts"].encode() if "facts" in line else None
        check_facts(shapes, line["seq"], fields.get("facts_commit"), salt, facts)


def theirs(path: Path) -> None:
    """Check a vector with the second verifier."""
    if path in PUBLISHED:
        THEIRS[path.parent.parent.name](path.read_bytes())
        return
    if path.suffix == ".json":
        second_verifier.read(path.read_bytes(), 16_384)
    else:
        second_verifier.check_log(read_lines(path))


def our_proof(data: bytes) -> None:
    """Check a proof with the package."""
    vector = json.loads(data)
    proof = [bytes.fromhex(each) for each in vector["proof"]]
    if vector["kind"] == "inclusion":
        leaf, root = bytes.fromhex(vector["leaf"]), bytes.fromhex(vector["root"])
        verify_inclusion(leaf, vector["index"], vector["size"], proof, root)
    else:
        old_root, new_root = bytes.fromhex(vector["old_root"]), bytes.fromhex(vector["new_root"])
        verify_consistency(vector["old"], old_root, vector["new"], new_root, proof)


def our_tiles(data: bytes) -> None:
    """Check all tiles of a tree with the package."""
    vector = json.loads(data)
    tiles = {parse_path(path): base64.b64decode(tile) for path, tile in vector["tiles"].items()}
    if set(tiles) != set(tiles_of(vector["size"])):
        raise LedgerUnreadable("not the tiles of that size")
    hashes = {tile: split_tile(content) for tile, content in tiles.items()}
    edge = Edge()
    leaves = [each for tile in sorted(tiles) if tile.level == 0 for each in hashes[tile]]
    made = [*edge.extend(leaves), *edge.partial()]
    if edge.root().hex() != vector["root"] or dict(made) != tiles:
        raise NotProven("other hashes, or another root")


def our_cosignature(data: bytes) -> None:
    """Check a cosigned checkpoint with the package."""
    signed = parse_checkpoint(data)
    signed.verify(map(parse_vkey, VKEYS))
    demand_quorum(signed.note, [parse_vkey(vkey, kind=COSIGNATURE) for vkey in WITNESS_VKEYS], 1)


def our_request(data: bytes) -> None:
    """Ask a witness of the package."""
    with TemporaryDirectory() as folder, closing(WitnessMemory(Path(folder))) as memory:
        assert memory.advance(samples.ORIGIN, Seen(), REMEMBERED)
        witness = Witness(memory, [witnessed.KEY], [parse_vkey(vkey) for vkey in VKEYS], lambda: 0)
        answer = witness.add_checkpoint(data)
        if answer.status != HTTPStatus.OK:
            assert memory.seen(samples.ORIGIN) == REMEMBERED
            raise NotProven(answer.body.decode())


def our_segment(data: bytes) -> None:
    """Check sealed facts and payloads with the package."""
    vector = json.loads(data)
    follower, said = Follower(), Said()
    records = [
        follower.follow(line["seq"], line["record"].encode(), bytes.fromhex(line["chain"]))
        for line in vector["entries"]
    ]
    for seq, fields in reversed(list(enumerate(records))):
        said.take(seq, fields)
    shapes = Shapes(canonical.MAX_FACTS)
    for path, found in vector["files"].items():
        seal, shreds = said.seals[path], said.shreds.get(path, [])
        stands = standing(seal, shreds, found["sha256"], found["bytes"])
        if stands is None or not stands.carried_out:
            raise NotProven("not the newest file")
        rows = [
            {key: row.get(key) for key in ("seq", "subject", "salt", "facts", "ciphertext")}
            for row in found["rows"]
        ]
        if path.startswith("payloads/"):
            check_payloads(
                [
                    PayloadRow(
                        row["seq"],
                        row["subject"],
                        bytes.fromhex(row["salt"]),
                        bytes.fromhex(row["ciphertext"]),
                    )
                    for row in rows
                ],
                follower.payloads,
            )
            continue
        check_shreds(seal, shreds)
        commits = follower.commits[""]
        if [row["seq"] for row in rows] != list(commits):
            raise NotProven("rows")
        held = [row for row in rows if (row["salt"], row["facts"]) != (None, None)]
        if len(rows) - len(held) != stands.blanks:
            raise NotProven("blank rows")
        for row in held:
            salt = None if row["salt"] is None else bytes.fromhex(row["salt"])
            text = None if row["facts"] is None else row["facts"].encode()
            check_facts(shapes, row["seq"], commits[row["seq"]], salt, text)


def our_payload(data: bytes) -> None:
    """Open an encrypted payload with the package."""
    vector = json.loads(data)
    hexed = (
        "subject_key",
        "salt",
        "ciphertext",
        "payload_commit",
        "payload_key_commit",
        "request",
        "response",
    )
    key, salt, ciphertext, commit, key_commit, request, response = (
        bytes.fromhex(vector[name]) for name in hexed
    )
    made, made_commit = payload_keys(key, salt)
    if payload_commit(salt, ciphertext) != commit or made_commit != key_commit:
        raise NotProven("commitments")
    plain = decrypt_payload(made, ciphertext, vector["origin"], vector["id"])
    if decode(None, plain) != Payload(None, request, response):
        raise NotProven("plaintext")


OURS: dict[str, Callable[[bytes], object]] = {
    "segments": our_segment,
    "payloads": our_payload,
    "notes": lambda data: parse_note(data).verify(map(parse_vkey, VKEYS)),
    "checkpoints": lambda data: parse_checkpoint(data).verify(map(parse_vkey, VKEYS)),
    "cosignatures": our_cosignature,
    "requests": our_request,
    "receipts": lambda data: parse_receipt(data).verify(map(parse_vkey, VKEYS)),
    "proofs": our_proof,
    "tiles": our_tiles,
    "paths": lambda data: parse_path(data.decode()),
}
THEIRS: dict[str, Callable[[bytes], object]] = {
    "segments": lambda data: second_verifier.check_segment(json.loads(data)),
    "payloads": lambda data: second_verifier.check_payload(json.loads(data)),
    "notes": lambda data: second_verifier.check_note(data, VKEYS),
    "checkpoints": lambda data: second_verifier.check_checkpoint(data, VKEYS),
    "cosignatures": lambda data: second_verifier.check_cosigned(data, VKEYS, WITNESS_VKEYS),
    "requests": lambda data: second_verifier.check_request(data, VKEYS, *REMEMBERED),
    "receipts": lambda data: second_verifier.check_receipt(data, VKEYS),
    "proofs": lambda data: second_verifier.check_proof(json.loads(data)),
    "tiles": lambda data: second_verifier.check_tiles(json.loads(data)),
    "paths": lambda data: second_verifier.check_path(data.decode()),
}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log vector."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_made_again_they_are_the_same(tmp_path: Path) -> None:
    """The script gives exactly the committed files."""
    make: Callable[[Path], None] = runpy.run_path(str(VECTORS / "make_vectors.py"))["make"]
    make(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    committed = [*RECORDS, *LOGS, *PUBLISHED, VECTORS / "vkeys.txt", VECTORS / "witness-vkeys.txt"]
    assert made == {path.relative_to(VECTORS): path.read_bytes() for path in committed}
    assert len(made) > 250


@pytest.mark.parametrize(
    "path",
    [*RECORDS, *LOGS, *PUBLISHED],
    ids=lambda path: f"{path.parent.parent.name}-{path.parent.name}-{path.stem}",
)
def test_both_verifiers_agree(path: Path) -> None:
    """Valid vectors pass both verifiers; invalid ones fail both."""
    if path.parent.name == "valid":
        ours(path)
        theirs(path)
        return
    with pytest.raises((LedgerError, ValueError) if path.parent.parent.name == "paths" else LedgerError):
        ours(path)
    with pytest.raises(second_verifier.Rejected):
        theirs(path)


def test_second_verifier_reads_a_real_ledger(tmp_path: Path) -> None:
    """What the package writes, sealed and read through stock DuckDB, passes the second verifier."""
    ledger = samples.open_log(tmp_path)
    samples.fill(ledger, 40)
    head = ledger.head.chain
    ledger.seal_blocking()
    ledger.close()
    log = tmp_path / "logs/r-0"
    with closing(duckdb.connect()) as db:
        rows = db.execute(
            "SELECT seq, record, hex(e.chain), hex(salt), facts FROM read_parquet(?) e"
            " LEFT JOIN read_parquet(?, union_by_name = true) f USING (seq) ORDER BY seq",
            [f"{log}/entries/*.parquet", f"{log}/facts/*/*.parquet"],
        ).fetchall()
    lines = []
    for seq, record, chain, salt, facts in rows:
        held = {} if facts is None else {"salt": salt.lower(), "facts": facts}
        lines.append({"seq": seq, "record": record, "chain": chain.lower(), **held})
    assert head == second_verifier.check_log(lines)
    assert len(lines) == 41


def test_the_worked_example() -> None:
    """Every hash, record, checkpoint and receipt in FORMAT.md's example is that of the vector it names."""
    text = (ROOM / "FORMAT.md").read_text(encoding="utf-8")
    lines = read_lines(VECTORS / "logs/valid/five-entries.jsonl")
    example = text[text.index("## A worked example") : text.index("## Record")]
    for line in lines[:2]:
        assert line["record"] in example
        assert line["chain"] in example
    assert lines[1]["salt"] in example
    assert lines[1]["facts"] in example
    assert set(re.findall(r"\b[0-9a-f]{64}\b", example)) >= {line["chain"] for line in lines[:2]}
    # The tree, the checkpoint, the receipt: made again with the key that signs the vectors.
    assert VKEYS[0] in example
    leaves = [leaf_hash(line["record"].encode()) for line in lines]
    assert all(leaf.hex() in example for leaf in [*leaves, root_of(leaves)])
    checkpoint = sign_checkpoint(Checkpoint(samples.ORIGIN, 5, root_of(leaves)), [samples.KEY])
    assert f"```\n{checkpoint.decode()}```" in example
    proof = prove_inclusion(1, 5, lambda level, at: fold(leaves[at << level : (at + 1) << level]))
    receipt = Receipt(1, tuple(proof), checkpoint, lines[1]["record"].encode())
    receipt.verify([samples.KEY.key])
    head = receipt.to_bytes().decode().partition("\n\n")[0]
    assert f"```\n{head}\n```" in example
    # The same checkpoint, cosigned.
    text = parse_checkpoint(checkpoint).note.text
    cosignature = cosign(text, witnessed.KEY, witnessed.NOON)
    cosigned = (ROOM / "FORMAT.md").read_text(encoding="utf-8").partition("## Cosignatures")[2]
    assert [str(witnessed.KEY.key)] == WITNESS_VKEYS
    assert WITNESS_VKEYS[0] in cosigned
    assert f"```\n{checkpoint.decode()}{cosignature}```" in cosigned


def test_format_names_every_kind_and_column() -> None:
    """FORMAT.md lists each kind, and each projected column in order, word for word as it is declared."""
    from ombud_ledger.columns import COLUMNS
    from ombud_ledger.kinds import KINDS

    text = (ROOM / "FORMAT.md").read_text(encoding="utf-8")
    assert {name for name in KINDS | {column.name for column in COLUMNS} if f"`{name}`" not in text} == set()
    listed = re.findall(r"^\| `(\w+)` \| (\S+) \| `([a-z_.]+)` \| (.+) \|$", text, re.MULTILINE)
    assert [(each.name, each.type, ".".join(each.path), each.about) for each in COLUMNS] == listed
