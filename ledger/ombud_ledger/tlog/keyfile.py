# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Signing keys in a file: made, read, rotated. Private keys are PKCS#8 PEM, encrypted unless told otherwise.

Or they are in a token, and the file holds but a PKCS#11 URI.

A file holds the keys of one name, newest last; all of them sign, so that readers who know only the old one
or only the new one are both served while a key is rotated. The vkeys stand in it readably.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ombud_ledger.durable import act_now, store
from ombud_ledger.errors import KeyUnusable
from ombud_ledger.tlog.note import COSIGNATURE, ED25519, Signer, VerifierKey, parse_vkey
from ombud_ledger.tlog.token_uri import SCHEME, TokenUri, parse_token_uri

MOST_BYTES: Final = 64 * 1024
MOST_KEYS: Final = 8
MOST_PASSPHRASE: Final = 1_023  # bytes; OpenSSL takes no more
_MAGIC: Final = "ombud signing keys v1\n"
_BLOCK: Final = re.compile(
    r"vkey ([^\n]+)\n(-----BEGIN ((?:ENCRYPTED )?PRIVATE KEY)-----\n[A-Za-z0-9+/=\n]+-----END \3-----\n"
    r"|pkcs11:[!-~]+\n)"
)
_OTHERS: Final = 0o077

__all__ = [
    "COSIGNATURE",
    "ED25519",
    "KeyFile",
    "Signer",
    "SigningKey",
    "TokenUri",
    "active_keys",
    "create_key_file",
    "new_key_file",
    "parse_token_uri",
    "read_key_file",
    "read_passphrase",
    "replace_key_file",
    "token_key_file",
]

Passphrase = Callable[[], bytes]
"""Asks for the passphrase, when and if one is needed."""
Randomness = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key in memory. Its name is the origin of the log it signs for, or a witness's own."""

    key: VerifierKey
    private: Ed25519PrivateKey

    @classmethod
    def from_seed(cls, name: str, seed: bytes, kind: int = ED25519) -> "SigningKey":
        """Return the key with this 32-byte seed. Raises KeyUnusable."""
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(_public(name, private, kind), private)

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature (RFC 8032)."""
        return self.private.sign(message)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file as it was read: vkeys, each with the PEM block of its private key, or its URI in a token."""

    blocks: tuple[tuple[VerifierKey, str], ...]

    @property
    def vkeys(self) -> tuple[VerifierKey, ...]:
        """The public keys, oldest first."""
        return tuple(key for key, _ in self.blocks)

    @property
    def encrypted(self) -> bool:
        """Whether a passphrase is needed to open it, or a PIN that has no file of its own."""
        return any(_needs_secret(block) for _, block in self.blocks)

    def open(self, passphrase: Passphrase) -> tuple[Signer, ...]:
        """Return the private keys. Raises KeyUnusable, for a wrong passphrase or PIN too."""
        secret: bytes | None = None
        keys: list[Signer] = []
        for vkey, pem in self.blocks:
            encrypted = _needs_secret(pem)
            if encrypted and secret is None:
                secret = passphrase()
            if pem.startswith(SCHEME):
                keys.append(_open_token(vkey, pem, secret))
                continue
            try:
                private = load_pem_private_key(pem.encode(), secret if encrypted else None)
            except (ValueError, TypeError) as error:
                raise KeyUnusable(
                    f"key {vkey.id.hex()} of {vkey.name}: wrong passphrase, or damaged"
                ) from error
            if not isinstance(private, Ed25519PrivateKey) or _public(vkey.name, private, vkey.kind) != vkey:
                raise KeyUnusable(f"key {vkey.id.hex()} of {vkey.name}: the private key is another's")
            keys.append(SigningKey(vkey, private))
        return tuple(keys)

    def with_new(self, passphrase: bytes | None, randomness: Randomness = os.urandom) -> "KeyFile":
        """Return the file with one more key. Without passphrase the new one is stored unencrypted."""
        first = self.blocks[0][0]
        made = _make(first.name, passphrase, randomness, first.kind)
        if len(self.blocks) >= MOST_KEYS:
            raise KeyUnusable(f"the file holds {MOST_KEYS} keys, the most: retire one first")
        return KeyFile((*self.blocks, made))

    def with_token(self, uri: TokenUri, pin: bytes | None) -> tuple["KeyFile", bool]:
        """Return the file with one more key, like `token_key_file`. Raises KeyUnusable."""
        first = self.blocks[0][0]
        if len(self.blocks) >= MOST_KEYS:
            raise KeyUnusable(f"the file holds {MOST_KEYS} keys, the most: retire one first")
        added, made = token_key_file(first.name, uri, pin, kind=first.kind)
        if added.vkeys[0] in self.vkeys:
            raise KeyUnusable(f"{uri}: that key is in the file already")
        return KeyFile((*self.blocks, *added.blocks)), made

    def without(self, key_id: bytes) -> "KeyFile":
        """Return the file without a key. Raises KeyUnusable if it is not there, or the only one."""
        left = tuple(block for block in self.blocks if block[0].id != key_id)
        if len(left) == len(self.blocks):
            raise KeyUnusable(f"no key {key_id.hex()} in the file")
        if not left:
            raise KeyUnusable(f"key {key_id.hex()} is the only one: rotate first, retire later")
        return KeyFile(left)

    def to_text(self) -> str:
        """Return the file's text."""
        return _MAGIC + "".join(f"vkey {key}\n{pem}" for key, pem in self.blocks)


def new_key_file(
    name: str, passphrase: bytes | None, randomness: Randomness = os.urandom, *, kind: int = ED25519
) -> KeyFile:
    """Return a file with one new key, a log's or a witness's. Raises KeyUnusable for an impossible name."""
    return KeyFile((_make(name, passphrase, randomness, kind),))


def token_key_file(
    name: str, uri: TokenUri, pin: bytes | None, *, kind: int = ED25519
) -> tuple[KeyFile, bool]:
    """Return a file with one key that a token holds, and whether it was made just now. Raises KeyUnusable."""
    from ombud_ledger.tlog.token_key import adopt_or_make  # here: few have a token, and its package

    key, made = adopt_or_make(uri, _pin(uri, pin), lambda public: VerifierKey(name, public, kind))
    return KeyFile(((key, f"{uri}\n"),)), made


def read_key_file(path: Path) -> KeyFile:
    """Read a key file without opening its keys. Raises KeyUnusable; refuses a file that others may read."""
    # 1. Nobody else may read it.
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise KeyUnusable(f"{path}: cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise KeyUnusable(f"{path}: others may read it (mode {mode & 0o777:04o}); chmod 600 it")
    # 2. Size, version, then block by block; nothing else may stand in it.
    if len(data) > MOST_BYTES:
        raise KeyUnusable(f"{path}: more than {MOST_BYTES} bytes")
    text = data.decode("utf-8", errors="replace")
    if not text.startswith(_MAGIC):
        raise KeyUnusable(
            f"{path}: is no file of `ombud key init`: its first line must be {_MAGIC.strip()!r}"
        )
    found = tuple((parse_vkey(match[1], kind=None), match[2]) for match in _BLOCK.finditer(text))
    file_read = KeyFile(found)
    if file_read.to_text() != text or not found or len(found) > MOST_KEYS:
        raise KeyUnusable(f"{path}: must hold 1 to {MOST_KEYS} keys, each a vkey line and a PEM block or URI")
    # 3. One name, and one kind.
    if len({(key.name, key.kind) for key in file_read.vkeys}) > 1 or len(set(file_read.vkeys)) < len(found):
        raise KeyUnusable(f"{path}: its keys must have one name and kind, and be different")
    return file_read


def read_passphrase(path: Path) -> bytes:
    """Return the passphrase in a file, without the line end. Raises KeyUnusable."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_PASSPHRASE + 2)
    except OSError as error:
        raise KeyUnusable(f"{path}: cannot be read: {error.strerror}") from error
    secret = data.removesuffix(b"\n").removesuffix(b"\r")
    if not 0 < len(secret) <= MOST_PASSPHRASE:
        raise KeyUnusable(f"{path}: must hold a passphrase of 1 to {MOST_PASSPHRASE} bytes")
    return secret


def create_key_file(path: Path, content: KeyFile) -> None:
    """Write a new key file, mode 0600, durable. Raises FileExistsError: a key is never overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content.to_text().encode())
        file.flush()
        os.fsync(file.fileno())


def replace_key_file(path: Path, content: KeyFile) -> None:
    """Put other keys into a key file, whole or not at all."""
    store(path, content.to_text().encode(), act_now, "key")


def _needs_secret(block: str) -> bool:
    if block.startswith(SCHEME):
        return parse_token_uri(block.rstrip("\n")).pin_source is None
    return "ENCRYPTED" in block


def _open_token(vkey: VerifierKey, block: str, secret: bytes | None) -> Signer:
    from ombud_ledger.tlog.token_key import TokenKey

    uri = parse_token_uri(block.rstrip("\n"))
    return TokenKey(vkey, uri, _pin(uri, secret))


def _pin(uri: TokenUri, given: bytes | None) -> bytes:
    if uri.pin_source is not None:
        return read_passphrase(uri.pin_source)
    if given is None:
        raise KeyUnusable(f"{uri}: its PIN must be given, or be named by pin-source=")
    return given


def _make(name: str, passphrase: bytes | None, randomness: Randomness, kind: int) -> tuple[VerifierKey, str]:
    signing = SigningKey.from_seed(name, randomness(32), kind)
    protection = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    pem = signing.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    return signing.key, pem.decode()


def _public(name: str, private: Ed25519PrivateKey, kind: int) -> VerifierKey:
    return VerifierKey(name, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), kind)


def active_keys(events: Iterable[tuple[str, str]]) -> list[str]:
    """Return the vkeys in force after the (event, vkey) of a log's `key` entries, in order."""
    active: dict[str, None] = {}
    for event, vkey in events:
        if event == "added":
            active[vkey] = None
        elif event == "retired":
            active.pop(vkey, None)
    return list(active)
