# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The cryptography of the vault, pure: payload keys, key wrapping, lookups (FORMAT.md, "Payloads").

A payload key is used once, so its nonce may be zero. AES-GCM alone would let one ciphertext open under two
keys to two texts; the commitment to the key, in the record, forbids it.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ombud_ledger.errors import LedgerBroken, VaultUnusable

KEY_BYTES: Final = 32
PSEUDONYM_BYTES: Final = 16
NONCE_BYTES: Final = 12
NOBODY: Final = bytes(PSEUDONYM_BYTES)
"""Owns the key of payloads about no one that is known."""
_TAG_BYTES: Final = 16
IDENTIFIER: Final = b"id"
KEY: Final = b"key"
HOLD: Final = b"hold"
"""What wrapped bytes are: those of one use do not pass for another's."""
_ZERO_NONCE: Final = bytes(NONCE_BYTES)
_PAYLOAD: Final = b"ombud/v1 payload"
_EPOCH: Final = b"ombud/v1 epoch"


def payload_keys(subject_key: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Return the AES-256-GCM key of one payload, and the commitment to that key; 32 bytes each."""
    both = HKDF(SHA256(), 2 * KEY_BYTES, salt, _PAYLOAD).derive(subject_key)
    return both[:KEY_BYTES], both[KEY_BYTES:]


def encrypt_payload(key: bytes, plain: bytes, origin: str, call: str) -> bytearray:
    """Return the ciphertext, its tag at the end, bound to the log and the call."""
    # Into memory of ours, meanwhile other threads go on; `encrypt` holds them up (measured).
    ciphertext = bytearray(len(plain) + _TAG_BYTES)
    AESGCM(key).encrypt_into(_ZERO_NONCE, plain, origin.encode() + call.encode(), ciphertext)
    return ciphertext


def decrypt_payload(key: bytes, ciphertext: bytes, origin: str, call: str) -> bytes:
    """Return what was encrypted. Raises LedgerBroken."""
    try:
        return AESGCM(key).decrypt(_ZERO_NONCE, ciphertext, origin.encode() + call.encode())
    except InvalidTag as error:
        raise LedgerBroken("a payload does not open under the key it should") from error


@dataclass(frozen=True, slots=True)
class EpochKey:
    """What one epoch key gives: a key that wraps, a key for lookups, and a mark to know it again by."""

    number: int
    wrapping: bytes
    looking_up: bytes
    mark: bytes

    @classmethod
    def of(cls, number: int, secret: bytes) -> "EpochKey":
        """Derive them from the 32 bytes of an epoch key."""
        made = HKDF(SHA256(), 3 * KEY_BYTES, None, _EPOCH).derive(secret)
        return cls(number, made[:KEY_BYTES], made[KEY_BYTES : 2 * KEY_BYTES], made[2 * KEY_BYTES :])

    def wrap(self, plain: bytes, owner: bytes, use: bytes, nonce: bytes) -> bytes:
        """Encrypt what belongs to `owner` (a pseudonym, or the id of a hold); `use` says what it is."""
        return nonce + AESGCM(self.wrapping).encrypt(nonce, plain, self._bound(owner, use))

    def unwrap(self, wrapped: bytes, owner: bytes, use: bytes) -> bytes:
        """Undo `wrap`. Raises VaultUnusable."""
        try:
            return AESGCM(self.wrapping).decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], self._bound(owner, use)
            )
        except (InvalidTag, ValueError, TypeError) as error:
            raise VaultUnusable("the key store was changed: a row does not open under its key") from error

    def lookup(self, subject: str) -> bytes:
        """Return what a subject is found by: nobody without the epoch key can test a guess."""
        return hmac.digest(self.looking_up, subject.encode(), sha256)

    def _bound(self, owner: bytes, use: bytes) -> bytes:
        return owner + self.number.to_bytes(8, "big") + use
