# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Make the test vectors of what a log publishes (FORMAT.md, "Merkle tree" and on).

Uses hashlib and Ed25519 alone. `vkeys.txt` is the one log's key that verifiers know, `witness-vkeys.txt` the
one witness's. `notes/` and `checkpoints/` hold signed notes, `cosignatures/` checkpoints that it must have
cosigned, `requests/` what it is asked when it remembers the first five entries, `receipts/` tlog-proofs with
their record, `proofs/` inclusion and consistency proofs in JSON, `tiles/` all tiles of a tree in JSON,
`paths/` paths of tiles.
"""

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "acme.example/test/r/1"
RECORDS = [f"entry {number}".encode() for number in range(257)]
LEAVES = [sha256(b"\x00" + record).digest() for record in RECORDS]
Json = dict[str, Any]


class Key:
    """An Ed25519 key from a fixed seed, under a name."""

    def __init__(self, name: str, first: int, kind: int = 1) -> None:
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(bytes(range(first, first + 32)))
        self.material = bytes([kind]) + self._key.public_key().public_bytes_raw()
        self.id = sha256(name.encode() + b"\n" + self.material).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{b64(self.material)}"

    def line(self, text: str, key_id: bytes | None = None) -> str:
        """Return the signature line of a text."""
        blob = (self.id if key_id is None else key_id) + self._key.sign(text.encode())
        return f"— {self.name} {b64(blob)}\n"

    def cosign(self, text: str, time: int = 1_700_000_000, *, said: int | None = None) -> str:
        """Return the cosignature line of a text, signed for a time and saying another if that is given."""
        signature = self._key.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        blob = (time if said is None else said).to_bytes(8, "big") + signature
        return f"— {self.name} {b64(self.id + blob)}\n"


def b64(data: bytes) -> str:
    """Return standard base64."""
    return base64.b64encode(data).decode()


LOG = Key(ORIGIN, 0)
OTHER = Key("witness.example/w1", 32)
WITNESS = Key("witness.example/w1", 32, 4)
NAMESAKE = Key(ORIGIN, 0, 4)


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def mth(leaves: list[bytes]) -> bytes:
    """Return MTH of RFC 6962 section 2.1, as it is defined there."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    split = largest_below(len(leaves))
    return node(mth(leaves[:split]), mth(leaves[split:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """Return PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = largest_below(len(leaves))
    if index < split:
        return [*path(index, leaves[:split]), mth(leaves[split:])]
    return [*path(index - split, leaves[split:]), mth(leaves[:split])]


def subproof(old: int, leaves: list[bytes], *, known: bool = True) -> list[bytes]:
    """Return SUBPROOF of RFC 6962 section 2.1.2."""
    if old == len(leaves):
        return [] if known else [mth(leaves)]
    split = largest_below(len(leaves))
    if old <= split:
        return [*subproof(old, leaves[:split], known=known), mth(leaves[split:])]
    return [*subproof(old - split, leaves[split:], known=False), mth(leaves[:split])]


def largest_below(count: int) -> int:
    """Return the largest power of two smaller than `count`."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def text_of(size: int, *, origin: str = ORIGIN, root: bytes | None = None) -> str:
    """Return a checkpoint's text."""
    return f"{origin}\n{size}\n{b64(mth(LEAVES[:size]) if root is None else root)}\n"


def signed(text: str, *keys: Key) -> bytes:
    """Return a note signed by the log, or by those named."""
    return (text + "\n" + "".join(key.line(text) for key in keys or (LOG,))).encode()


TEXT = text_of(8)
GOOD = signed(TEXT)
FORGED = f"— {ORIGIN} {b64(LOG.id + bytes(64))}\n"


def notes_valid() -> dict[str, bytes]:
    """Return notes that must verify."""
    return {
        "one-signature": signed("text\n"),
        "blank-lines-in-the-text": signed("text\n\n\nmore\n"),
        "unicode": signed("Zoë 龍\n"),
        "unknown-key-first": signed("text\n", OTHER, LOG),
        "unknown-id-of-a-known-name": signed("text\n") + LOG.line("other\n", b"\x00\x00\x00\x01").encode(),
        "known-id-of-an-unknown-name": signed("text\n") + f"— b.example {b64(LOG.id + bytes(64))}\n".encode(),
        "unknown-key-with-a-long-signature": signed("text\n") + f"— b.example {b64(bytes(5_000))}\n".encode(),
        "same-line-twice": signed("text\n", LOG, LOG),
        "sixteen-signatures": signed("text\n", *[OTHER] * 15, LOG),
    }


def notes_invalid() -> dict[str, bytes]:
    """Return notes that must not, by defect."""
    good = signed("text\n")
    line = LOG.line("text\n")
    blob = line.split(" ")[2].strip()
    return {
        "empty": b"",
        "no-signature": b"text\n\n",
        "no-blank-line": good.replace(b"\n\n", b"\n"),
        "no-final-newline": good[:-1],
        "trailing-newline": good + b"\n",
        "trailing-bytes": good + b"x",
        "trailing-space": good[:-1] + b" \n",
        "ascii-dash": good.replace("—".encode(), b"-"),
        "en-dash": good.replace("—".encode(), "–".encode()),
        "space-missing-after-the-dash": good.replace("— ".encode(), "—".encode()),
        "two-spaces-before-the-signature": good.replace(f"{ORIGIN} ".encode(), f"{ORIGIN}  ".encode()),
        "carriage-return": good.replace(b"\n", b"\r\n"),
        "control-character": signed("te\x01xt\n"),
        "tab": signed("te\txt\n"),
        "not-utf8": b"\xff" + good,
        "base64-unpadded": good.replace(b"==\n", b"\n").replace(b"=\n", b"\n"),
        "base64-url-alphabet": f"text\n\n— {ORIGIN} {'-_' + blob[2:]}\n".encode(),
        "base64-loose-bits": _loose(good),
        "name-empty": b"text\n\n" + f"—  {blob}\n".encode(),
        "name-with-plus": b"text\n\n" + f"— a+b {blob}\n".encode(),
        "name-with-no-break-space": b"text\n\n" + f"— a\u00a0b {blob}\n".encode(),
        "signature-of-no-bytes": f"text\n\n— {ORIGIN} {b64(LOG.id)}\n".encode(),
        "signature-too-short": f"text\n\n— {ORIGIN} {b64(LOG.id + bytes(63))}\n".encode(),
        "signature-changed": f"text\n\n{FORGED}".encode(),
        "text-changed": good.replace(b"text", b"test"),
        "unknown-key-alone": signed("text\n", OTHER),
        "known-key-false-beside-true": good + FORGED.encode(),
        "known-key-true-beside-false": b"text\n\n" + FORGED.encode() + line.encode(),
        "key-id-changed": b"text\n\n" + LOG.line("text\n", b"\x00\x00\x00\x01").encode(),
        "signs-without-final-newline": b"text\n\n" + LOG.line("text").encode(),
        "signs-with-the-blank-line": b"text\n\n" + LOG.line("text\n\n").encode(),
        "thirty-three-signatures": signed("text\n", *[OTHER] * 32, LOG),
        "size-65537": signed("x" * (65_536 - len(good) + 5) + "\n"),
    }


def _loose(good: bytes) -> bytes:
    # 68 bytes of key ID and signature leave two loose bits in the last letter before the padding.
    head, tail = good[: good.rindex(b"=")], good[good.rindex(b"=") :]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return head[:-1] + bytes([alphabet[alphabet.index(head[-1:]) + 1]]) + tail


def checkpoints_valid() -> dict[str, bytes]:
    """Return checkpoints that must verify."""
    return {
        "size-8": GOOD,
        "size-0": signed(text_of(0)),
        "size-1": signed(text_of(1)),
        "size-257": signed(text_of(257)),
        "size-2-63-less-1": signed(text_of(2**63 - 1, root=bytes(32))),
        "witnessed": GOOD + OTHER.line(TEXT).encode(),
    }


def checkpoints_invalid() -> dict[str, bytes]:
    """Return checkpoints that must not, by defect. Each is properly signed but for what its name says."""
    root = b64(mth(LEAVES[:8]))
    return {
        "root-changed": GOOD.replace(root.encode(), b64(bytes(32)).encode()),
        "size-changed": GOOD.replace(b"\n8\n", b"\n9\n"),
        "origin-changed": GOOD.replace(b"acme", b"evil"),
        "origin-empty": signed(f"\n8\n{root}\n"),
        "origin-of-another": signed(text_of(8, origin="b.example"), LOG),
        "size-leading-zero": signed(f"{ORIGIN}\n08\n{root}\n"),
        "size-plus-sign": signed(f"{ORIGIN}\n+8\n{root}\n"),
        "size-negative": signed(f"{ORIGIN}\n-8\n{root}\n"),
        "size-empty": signed(f"{ORIGIN}\n\n{root}\n"),
        "size-hexadecimal": signed(f"{ORIGIN}\n0x8\n{root}\n"),
        "size-arabic-digit": signed(f"{ORIGIN}\n٨\n{root}\n"),
        "size-2-63": signed(f"{ORIGIN}\n{2**63}\n{root}\n"),
        "size-trailing-space": signed(f"{ORIGIN}\n8 \n{root}\n"),
        "empty-log-with-another-root": signed(f"{ORIGIN}\n0\n{root}\n"),
        "root-of-31-bytes": signed(f"{ORIGIN}\n8\n{b64(bytes(31))}\n"),
        "root-of-33-bytes": signed(f"{ORIGIN}\n8\n{b64(bytes(33))}\n"),
        "root-unpadded": signed(f"{ORIGIN}\n8\n{root.rstrip('=')}\n"),
        "root-loose-bits": signed(f"{ORIGIN}\n8\n{b64(bytes(32))[:-2]}B=\n"),
        "root-in-hex": signed(f"{ORIGIN}\n8\n{mth(LEAVES[:8]).hex()}\n"),
        "root-trailing-space": signed(f"{ORIGIN}\n8\n{root} \n"),
        "extension-line": signed(f"{ORIGIN}\n8\n{root}\nextension\n"),
        "extension-line-empty": signed(f"{ORIGIN}\n8\n{root}\n\n"),
        "two-lines": signed(f"{ORIGIN}\n8\n"),
        "signed-by-a-witness-alone": signed(TEXT, OTHER),
    }


def cosignatures_valid() -> dict[str, bytes]:
    """Return checkpoints that the log must have signed and the witness cosigned."""
    line = WITNESS.cosign(TEXT)
    return {
        "one": GOOD + line.encode(),
        "before-the-logs-line": f"{TEXT}\n{line}{LOG.line(TEXT)}".encode(),
        "two-times": GOOD + (line + WITNESS.cosign(TEXT, 1_800_000_000)).encode(),
        "beside-a-note-signature-of-that-name": GOOD + (OTHER.line(TEXT) + line).encode(),
        "time-2-63-less-1": GOOD + WITNESS.cosign(TEXT, 2**63 - 1).encode(),
    }


def cosignatures_invalid() -> dict[str, bytes]:
    """Return checkpoints that must not pass as cosigned, by defect."""
    line = WITNESS.cosign(TEXT)
    blob = base64.b64decode(line.split(" ")[2])
    return {
        "none": GOOD,
        "without-the-logs-line": f"{TEXT}\n{line}".encode(),
        "time-changed": GOOD + WITNESS.cosign(TEXT, said=1_700_000_001).encode(),
        "time-missing": GOOD + f"— {WITNESS.name} {b64(blob[:4] + blob[12:])}\n".encode(),
        "time-without-signature": GOOD + f"— {WITNESS.name} {b64(blob[:12])}\n".encode(),
        "signature-changed": GOOD + f"— {WITNESS.name} {b64(blob[:12] + bytes(64))}\n".encode(),
        "trailing-byte": GOOD + f"— {WITNESS.name} {b64(blob + bytes(1))}\n".encode(),
        "of-another-size": GOOD + WITNESS.cosign(text_of(7)).encode(),
        "note-signature-of-the-witness": GOOD + OTHER.line(TEXT).encode(),
        "note-signature-under-its-key-id": GOOD + OTHER.line(TEXT, WITNESS.id).encode(),
        "of-the-log-as-witness": GOOD + NAMESAKE.cosign(TEXT).encode(),
        "false-beside-true": GOOD + (line + WITNESS.cosign(TEXT, said=1)).encode(),
    }


def request(old: int, note: bytes, proof: list[bytes] | None = None, *, first: str | None = None) -> bytes:
    """Return an add-checkpoint request, with the right proof to size 8 if none is given."""
    hashes = (subproof(old, LEAVES[:8]) if old else []) if proof is None else proof
    lines = [f"old {old}" if first is None else first, *map(b64, hashes)]
    return "\n".join([*lines, "\n"]).encode() + note


def requests_valid() -> dict[str, bytes]:
    """Return requests that the witness must grant."""
    return {
        "from-5-to-8": request(5, GOOD),
        "from-5-to-5": request(5, signed(text_of(5)), []),
        "from-5-to-257": request(5, signed(text_of(257)), subproof(5, LEAVES)),
        "cosigned-already": request(5, GOOD + WITNESS.cosign(TEXT).encode()),
    }


def requests_invalid() -> dict[str, bytes]:
    """Return requests that it must not grant, by defect."""
    good = request(5, GOOD)
    return {
        "empty": b"",
        "blank-line-missing": good.replace(b"\n\n", b"\n", 1),
        "blank-line-twice": good.replace(b"\n\n", b"\n\n\n", 1),
        "carriage-return": good.replace(b"\n", b"\r\n"),
        "trailing-bytes": good + b"x",
        "old-missing": good.partition(b"\n")[2],
        "old-leading-zero": request(5, GOOD, first="old 05"),
        "old-negative": request(5, GOOD, first="old -5"),
        "old-of-another": request(4, GOOD),
        "old-of-nothing": request(0, GOOD),
        "old-past-the-size": request(5, GOOD, [], first="old 9"),
        "rollback": request(5, signed(text_of(4)), []),
        "fork-of-the-same-size": request(5, signed(text_of(5, root=bytes(32))), []),
        "fork": request(5, signed(text_of(8, root=mth([*LEAVES[:4], *LEAVES[5:9]])))),
        "proof-missing": request(5, GOOD, []),
        "proof-surplus": request(5, GOOD, [*subproof(5, LEAVES[:8]), bytes(32)]),
        "proof-of-64-hashes": request(5, GOOD, [bytes(32)] * 64),
        "proof-for-equal-sizes": request(5, signed(text_of(5)), [bytes(32)]),
        "hash-changed": request(5, GOOD, [bytes(32), *subproof(5, LEAVES[:8])[1:]]),
        "hash-of-31-bytes": request(5, GOOD, [bytes(31), *subproof(5, LEAVES[:8])[1:]]),
        "signed-by-another": request(5, signed(TEXT, OTHER)),
        "cosigned-alone": request(5, f"{TEXT}\n{WITNESS.cosign(TEXT)}".encode()),
        "log-unknown": request(5, signed(text_of(8, origin=OTHER.name), OTHER)),
        "extension-line": request(5, signed(f"{TEXT}extension\n")),
    }


def receipt(index: int, size: int, /, checkpoint: bytes = b"", **parts: Any) -> bytes:
    """Return a receipt with the parts named in place of the right ones."""
    hashes = [b64(each) for each in parts.get("proof", path(index, LEAVES[:size]))]
    lines = [
        parts.get("magic", "c2sp.org/tlog-proof@v1"),
        *parts.get("extra", [f"extra {b64(RECORDS[index])}"]),
        *parts.get("index", [f"index {index}"]),
        *hashes,
    ]
    end = parts.get("blank", "\n\n")
    return f"{chr(10).join(lines)}{end}".encode() + (checkpoint or signed(text_of(size)))


def receipts_valid() -> dict[str, bytes]:
    """Return receipts that must verify."""
    spans = ((0, 1), (0, 2), (1, 2), (5, 8), (2, 3), (256, 257), (0, 257), (100, 200))
    valid = {f"entry-{index}-of-{size}": receipt(index, size) for index, size in spans}
    return valid | {"witnessed": receipt(5, 8, checkpoint=GOOD + OTHER.line(TEXT).encode())}


def receipts_invalid() -> dict[str, bytes]:
    """Return receipts that must not, by defect."""
    good = receipt(5, 8)
    proof = path(5, LEAVES[:8])
    extra = [f"extra {b64(RECORDS[5])}"]
    return {
        "empty": b"",
        "version-unknown": receipt(5, 8, magic="c2sp.org/tlog-proof@v2"),
        "version-missing": good.partition(b"\n")[2],
        "record-changed": receipt(5, 8, extra=[f"extra {b64(b'entry 6')}"]),
        "record-missing": receipt(5, 8, extra=[]),
        "extra-not-base64": receipt(5, 8, extra=["extra !"]),
        "extra-twice": receipt(5, 8, extra=extra * 2),
        "extra-after-index": receipt(5, 8, extra=[], index=["index 5", *extra]),
        "index-missing": receipt(5, 8, index=[]),
        "index-of-another": receipt(5, 8, index=["index 4"]),
        "index-leading-zero": receipt(5, 8, index=["index 05"]),
        "index-negative": receipt(5, 8, index=["index -5"]),
        "index-past-the-end": receipt(5, 8, index=["index 8"]),
        "index-twice": receipt(5, 8, index=["index 5", "index 5"]),
        "hash-missing": receipt(5, 8, proof=proof[:-1]),
        "hash-surplus": receipt(5, 8, proof=[*proof, bytes(32)]),
        "hash-changed": receipt(5, 8, proof=[*proof[:-1], bytes(32)]),
        "hash-of-31-bytes": receipt(5, 8, proof=[proof[0][:31], *proof[1:]]),
        "hashes-swapped": receipt(5, 8, proof=[proof[1], proof[0], proof[2]]),
        "hashes-64": receipt(5, 8, proof=[bytes(32)] * 64),
        "blank-line-missing": receipt(5, 8, blank="\n"),
        "blank-line-twice": receipt(5, 8, blank="\n\n\n"),
        "carriage-return": good.replace(b"\n", b"\r\n"),
        "trailing-bytes": good + b"x",
        "trailing-newline": good + b"\n",
        "checkpoint-missing": good[: good.index(b"\n\n") + 2],
        "checkpoint-unsigned": receipt(5, 8, checkpoint=TEXT.encode()),
        "checkpoint-of-another-size": receipt(5, 8, checkpoint=signed(text_of(9))),
        "checkpoint-signed-by-another": receipt(5, 8, checkpoint=signed(TEXT, OTHER)),
    }


def inclusion(index: int, size: int, /, **parts: Any) -> Json:
    """Return an inclusion proof with the parts named in place of the right ones."""
    vector = {
        "kind": "inclusion",
        "leaf": LEAVES[index].hex(),
        "index": index,
        "size": size,
        "proof": [each.hex() for each in path(index, LEAVES[:size])],
        "root": mth(LEAVES[:size]).hex(),
    }
    return vector | parts


def consistency(old: int, new: int, /, **parts: Any) -> Json:
    """Return a consistency proof with the parts named in place of the right ones."""
    vector = {
        "kind": "consistency",
        "old": old,
        "old_root": mth(LEAVES[:old]).hex(),
        "new": new,
        "new_root": mth(LEAVES[:new]).hex(),
        "proof": [each.hex() for each in subproof(old, LEAVES[:new])] if old else [],
    }
    return vector | parts


def proofs_valid() -> dict[str, Json]:
    """Return proofs that must hold."""
    inclusions = ((0, 1), (0, 2), (1, 2), (2, 3), (5, 8), (6, 7), (255, 256), (256, 257), (77, 257))
    pairs = (
        (0, 0),
        (0, 5),
        (1, 1),
        (1, 2),
        (2, 3),
        (3, 7),
        (4, 8),
        (6, 8),
        (7, 8),
        (8, 8),
        (128, 257),
        (256, 257),
    )
    return {f"inclusion-{index}-of-{size}": inclusion(index, size) for index, size in inclusions} | {
        f"consistency-{old}-to-{new}": consistency(old, new) for old, new in (*pairs, (3, 257), (200, 201))
    }


def proofs_invalid() -> dict[str, Json]:
    """Return proofs that must not, by defect."""
    into, grown = inclusion(5, 8), consistency(3, 7)
    zero = "00" * 32
    short = into["proof"][0][:-2]
    return {
        "inclusion-leaf-of-another": inclusion(5, 8, leaf=LEAVES[4].hex()),
        "inclusion-index-of-another": inclusion(5, 8, index=4),
        "inclusion-index-past-the-end": inclusion(5, 8, index=8),
        "inclusion-in-the-empty-tree": inclusion(0, 1, size=0),
        "inclusion-size-of-another": inclusion(5, 8, size=9),
        "inclusion-root-changed": inclusion(5, 8, root=zero),
        "inclusion-hash-missing": inclusion(5, 8, proof=into["proof"][:-1]),
        "inclusion-hash-surplus": inclusion(5, 8, proof=[*into["proof"], zero]),
        "inclusion-hash-surplus-of-one": inclusion(0, 1, proof=[zero]),
        "inclusion-hash-of-31-bytes": inclusion(5, 8, proof=[short, *into["proof"][1:]]),
        "inclusion-hashes-swapped": inclusion(5, 8, proof=[into["proof"][at] for at in (1, 0, 2)]),
        "inclusion-empty-leaf-and-root": inclusion(0, 1, leaf="", root=""),
        "consistency-old-root-changed": consistency(3, 7, old_root=zero),
        "consistency-new-root-changed": consistency(3, 7, new_root=zero),
        "consistency-hash-missing": consistency(3, 7, proof=grown["proof"][:-1]),
        "consistency-hash-surplus": consistency(3, 7, proof=[*grown["proof"], zero]),
        "consistency-no-hashes": consistency(3, 7, proof=[]),
        "consistency-hash-of-31-bytes": consistency(3, 7, proof=[short, *grown["proof"][1:]]),
        "consistency-goes-back": consistency(3, 7, old=7, new=3),
        "consistency-fork": consistency(8, 8, new_root=zero),
        "consistency-same-size-with-a-hash": consistency(8, 8, proof=[zero]),
        "consistency-from-empty-with-a-hash": consistency(0, 5, proof=[zero]),
        "consistency-from-empty-with-another-root": consistency(0, 5, old_root=zero),
        "consistency-empty-roots": consistency(0, 0, old_root="", new_root=""),
        "consistency-whole-old-root-in-the-proof": consistency(
            4, 8, proof=[mth(LEAVES[:4]).hex(), *consistency(4, 8)["proof"]]
        ),
    }


def tree(size: int) -> Json:
    """Return all tiles of the tree of that size, and its root."""
    tiles, level, hashes = {}, 0, LEAVES[:size]
    while hashes:
        for number in range(0, len(hashes), 256):
            part = hashes[number : number + 256]
            name = f"tile/{level}/{number // 256:03d}" + (f".p/{len(part)}" if len(part) < 256 else "")
            tiles[name] = b64(b"".join(part))
        full = len(hashes) // 256
        hashes = [mth(hashes[at * 256 : (at + 1) * 256]) for at in range(full)]
        level += 1
    return {"size": size, "root": mth(LEAVES[:size]).hex(), "tiles": tiles}


def tiles_valid() -> dict[str, Json]:
    """Return trees whose tiles are right."""
    return {f"size-{size}": tree(size) for size in (0, 1, 2, 255, 256, 257)}


def tiles_invalid() -> dict[str, Json]:
    """Return trees whose tiles are not, by defect."""
    small, whole = tree(2), tree(257)
    two, leaf = small["tiles"], "tile/0/000.p/2"
    upper = "tile/1/000.p/1"
    partial_above = b64(base64.b64decode(whole["tiles"][upper]) + LEAVES[256])
    return {
        "hash-changed": small | {"tiles": {leaf: b64(LEAVES[0] + bytes(32))}},
        "hashes-swapped": small | {"tiles": {leaf: b64(LEAVES[1] + LEAVES[0])}},
        "tile-missing": whole | {"tiles": {k: v for k, v in whole["tiles"].items() if k != upper}},
        "tile-too-short": small | {"tiles": {leaf: b64(LEAVES[0])}},
        "tile-too-long": small | {"tiles": {leaf: b64(b"".join(LEAVES[:3]))}},
        "tile-not-of-hashes": small | {"tiles": {leaf: b64(b"".join(LEAVES[:2])[:-1])}},
        "tile-surplus": small | {"tiles": {**two, "tile/1/000.p/1": b64(bytes(32))}},
        "width-of-another": small | {"tiles": {"tile/0/000.p/3": two[leaf]}},
        "partial-hashed-upward": whole
        | {
            "tiles": {k: v for k, v in whole["tiles"].items() if k != upper}
            | {"tile/1/000.p/2": partial_above}
        },
        "parent-of-other-hashes": whole | {"tiles": whole["tiles"] | {upper: b64(bytes(32))}},
        "root-changed": small | {"root": "00" * 32},
        "size-changed": small | {"size": 3},
    }


PATHS_VALID = {
    "first": "tile/0/000",
    "partial": "tile/0/273.p/112",
    "deep": "tile/1/x001/x234/067",
    "thousand": "tile/7/x001/000.p/255",
    "entries": "tile/entries/x001/000.p/1",
}
PATHS_INVALID = {
    "empty": "",
    "leading-slash": "/tile/0/000",
    "trailing-slash": "tile/0/000/",
    "trailing-newline": "tile/0/000\n",
    "parent-folder": "tile/0/../000",
    "level-leading-zero": "tile/00/000",
    "level-8": "tile/8/000",
    "level-negative": "tile/-1/000",
    "level-of-height": "tile/8/0/000",
    "number-short": "tile/0/00",
    "number-long": "tile/0/0000",
    "number-needless-group": "tile/0/x000/001",
    "number-group-without-x": "tile/0/001/234",
    "number-last-group-with-x": "tile/0/x001/x234",
    "number-arabic-digits": "tile/0/٠٠٠",
    "width-0": "tile/0/000.p/0",
    "width-256": "tile/0/000.p/256",
    "width-leading-zero": "tile/0/000.p/01",
    "width-missing": "tile/0/000.p",
    "entries-upper-case": "tile/Entries/000",
}


def make(folder: Path) -> None:
    """Write all of these vectors under `folder`."""
    (folder / "vkeys.txt").write_text(LOG.vkey + "\n")
    (folder / "witness-vkeys.txt").write_text(WITNESS.vkey + "\n")
    raw = {
        "notes/valid": (notes_valid(), "txt"),
        "notes/invalid": (notes_invalid(), "txt"),
        "checkpoints/valid": (checkpoints_valid(), "txt"),
        "checkpoints/invalid": (checkpoints_invalid(), "txt"),
        "cosignatures/valid": (cosignatures_valid(), "txt"),
        "cosignatures/invalid": (cosignatures_invalid(), "txt"),
        "requests/valid": (requests_valid(), "txt"),
        "requests/invalid": (requests_invalid(), "txt"),
        "receipts/valid": (receipts_valid(), "tlog-proof"),
        "receipts/invalid": (receipts_invalid(), "tlog-proof"),
        "paths/valid": ({name: text.encode() for name, text in PATHS_VALID.items()}, "path"),
        "paths/invalid": ({name: text.encode() for name, text in PATHS_INVALID.items()}, "path"),
    }
    parsed = {
        "proofs/valid": proofs_valid(),
        "proofs/invalid": proofs_invalid(),
        "tiles/valid": tiles_valid(),
        "tiles/invalid": tiles_invalid(),
    }
    for place, vectors in parsed.items():
        texts = {
            name: json.dumps(vector, indent=1, sort_keys=True) + "\n" for name, vector in vectors.items()
        }
        raw[place] = ({name: text.encode() for name, text in texts.items()}, "json")
    for place, (files, suffix) in raw.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / place / f"{name}.{suffix}").write_bytes(data)
