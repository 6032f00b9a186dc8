# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a bundle: which there may be, how large, how they are read safely, packed and named by digest.

Packed form, version 1 (the digest of a bundle is the SHA-256 of it, so `objects/<digest>` holds it)::

    ombud-bundle/1\n
    <size in decimal, no leading zeros> <name>\n<size bytes>        for each file, names in byte order
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from ombud_policies.errors import BundleInvalid, Problem

SCHEMA = "schema.cedarschema"
ENTITIES = "entities.json"
MOST_FILES = 512
LARGEST_FILE = 32 * 2**20
LARGEST_BUNDLE = 64 * 2**20

_HEAD = b"ombud-bundle/1\n"
_KNOWN = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.cedar|schema\.cedarschema|entities\.json"
    r"|tests/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.yaml)"
)
_ENTRY = re.compile(rb"(0|[1-9][0-9]{0,9}) ([A-Za-z0-9._/-]{1,128})\n")


def read_folder(folder: Path) -> dict[str, bytes]:
    """Read a bundle's files; raise BundleInvalid for links, strangers, oversizes. README.md is left out."""
    problems: list[Problem] = []
    files: dict[str, bytes] = {}
    for inside in ("", "tests"):
        place = folder / inside
        if inside and not os.path.lexists(place):
            continue
        try:
            _read_level(place, inside, files, problems.append)
        except OSError as error:
            problems.append(Problem(inside or str(folder), f"cannot be read: {error.strerror or error}"))
    if problems:
        raise BundleInvalid(tuple(problems))
    return files


def _read_level(place: Path, inside: str, files: dict[str, bytes], report: Callable[[Problem], None]) -> None:
    if inside and place.is_symlink():
        report(Problem(inside, "is a symbolic link; put the folder itself here"))
        return
    for name in sorted(os.listdir(place)):  # noqa: PTH208 - names, not paths
        full = f"{inside}/{name}" if inside else name
        if full in {"README.md", "tests"}:
            continue
        if not _KNOWN.fullmatch(full):
            report(Problem(full, f"does not belong in a bundle; {_BELONGS}"))
            continue
        if len(files) >= MOST_FILES:
            report(Problem(full, f"is one too many; a bundle has at most {MOST_FILES} files"))
            return
        left = LARGEST_BUNDLE - sum(map(len, files.values()))
        content = _read_file(place / name, full, min(LARGEST_FILE, left), report)
        if content is not None:
            files[full] = content


def _read_file(path: Path, name: str, most: int, report: Callable[[Problem], None]) -> bytes | None:
    # O_NOFOLLOW: a link could pull a file from outside into the bundle.
    # O_NONBLOCK: a FIFO would hang the reader.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = (
            "is a symbolic link; put the file itself here"
            if path.is_symlink()
            else f"cannot be read: {error.strerror}"
        )
        report(Problem(name, why))
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            report(Problem(name, "is not a regular file"))
            return None
        content = file.read(most + 1)
    if len(content) > most:
        report(Problem(name, f"is too large; {_SIZES}"))
        return None
    return content


def check_files(files: Mapping[str, bytes], report: Callable[[Problem], None]) -> None:
    """Report every file that does not belong, is too large, or is missing."""
    for name, content in files.items():
        if not _KNOWN.fullmatch(name):
            report(Problem(name, f"does not belong in a bundle; {_BELONGS}"))
        if len(content) > LARGEST_FILE:
            report(Problem(name, f"is too large; {_SIZES}"))
    if len(files) > MOST_FILES:
        report(Problem("", f"the bundle has {len(files)} files; at most {MOST_FILES} are allowed"))
    if sum(map(len, files.values())) > LARGEST_BUNDLE:
        report(Problem("", f"the bundle is too large; {_SIZES}"))
    if SCHEMA not in files:
        report(Problem(SCHEMA, "is missing; a bundle is validated strictly against its own schema"))
    if ENTITIES not in files:
        report(Problem(ENTITIES, "is missing; write [] into it if no entity has groups or attributes"))
    if not any(name.endswith(".cedar") for name in files):
        report(Problem("policies.cedar", "is missing; a bundle has at least one *.cedar file"))


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the packed form; equal files give equal bytes."""
    parts = [_HEAD]
    for name in sorted(files, key=str.encode):
        parts += [f"{len(files[name])} {name}\n".encode(), files[name]]
    return b"".join(parts)


def unpack(packed: bytes) -> dict[str, bytes]:
    """Return the files of a packed bundle; raise BundleInvalid unless packing them gives the same bytes."""
    if len(packed) > LARGEST_BUNDLE + MOST_FILES * 160:
        raise BundleInvalid((Problem("", f"the packed bundle is too large; {_SIZES}"),))
    if not packed.startswith(_HEAD):
        raise BundleInvalid((Problem("", "is not a packed bundle of version 1"),))
    files: dict[str, bytes] = {}
    at = len(_HEAD)
    while at < len(packed):
        entry = _ENTRY.match(packed, at)
        if entry is None or entry.end() + int(entry[1]) > len(packed):
            raise BundleInvalid((Problem("", f"the packed bundle is damaged at byte {at}"),))
        at = entry.end() + int(entry[1])
        files[entry[2].decode()] = packed[entry.end() : at]
    if pack(files) != packed:
        raise BundleInvalid(
            (Problem("", "the packed bundle is not in canonical order, or names a file twice"),)
        )
    return files


def bundle_digest(files: Mapping[str, bytes]) -> str:
    """Return the digest a bundle of these files would have, valid or not: SHA-256 of its packed form."""
    return hashlib.sha256(pack(files)).hexdigest()


_BELONGS = f"it holds *.cedar, {SCHEMA}, {ENTITIES}, tests/*.yaml and README.md"
_SIZES = f"a file has at most {LARGEST_FILE >> 20} MiB, all together {LARGEST_BUNDLE >> 20} MiB"
