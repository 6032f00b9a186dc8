# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Signed notes (C2SP signed-note): text, and lines that sign it. No I/O.

Ed25519 in two kinds: type 0x01 signs the text, type 0x04 is a witness's cosignature (`cosignature.py`).

Parsers are strict: what they return prints to the very bytes they were given.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ombud_ledger.errors import KeyUnusable, LedgerUnreadable, NotProven

MOST_BYTES: Final = 64 * 1024  # of a note: signatures of other kinds, which are ignored, may be 5 kB each
MOST_SIGNATURES: Final = 32  # C2SP: at least 16 must be accepted
MOST_NAME: Final = 255
ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
TIME_BYTES: Final = 8  # of a cosignature, before the 64 of the signature
_KINDS: Final = {ED25519: "Ed25519", COSIGNATURE: "Ed25519 cosignature"}
_MARK: Final = "— "  # an em dash and a space
_VKEY: Final = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)")
_KEY_BYTES: Final = 32


class Signer(Protocol):
    """Holds a private key; KMS and HSM signers fit, too."""

    @property
    def key(self) -> "VerifierKey":
        """The public key that belongs to it."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature of the message, 64 bytes. Raises KeyUnusable; another try may do."""
        ...


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public Ed25519 key, the name it signs under and how it signs; prints as vkey.

    A log's key is of kind `ED25519`, a witness's of kind `COSIGNATURE`: neither passes for the other.
    """

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise KeyUnusable(
                f"key name {self.name[:80]!r}: 1 to {MOST_NAME} bytes, no spaces, no plus signs"
            )
        if len(self.public) != _KEY_BYTES:
            raise KeyUnusable(f"an Ed25519 key has {_KEY_BYTES} bytes, not {len(self.public)}")
        if self.kind not in _KINDS:
            raise KeyUnusable(f"key type {self.kind:#04x} is not known here")

    @property
    def id(self) -> bytes:
        """Key ID: the first 4 bytes of H(name || LF || type || public key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        text = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{text}"

    def verify(self, message: bytes, signature: bytes) -> None:
        """Demand that the key signed the message, or cosigned it. Raises NotProven."""
        if self.kind == COSIGNATURE:
            time = int.from_bytes(signature[:TIME_BYTES], "big")
            message, signature = cosigned(message, time), signature[TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise NotProven(f"the signature of {self.name}+{self.id.hex()} does not verify") from error


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who claims to have signed, and the signature."""

    name: str
    key_id: bytes
    blob: bytes

    def __str__(self) -> str:
        return f"{_MARK}{self.name} {base64.b64encode(self.key_id + self.blob).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a line feed, and its signature lines."""

    text: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """Return the note as it is stored and sent."""
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()

    def verify(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Demand a valid line of at least one of the keys, and no invalid one; return the keys that signed.

        Lines of unknown (name, key ID) pairs are ignored. Raises NotProven.
        """
        known = {(key.name, key.id): key for key in keys}
        verified: dict[VerifierKey, None] = {}
        for line in self.signatures:
            key = known.get((line.name, line.key_id))
            if key is not None:
                key.verify(self.text.encode(), line.blob)
                verified[key] = None
        if not verified:
            signers = ", ".join(f"{line.name}+{line.key_id.hex()}" for line in self.signatures)
            given = ", ".join(f"{name}+{key_id.hex()}" for name, key_id in known) or "none"
            raise NotProven(f"no known key signed it: it is signed by {signers}; known: {given}")
        return tuple(verified)


def cosigned(text: bytes, time: int) -> bytes:
    """Return what a witness signs who saw the text at `time`, seconds since the epoch (cosignature/v1)."""
    return b"cosignature/v1\ntime %d\n" % time + text


def is_name(name: str) -> bool:
    """Say whether a key can have this name: no plus sign, no space or control character of Unicode."""
    try:
        data = name.encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(data) <= MOST_NAME and "+" not in name and not any(map(_is_gap, name))


def parse_vkey(text: str, *, kind: int | None = ED25519) -> VerifierKey:
    """Return the key that a vkey spells, of that kind, or of any where it is None. Raises KeyUnusable."""
    match = _VKEY.fullmatch(text) if len(text) <= 1_024 else None
    if match is None:
        raise KeyUnusable(f"vkey {text[:80]!r}: must be NAME+KEYID+KEY, as `ombud key show` prints it")
    try:
        material = base64.b64decode(match[3], validate=True)
    except binascii.Error as error:
        raise KeyUnusable(f"vkey {text[:80]!r}: its key is not base64") from error
    wanted = _KINDS if kind is None else [kind]
    if not material or material[0] not in wanted:
        found = f"{material[0]:#04x}" if material else "none"
        names = " or ".join(f"{each:#04x}, {_KINDS[each]}" for each in wanted)
        raise KeyUnusable(f"vkey {text[:80]!r}: type {found} is not known here, only {names}")
    key = VerifierKey(match[1], material[1:], material[0])
    if str(key) != text:
        raise KeyUnusable(f"vkey {text[:80]!r}: its key ID should be {key.id.hex()}")
    return key


def parse_note(data: bytes) -> Note:
    """Return the note that the bytes are. Raises LedgerUnreadable. Verifies no signature."""
    # 1. Size first.
    if len(data) > MOST_BYTES:
        raise LedgerUnreadable(f"a note of {len(data)} bytes: at most {MOST_BYTES} allowed")
    # 2. Text without control characters. The last blank line parts it from the signatures.
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise LedgerUnreadable("the note is not UTF-8") from error
    if any(char < " " and char != "\n" for char in whole):
        raise LedgerUnreadable("the note holds a control character")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise LedgerUnreadable("the note has no signature lines after a blank one, or its end is missing")
    # 3. One signature a line.
    note = Note(text + "\n", parse_signatures(lines))
    # 4. Printing it again must give the same bytes.
    if note.to_bytes() != data:
        raise LedgerUnreadable("the note is spelled otherwise than it prints")
    return note


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Return the signatures of 1 to 32 lines, the last of which ends too. Raises LedgerUnreadable."""
    rows = lines.removesuffix("\n").split("\n")
    if len(rows) > MOST_SIGNATURES:
        raise LedgerUnreadable(f"the note has {len(rows)} signature lines: at most {MOST_SIGNATURES} allowed")
    return tuple(_parse_line(row) for row in rows)


def sign_note(text: str, signers: Sequence[Signer]) -> Note:
    """Return the text signed by all signers. Raises KeyUnusable."""
    message = text.encode()
    return Note(text, tuple(Signature(one.key.name, one.key.id, one.sign(message)) for one in signers))


def _parse_line(row: str) -> Signature:
    name, _, encoded = row.removeprefix(_MARK).partition(" ")
    if not row.startswith(_MARK) or not is_name(name):
        raise LedgerUnreadable(f"not a signature line: {row[:80]!r}")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LedgerUnreadable(f"the signature of {name[:80]} is not base64") from error
    if len(blob) <= 4:
        raise LedgerUnreadable(f"the signature of {name[:80]} has {len(blob)} bytes")
    return Signature(name, blob[:4], blob[4:])


def _is_gap(char: str) -> bool:
    return char.isspace() or char < " " or char == "\x7f"
