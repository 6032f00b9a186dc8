# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A second verifier, written from FORMAT.md alone: it imports nothing from the package it checks."""

import base64
import hmac
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KINDS = {
    "beat",
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
    "request",
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


def check_shred(fields: dict[str, Any]) -> None:
    """Check the form of a shred entry."""
    demand(isinstance(fields.get("erasure"), str), "erasure")
    if fields.get("event") == "keys":
        demand(type(fields.get("destroyed")) is int, "keys destroyed")
        return
    demand(
        fields.get("event") == "file" and str(fields.get("path")).startswith("facts/"), "shred event or path"
    )
    demand(is_hash(fields.get("old")) and is_hash(fields.get("new")), "shred digests")
    demand(type(fields.get("bytes")) is int and type(fields.get("blanks")) is int, "shred numbers")
    demand(fields["blanks"] > 0, "no blanks")


def check_prune(seq: int, fields: dict[str, Any]) -> tuple[int, str]:
    """Check the form of a prune entry; return which entry comes first, and the chain value before it."""
    before, files = fields.get("before"), fields.get("files")
    demand(fields.get("format") == 1 and isinstance(fields.get("origin"), str), "format or origin")
    demand(
        type(before) is int and 0 <= before <= seq and is_hash(fields.get("chain")), "prune before or chain"
    )
    demand(isinstance(files, list), "prune files")
    assert isinstance(before, int)
    for file in files or []:
        demand(isinstance(file, dict) and is_hash(file.get("sha256")), "prune file")
        path = re.fullmatch(
            r"(entries|payloads|facts/[0-9a-f]{16})/(\d{12})-(\d{12})\.parquet",
            str(file.get("path")),
            re.ASCII,
        )
        demand(path is not None, "prune path")
        assert path
        demand(int(path[2]) <= int(path[3]) < seq, "prune range")
        demand(path[1] != "entries" or int(path[3]) < before, "prune of entries that stay")
    return before, str(fields["chain"])


def check_entries(lines: list[dict[str, Any]]) -> tuple[bytes, list[dict[str, Any]]]:
    """Return the chain's head and the records, or raise Rejected; looks at no facts."""
    chain, last_ts, begins = b"", -(2**53), 0
    records = []
    if lines[0]["seq"] != 0:
        # Entries before these were pruned: the newest prune entry says so, and the chain value before them.
        said = [line for line in lines if json.loads(line["record"]).get("kind") == "prune"]
        demand(said != [], "entries missing")
        begins, value = check_prune(said[-1]["seq"], json.loads(said[-1]["record"]))
        chain = bytes.fromhex(value)
    for seq, line in enumerate(lines, begins):
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
        if fields["kind"] == "shred":
            check_shred(fields)
        if fields["kind"] == "prune":
            check_prune(seq, fields)
        demand("facts_commit" not in fields or is_hash(fields["facts_commit"]), "commitment to facts")
        demand("facts_commit" in fields or "facts_contract" not in fields, "contract without facts")
        commits = [fields[name] for name in ("payload_commit", "payload_key_commit") if name in fields]
        demand(len(commits) in (0, 2) and all(map(is_hash, commits)), "commitments to a payload")
        records.append(fields)
    return chain, records


def check_facts(commit: str, salt: str, text: str) -> None:
    """Check facts against the commitment of their entry."""
    facts = text.encode()
    demand(commit == sha256(b"\x03" + bytes.fromhex(salt) + facts).hexdigest(), "commitment")
    demand(isinstance(read(facts, 262_144).get("values"), dict), "facts without values")


def check_log(lines: list[dict[str, Any]]) -> bytes:
    """Return the chain's head, or raise Rejected."""
    chain, records = check_entries(lines)
    for line, fields in zip(lines, records, strict=True):
        demand(("salt" in line) == ("facts" in line) == ("facts_commit" in fields), "facts")
        if "facts" in line:
            check_facts(fields["facts_commit"], line["salt"], line["facts"])
    return chain


def check_segment(vector: dict[str, Any]) -> int:
    """Check a log's sealed facts and payloads, as they are found; return how many facts are erased."""
    _, records = check_entries(vector["entries"])
    sealed = {file["path"]: file for each in records if each["kind"] == "seal" for file in each["files"]}
    found = vector["files"]
    gone = check_pruned(records, sealed)
    wanted = {path for path in sealed if not path.startswith("entries/")}
    demand(wanted - gone <= set(found) <= wanted, "files")
    spans = {Path(path).name for path in sealed}
    facts: dict[str, dict[int, str]] = {}
    payloads: dict[str, dict[int, str]] = {}
    for seq, fields in enumerate(records):
        for name in spans:
            first, last = map(int, name.removesuffix(".parquet").split("-"))
            if first <= seq <= last and "facts_commit" in fields:
                contract = fields.get("facts_contract", "0" * 16)[:16]
                facts.setdefault(f"facts/{contract}/{name}", {})[seq] = fields["facts_commit"]
            if first <= seq <= last and "payload_commit" in fields:
                payloads.setdefault(f"payloads/{name}", {})[seq] = fields["payload_commit"]
    demand({*facts, *payloads} == wanted, "files that no entry has facts or payloads in")
    blanks = 0
    for path, commits in facts.items():
        if path not in found:
            continue
        due = check_shreds(sealed[path], [each for each in records if each.get("path") == path], found[path])
        demand([row["seq"] for row in found[path]["rows"]] == list(commits), "rows of facts")
        blank = [row for row in found[path]["rows"] if set(row) == {"seq"}]
        demand(len(blank) == due, "blank rows")
        for row in found[path]["rows"]:
            if row not in blank:
                demand("salt" in row and "facts" in row, "half a row")
                check_facts(commits[row["seq"]], row["salt"], row["facts"])
        blanks += due
    for path, commits in payloads.items():
        if path not in found:
            continue
        demand(all(found[path][key] == sealed[path][key] for key in ("sha256", "bytes")), "payloads file")
        made = {}
        for row in found[path]["rows"]:
            digest = sha256(bytes.fromhex(row["ciphertext"])).digest()
            made[row["seq"]] = sha256(b"\x04" + bytes.fromhex(row["salt"]) + digest).hexdigest()
        demand(list(made.items()) == list(commits.items()), "payloads")
    return blanks


def check_pruned(records: list[dict[str, Any]], sealed: dict[str, dict[str, Any]]) -> set[str]:
    """Return what prune entries name, demanding that it is what the file was by then."""
    now = {path: file["sha256"] for path, file in sealed.items()}
    gone: dict[str, bool] = {}
    for each in records:
        if each["kind"] == "shred" and each["event"] == "file":
            now[each["path"]] = each["new"]
        for file in each["files"] if each["kind"] == "prune" else ():
            gone[file["path"]] = now.get(file["path"]) == file["sha256"]
    demand(all(gone.values()), "pruned with another digest")
    return set(gone)


def check_shreds(seal: dict[str, Any], shreds: list[dict[str, Any]], found: dict[str, Any]) -> int:
    """Return how many rows of a facts file must be blank, demanding that it is the newest one logged."""
    blanks = {seal["sha256"]: 0}
    newest = seal["sha256"], seal["bytes"]
    for each in shreds:
        demand(each["old"] in blanks and blanks[each["old"]] < each["blanks"] <= seal["rows"], "shreds")
        blanks[each["new"]] = each["blanks"]
        newest = each["new"], each["bytes"]
    demand(newest == (found["sha256"], found["bytes"]), "not the newest file")
    return blanks[newest[0]]


def check_payload(vector: dict[str, Any]) -> None:
    """Open an encrypted payload with its subject's key."""
    salt, ciphertext = bytes.fromhex(vector["salt"]), bytes.fromhex(vector["ciphertext"])
    commit = sha256(b"\x04" + salt + sha256(ciphertext).digest()).hexdigest()
    demand(commit == vector["payload_commit"], "commitment")
    # HKDF (RFC 5869) by its definition: extract, then two blocks of expand.
    secret = hmac.digest(salt, bytes.fromhex(vector["subject_key"]), "sha256")
    key = hmac.digest(secret, b"ombud/v1 payload\x01", "sha256")
    key_commit = hmac.digest(secret, key + b"ombud/v1 payload\x02", "sha256")
    demand(key_commit.hex() == vector["payload_key_commit"], "commitment to the key")
    try:
        plain = AESGCM(key).decrypt(bytes(12), ciphertext, (vector["origin"] + vector["id"]).encode())
    except InvalidTag as error:
        raise Rejected("tag") from error
    request = bytes.fromhex(vector["request"])
    laid = b"\x02" + len(request).to_bytes(4, "big") + request + bytes.fromhex(vector["response"])
    demand(plain == laid, "plaintext")


def unbase64(text: str) -> bytes:
    """Decode standard base64 that is spelled in the one way there is."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Rejected("base64") from error
    demand(base64.b64encode(data).decode() == text, "base64 spelled otherwise")
    return data


def check_note(data: bytes, vkeys: list[str]) -> str:
    """Return the text of a note that a known key signed, and no known key failed to sign."""
    demand(len(data) <= 65_536, "note too long")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise Rejected("note is not UTF-8") from error
    demand(re.search("[\x00-\x09\x0b-\x1f]", whole) is None, "control character")
    cut = whole.rfind("\n\n")
    demand(cut >= 0 and whole.endswith("\n"), "no blank line, or no end")
    text, lines = whole[: cut + 1], whole[cut + 2 : -1].split("\n")
    demand(len(lines) <= 32, "too many signatures")
    known = {}
    for vkey in vkeys:
        name, key_id, encoded = vkey.split("+", 2)
        material = unbase64(encoded)
        demand(sha256(name.encode() + b"\n" + material).digest()[:4].hex() == key_id, "key ID")
        known[name, bytes.fromhex(key_id)] = material[0], Ed25519PublicKey.from_public_bytes(material[1:])
    signed = False
    for line in lines:
        parts = line.split(" ")
        demand(len(parts) == 3 and parts[0] == "\u2014" and parts[1] != "", "signature line")
        demand("+" not in parts[1] and not re.search(r"\s", parts[1]), "key name")
        blob = unbase64(parts[2])
        demand(len(blob) > 4, "signature length")
        key = known.get((parts[1], blob[:4]))
        if key is not None:
            message, signature = text.encode(), blob[4:]
            if key[0] == 4:
                message = b"cosignature/v1\ntime %d\n" % int.from_bytes(blob[4:12], "big") + message
                signature = blob[12:]
            try:
                key[1].verify(signature, message)
            except InvalidSignature as error:
                raise Rejected("signature") from error
            signed = True
    demand(signed, "no known key")
    return text


def check_checkpoint(data: bytes, vkeys: list[str]) -> tuple[int, bytes]:
    """Return size and root of a checkpoint whose origin is the name of a known key that signed it."""
    origin, *rest = data.decode(errors="replace").split("\n")
    parts = [(vkey, *vkey.split("+", 2)) for vkey in vkeys]
    logs = [vkey for vkey, name, _, key in parts if name == origin and unbase64(key)[0] == 1]
    text = check_note(data, logs)
    demand(text.count("\n") == 3 and origin != "", "lines or origin")
    size, encoded = rest[:2]
    demand(re.fullmatch("0|[1-9][0-9]*", size) is not None and int(size) < 2**63, "size")
    root = unbase64(encoded)
    demand(len(root) == 32 and (size != "0" or root == sha256(b"").digest()), "root")
    return int(size), root


def check_cosigned(data: bytes, vkeys: list[str], witness_vkeys: list[str]) -> None:
    """Check a checkpoint that a witness must have cosigned, beside the log's signature."""
    check_checkpoint(data, vkeys)
    demand(all(unbase64(vkey.split("+", 2)[2])[0] == 4 for vkey in witness_vkeys), "type of a witness's key")
    check_note(data, witness_vkeys)


def check_request(data: bytes, vkeys: list[str], size: int, root: bytes) -> None:
    """Check what a witness is asked that remembers this size and root."""
    head, blank, checkpoint = data.partition(b"\n\n")
    demand(blank != b"", "no checkpoint")
    match = re.fullmatch(rb"old (0|[1-9][0-9]*)((?:\n[A-Za-z0-9+/=]+){0,63})", head)
    demand(match is not None, "lines of the request")
    assert match
    proof = [unbase64(line) for line in match[2].decode().split("\n")[1:]]
    new, new_root = check_checkpoint(checkpoint, vkeys)
    demand(int(match[1]) == size <= new, "size")
    demand(all(len(each) == 32 for each in proof), "length of a hash")
    if size == 0:
        demand(proof == [], "from the empty tree")
    else:
        demand(roots_by(size, new, root, proof) == (root, new_root), "roots")


def largest_below(count: int) -> int:
    """Return the largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root_by(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """Return the root that a path leads to, from the top down."""
    if size == 1:
        demand(proof == [], "surplus hash")
        return leaf
    demand(proof != [], "missing hash")
    split = largest_below(size)
    if index < split:
        return node(root_by(leaf, index, split, proof[:-1]), proof[-1])
    return node(proof[-1], root_by(leaf, index - split, size - split, proof[:-1]))


def roots_by(old: int, new: int, known: bytes | None, proof: list[bytes]) -> tuple[bytes, bytes]:
    """Return both roots that a consistency proof leads to, from the top down."""
    if old == new:
        demand(len(proof) == (known is None), "surplus or missing hash")
        top = proof[0] if known is None else known
        return top, top
    demand(proof != [], "missing hash")
    split = largest_below(new)
    if old <= split:
        then, now = roots_by(old, split, known, proof[:-1])
        return then, node(now, proof[-1])
    then, now = roots_by(old - split, new - split, None, proof[:-1])
    return node(proof[-1], then), node(proof[-1], now)


def check_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> None:
    """Demand that the leaf is in the tree."""
    demand(all(len(each) == 32 for each in (leaf, root, *proof)), "length of a hash")
    demand(0 <= index < size and len(proof) < 64, "index or length")
    demand(root_by(leaf, index, size, proof) == root, "root")


def check_proof(vector: dict[str, Any]) -> None:
    """Check a proof vector."""
    proof = [bytes.fromhex(each) for each in vector["proof"]]
    if vector["kind"] == "inclusion":
        leaf, root = bytes.fromhex(vector["leaf"]), bytes.fromhex(vector["root"])
        check_inclusion(leaf, vector["index"], vector["size"], proof, root)
        return
    old, new = vector["old"], vector["new"]
    roots = bytes.fromhex(vector["old_root"]), bytes.fromhex(vector["new_root"])
    demand(all(len(each) == 32 for each in (*roots, *proof)) and 0 <= old <= new, "lengths or sizes")
    if old == 0:
        demand(proof == [] and roots[0] == sha256(b"").digest(), "from the empty tree")
    else:
        demand(roots_by(old, new, roots[0], proof) == roots, "roots")


def check_path(path: str) -> tuple[str, int, int]:
    """Return level, number and width that the path of a tile names."""
    match = re.fullmatch(r"tile/([0-7]|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]*))?", path)
    demand(match is not None, "path")
    assert match
    level, digits, width = match[1], match[2].replace("x", "").replace("/", ""), int(match[3] or 256)
    demand(width < 256 or match[3] is None, "width")
    demand(len(digits) == 3 or not digits.startswith("000"), "needless group")
    return level, int(digits), width


def check_tiles(vector: dict[str, Any]) -> None:
    """Check that the tiles are all those of the tree, and lead to its root."""
    tiles = {check_path(path): base64.b64decode(data) for path, data in vector["tiles"].items()}
    level, count, carried = 0, vector["size"], b""
    below: list[bytes] = []
    tops: list[list[bytes]] = []
    while count:
        hashes: list[bytes] = []
        for number in range(-(-count // 256)):
            width = min(256, count - number * 256)
            data = tiles.pop((str(level), number, width), b"")
            demand(len(data) == 32 * width, "tile missing, or of another length")
            hashes += [data[at : at + 32] for at in range(0, len(data), 32)]
        demand(level == 0 or hashes == below, "a parent of other hashes")
        below = [merkle(hashes[at : at + 256]) for at in range(0, count - 255, 256)]
        tops.append(hashes[count - count % 256 :])
        level, count = level + 1, count // 256
    demand(tiles == {}, "surplus tile")
    for top in tops:
        part = [*top, *([carried] if carried else [])]
        carried = merkle(part) if part else b""
    demand((carried or sha256(b"").digest()).hex() == vector["root"], "root")


def merkle(hashes: list[bytes]) -> bytes:
    """Return MTH as RFC 6962 defines it, over hashes that are there already."""
    if len(hashes) == 1:
        return hashes[0]
    split = largest_below(len(hashes))
    return node(merkle(hashes[:split]), merkle(hashes[split:]))


def check_receipt(data: bytes, vkeys: list[str]) -> None:
    """Check a receipt that holds its record."""
    head, blank, checkpoint = data.partition(b"\n\n")
    demand(blank != b"" and len(data) <= 131_072, "no checkpoint, or too long")
    match = re.fullmatch(
        rb"c2sp\.org/tlog-proof@v1\nextra ([A-Za-z0-9+/=]+)\nindex (0|[1-9][0-9]*)((?:\n[A-Za-z0-9+/=]+)*)",
        head,
    )
    demand(match is not None, "lines of the proof")
    assert match
    record, hashes = (
        unbase64(match[1].decode()),
        [unbase64(line) for line in match[3].decode().split("\n")[1:]],
    )
    size, root = check_checkpoint(checkpoint, vkeys)
    check_inclusion(sha256(b"\x00" + record).digest(), int(match[2]), size, hashes, root)
