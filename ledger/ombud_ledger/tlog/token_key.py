# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Signing keys that never leave a token (a hardware module, or software like one), reached by PKCS#11."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from ombud_ledger.errors import KeyUnusable, NotProven
from ombud_ledger.tlog.note import VerifierKey
from ombud_ledger.tlog.token_uri import TokenUri

try:
    import pkcs11
    from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
    from pkcs11.exceptions import (
        PinIncorrect,
        PinInvalid,
        PinLenRange,
        PinLocked,
        PKCS11Error,
        UserAlreadyLoggedIn,
    )
except ImportError as missing:
    raise KeyUnusable("keys in a token need the package python-pkcs11: install ombud[hsm]") from missing

_LOG: Final = logging.getLogger(__name__)
# Two spellings of the curve: object identifier 1.3.101.112 (RFC 8410), and its name (PKCS#11 3.0).
_ED25519: Final = (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519")
_POINT: Final = b"\x04\x20"  # an OCTET STRING of 32 bytes, around the point
_PROBE: Final = b"ombud: is this the key that it was?"  # no checkpoint, nor any other note
_PIN_REFUSED: Final = (PinIncorrect, PinInvalid, PinLenRange, PinLocked)


class TokenKey:
    """A private key in a token. What fails is tried again with a new session, then with the module anew.

    But for the PIN: one that was refused is not tried again, since tokens lock themselves after a few.
    """

    def __init__(self, key: VerifierKey, uri: TokenUri, pin: bytes) -> None:
        """Find the key and demand that it is the one. Raises KeyUnusable."""
        self.key = key
        self._uri = uri
        self._pin = pin
        self._lock = threading.Lock()
        self._session: Any = None
        self._private: Any = None
        self._refused = ""
        with _told(uri):
            self._open(anew=False)
            self._sign(_PROBE)

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature (RFC 8032) that the token makes. Raises KeyUnusable."""
        with self._lock, _told(self._uri):
            if self._refused:
                raise KeyUnusable(self._refused)
            if self._private is not None:
                try:
                    return self._sign(message)
                except PKCS11Error as error:
                    _LOG.warning("token of key %s: %r; it is opened again", self.key.id.hex(), error)
            # Another key's new module ends our session, too: so first a session, and only then the module.
            try:
                self._open(anew=False)
                return self._sign(message)
            except (PKCS11Error, KeyUnusable):
                if self._refused:
                    raise
            self._open(anew=True)
            return self._sign(message)

    def close(self) -> None:
        """Log out of the token. A key that is used after that logs in again."""
        with suppress(PKCS11Error):
            if self._session is not None:
                self._session.close()
        self._session = self._private = None

    def _sign(self, message: bytes) -> bytes:
        signature = bytes(self._private.sign(message, mechanism=Mechanism.EDDSA))
        try:
            # Whatever the token answers, only what verifies leaves: the key may have been replaced in it.
            VerifierKey(self.key.name, self.key.public).verify(message, signature)
        except NotProven as error:
            raise KeyUnusable(
                f"{self._uri}: the token signs, but not with key {self.key.id.hex()}: another is there now"
            ) from error
        return signature

    def _open(self, *, anew: bool) -> None:
        self.close()
        try:
            self._session = _session(self._uri, self._pin, anew=anew)
        except _PIN_REFUSED:
            self._refused = f"{self._uri}: its PIN was refused, and is not tried again before the next start"
            raise
        self._private = _find(self._session, self._uri, ObjectClass.PRIVATE_KEY)
        if self._private is None:
            raise KeyUnusable(f"{self._uri}: the token holds no such private key")


def adopt_or_make(
    uri: TokenUri, pin: bytes, name_of: Callable[[bytes], VerifierKey]
) -> tuple[VerifierKey, bool]:
    """Return the public half of the key that the URI names, and whether it was made just now.

    A new one can sign, and cannot be read out. Raises KeyUnusable, also for a key that is no Ed25519 key.
    """
    with _told(uri):
        session = _session(uri, pin, write=True)
        try:
            private = _find(session, uri, ObjectClass.PRIVATE_KEY)
            made = private is None
            if made:
                public, private = _make(session, uri)
            else:
                public = _find(session, uri, ObjectClass.PUBLIC_KEY)
            if public is None:
                raise KeyUnusable(f"{uri}: the token holds a private key of that name, but no public one")
            for each in (private, public):
                if (
                    each.key_type is not KeyType.EC_EDWARDS
                    or bytes(each[Attribute.EC_PARAMS]) not in _ED25519
                ):
                    raise KeyUnusable(f"{uri}: is a key of another kind, must be Ed25519")
            key = name_of(bytes(public[Attribute.EC_POINT]).removeprefix(_POINT))
        finally:
            session.close()
    TokenKey(key, uri, pin).close()  # it signs, and what it signs verifies
    return key, made


def _make(session: Any, uri: TokenUri) -> tuple[Any, Any]:
    parameters = session.create_domain_parameters(
        KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _ED25519[0]}, local=True
    )
    made: tuple[Any, Any] = parameters.generate_keypair(
        mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
        store=True,
        label=uri.label,
        id=uri.id or os.urandom(8),
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
    return made


def _session(uri: TokenUri, pin: bytes, *, anew: bool = False, write: bool = False) -> Any:
    module = pkcs11.lib(str(uri.module))
    if anew:
        module.reinitialize()
    token = _token(module, uri)
    try:
        return token.open(rw=write, user_pin=pin.decode("utf-8", errors="surrogateescape"))
    except UserAlreadyLoggedIn:  # by another key's session: that holds for the whole process
        return token.open(rw=write)


def _token(module: Any, uri: TokenUri) -> Any:
    tokens = []
    for slot in module.get_slots(token_present=True):
        with suppress(PKCS11Error):
            tokens.append(slot.get_token())
    found = [token for token in tokens if uri.token.items() <= _described(token).items()]
    if len(found) != 1:
        there = ", ".join(repr(token.label) for token in tokens) or "none"
        raise KeyUnusable(f"{uri}: {len(found)} tokens match, must be one; {uri.module} has: {there}")
    return found[0]


def _described(token: Any) -> dict[str, str]:
    return {
        "token": token.label,
        "serial": token.serial.decode("utf-8", errors="replace").strip(),
        "manufacturer": token.manufacturer_id.strip(),
        "model": token.model.strip(),
    }


def _find(session: Any, uri: TokenUri, kind: Any) -> Any:
    wanted = {Attribute.CLASS: kind}
    if uri.label is not None:
        wanted[Attribute.LABEL] = uri.label
    if uri.id is not None:
        wanted[Attribute.ID] = uri.id
    found = list(session.get_objects(wanted))
    if len(found) > 1:
        raise KeyUnusable(f"{uri}: {len(found)} keys match, must be one; tell them apart by id=")
    return found[0] if found else None


@contextmanager
def _told(uri: TokenUri) -> Iterator[None]:
    """Say of what the module refuses which key it is about."""
    try:
        yield
    except _PIN_REFUSED as error:
        raise KeyUnusable(f"{uri}: the PIN was refused ({type(error).__name__})") from error
    except PKCS11Error as error:
        why = str(error) or type(error).__name__
        raise KeyUnusable(f"{uri}: the token cannot be used: {why}") from error
