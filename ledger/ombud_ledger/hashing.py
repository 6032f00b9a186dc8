# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger's hashes: SHA-256 with one domain byte per use (FORMAT.md, "Hashes").

Leaf and node follow RFC 6962 section 2.1; the domain byte keeps a value of one use from passing for another.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

LEAF: Final = b"\x00"
NODE: Final = b"\x01"
CHAIN: Final = b"\x02"
FACTS: Final = b"\x03"
PAYLOAD: Final = b"\x04"
SALT_BYTES: Final = 32
HASH_BYTES: Final = 32


def leaf_hash(record: bytes) -> bytes:
    """Return H(0x00 || record), the RFC 6962 leaf hash of the stored record bytes."""
    return sha256(LEAF + record).digest()


def chain_start(origin: str) -> bytes:
    """Return H(origin), the chain value before entry 0."""
    return sha256(origin.encode()).digest()


def chain_next(previous: bytes, leaf: bytes) -> bytes:
    """Return H(0x02 || previous chain || leaf), the chain value of the entry with this leaf."""
    return sha256(CHAIN + previous + leaf).digest()


def chain_links(previous: bytes, records: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the leaves and the chain values of entries with these records, one after the other."""
    leaves = [sha256(LEAF + record).digest() for record in records]
    chains = []
    for leaf in leaves:
        previous = sha256(CHAIN + previous + leaf).digest()
        chains.append(previous)
    return leaves, chains


def facts_commit(salt: bytes, facts: bytes) -> bytes:
    """Return H(0x03 || salt || facts); the random salt keeps guessable facts from being guessed."""
    return sha256(FACTS + salt + facts).digest()


def payload_commit(salt: bytes, ciphertext: bytes | bytearray) -> bytes:
    """Return H(0x04 || salt || H(ciphertext)): it needs no key, and holds when the key is gone."""
    return sha256(PAYLOAD + salt + sha256(ciphertext).digest()).digest()
