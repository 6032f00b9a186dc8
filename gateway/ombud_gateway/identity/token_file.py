# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The file that holds tokens: TOML, readable and writable by its owner only, replaced as a whole."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ombud_gateway.identity.principal import Principal, parse_principal
from ombud_gateway.identity.token import Token, draw

_LARGEST = 16 << 20
_MOST_NOTE = 200
_HEADER = "# Ombud tokens. Kept by `ombud token`; secrets are not here, only their SHA-256.\n"


class TokenFileInvalid(Exception):
    """The file cannot be trusted as it is; the message names file, token and what would be right."""


def read_tokens(path: Path) -> dict[str, Token]:
    """Read all tokens by id; a file that does not exist holds none."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise TokenFileInvalid(f"{path}: writable by others than its owner; run: chmod 600 {path}")
            if status.st_size > _LARGEST:
                raise TokenFileInvalid(f"{path}: {status.st_size} bytes, must be at most {_LARGEST}")
            content = tomllib.loads(file.read().decode())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise TokenFileInvalid(f"{path}: {error}") from error
    tokens = content.get("tokens", {})
    if not isinstance(tokens, dict) or set(content) - {"tokens"}:
        raise TokenFileInvalid(f"{path}: must hold tables [tokens.<id>] and nothing else")
    return {token_id: _parse(path, token_id, table) for token_id, table in tokens.items()}


class TokenFile:
    """Creates, lists and revokes tokens, for the command line."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.path = path
        self._clock = clock
        self._randomness = randomness

    def create(self, principal: Principal, *, expires: datetime | None = None, note: str = "") -> str:
        """Add a token and return its text, which nobody can recover later."""
        parse_principal(str(principal))
        if not note.isprintable() or len(note) > _MOST_NOTE:
            raise ValueError(f"note must be at most {_MOST_NOTE} printable characters")
        created = self._clock().replace(microsecond=0)
        if expires is not None and (expires.tzinfo is None or expires <= created):
            raise ValueError("expires must be a time with time zone, in the future")
        with self._locked() as tokens:
            token_id, text, digest = draw(self._randomness)
            if token_id in tokens:
                raise RuntimeError("the source of randomness repeats itself")
            tokens[token_id] = Token(token_id, principal, created, expires, note, digest)
        return text

    def revoke(self, token_id: str) -> Token:
        """Remove a token and return what it was; raise `KeyError` if there is none of that id."""
        with self._locked() as tokens:
            return tokens.pop(token_id)

    def list(self) -> tuple[Token, ...]:
        """Return all tokens, oldest first."""
        return tuple(sorted(read_tokens(self.path).values(), key=lambda token: (token.created, token.id)))

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Token]]:
        """Hold the lock file, hand out the tokens, and put back what the caller made of them.

        The lock is a file of its own because the token file itself is replaced.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(
            self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tokens = read_tokens(self.path)
            yield tokens
            _replace(self.path, _write(tokens))
        finally:
            os.close(lock)


def _replace(path: Path, content: str) -> None:
    """Replace the file at once: after a crash it is the old one or the new one, never a part."""
    staged = path.with_name(f".{path.name}.new")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(tokens: Mapping[str, Token]) -> str:
    tables = []
    for token in sorted(tokens.values(), key=lambda token: (token.created, token.id)):
        lines = [
            f"[tokens.{token.id}]",
            f"principal = {_string(str(token.principal))}",
            f'sha256 = "{token.sha256.hex()}"',
            f"created = {token.created.isoformat()}",
        ]
        if token.expires is not None:
            lines.append(f"expires = {token.expires.isoformat()}")
        if token.note:
            lines.append(f"note = {_string(token.note)}")
        tables.append("\n".join(lines) + "\n")
    return "\n".join([_HEADER, *tables])


def _string(text: str) -> str:
    """Write printable text as a TOML basic string; its escapes are then those of JSON."""
    return json.dumps(text, ensure_ascii=False)


_KEYS = {"principal": str, "sha256": str, "created": datetime, "expires": datetime, "note": str}


def _parse(path: Path, token_id: str, table: Any) -> Token:
    where = f"{path}: tokens.{token_id}"
    if not isinstance(table, dict) or not {"principal", "sha256", "created"} <= set(table) <= set(_KEYS):
        raise TokenFileInvalid(f"{where}: must have principal, sha256, created, and may have expires, note")
    for key, value in table.items():
        if not isinstance(value, _KEYS[key]):
            raise TokenFileInvalid(f"{where}.{key}: must be a {_KEYS[key].__name__}")
        if isinstance(value, datetime) and value.tzinfo is None:
            raise TokenFileInvalid(f"{where}.{key}: must have a time zone")
    try:
        digest = bytes.fromhex(table["sha256"])
        principal = parse_principal(table["principal"])
    except ValueError as error:
        raise TokenFileInvalid(f"{where}: principal or sha256: {error}") from error
    if len(digest) != 32:
        raise TokenFileInvalid(f"{where}.sha256: must be 64 hexadecimal digits")
    return Token(token_id, principal, table["created"], table.get("expires"), table.get("note", ""), digest)
