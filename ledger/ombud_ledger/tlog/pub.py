# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The folder `pub/` of a log: exactly the layout of C2SP tlog-tiles, to be served or copied as it is.

`tile/...` are immutable, `checkpoint` is replaced whole; `checkpoints/` keeps older ones, `cosigned`
the newest that enough witnesses cosigned.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ombud_ledger.durable import Durable, act_now, make_folder, retire, store
from ombud_ledger.errors import LedgerBroken, LedgerUnreadable
from ombud_ledger.hashing import HASH_BYTES
from ombud_ledger.tlog.note import MOST_BYTES
from ombud_ledger.tlog.tiles import WIDTH, Tile, TileId

_MOST_TILE = WIDTH * HASH_BYTES


class Pub:
    """Reads and writes the files of one `pub/`."""

    def __init__(self, folder: Path, durable: Durable = act_now) -> None:
        self.folder = folder
        self._durable = durable

    def checkpoint(self) -> bytes | None:
        """Return the bytes of the newest published checkpoint, None if there is none."""
        return _read(self.folder / "checkpoint", MOST_BYTES)

    def cosigned(self) -> bytes | None:
        """Return the newest checkpoint that enough witnesses cosigned, None if there is none."""
        return _read(self.folder / "cosigned", MOST_BYTES)

    def tile(self, tile: TileId) -> bytes:
        """Return a tile's bytes; of a partial one that is not there, cut from the full or a wider one.

        Raises LedgerUnreadable.
        """
        for each in self._forms(tile):
            data = _read(self.folder / each.path, _MOST_TILE)
            if data is not None:
                if len(data) != each.width * HASH_BYTES:
                    raise LedgerUnreadable(
                        f"{each.path} has {len(data)} bytes, not {each.width * HASH_BYTES}"
                    )
                return data[: tile.width * HASH_BYTES]
        raise LedgerUnreadable(f"{tile.path} is missing")

    def _forms(self, tile: TileId) -> Iterator[TileId]:
        yield tile
        full = tile._replace(width=WIDTH)
        yield full
        for path in (self.folder / f"{full.path}.p").glob("*"):
            if path.name.isdecimal() and int(path.name) > tile.width:
                yield tile._replace(width=int(path.name))

    def put_tile(self, tile: Tile) -> None:
        """Make a tile durable at its path. Raises LedgerBroken if other bytes are there, OSError."""
        path = self.folder / tile.id.path
        there = _read(path, _MOST_TILE)
        if there == tile.data:
            return
        # A file of another length was never a tile: a disk may leave one after a power cut.
        if there is not None and len(there) == len(tile.data):
            raise LedgerBroken(f"{tile.id.path} was published with other hashes than the log's entries have")
        store(path, tile.data, self._durable, "publish.tile")

    def put_checkpoint(self, note: bytes) -> None:
        """Replace the published checkpoint, whole."""
        store(self.folder / "checkpoint", note, self._durable, "publish.checkpoint")

    def put_cosigned(self, note: bytes) -> None:
        """Replace the newest cosigned checkpoint, whole."""
        store(self.folder / "cosigned", note, self._durable, "publish.cosigned")

    def keep(self, note: bytes, size: int, ts: int) -> None:
        """Put a checkpoint of that size and time (microseconds UTC) among the older ones."""
        hour = _hour(ts)
        path = self.folder / "checkpoints" / f"{hour:%Y-%m}" / f"{hour:%dT%H}-{size:012d}"
        store(path, note, self._durable, "publish.history")

    def has_kept(self, ts: int) -> bool:
        """Say whether one is kept of the hour of `ts`."""
        hour = _hour(ts)
        return any((self.folder / "checkpoints" / f"{hour:%Y-%m}").glob(f"{hour:%dT%H}-*"))

    def kept(self) -> list[Path]:
        """Return the files of the older checkpoints, by time and size."""
        return sorted((self.folder / "checkpoints").glob("*/*T*-*"))

    def drop_partial(self, tile: TileId) -> None:
        """Remove the partial forms of a tile that is published in full, as tlog-tiles allows."""
        full = tile._replace(width=WIDTH)
        folder = self.folder / f"{full.path}.p"
        if (self.folder / full.path).is_file() and folder.is_dir():
            for path in folder.iterdir():
                retire(path, self._durable, "publish.partial")
            folder.rmdir()

    def prepare(self) -> None:
        """Make the folder; drop what a crash left half written."""
        make_folder(self.folder)
        for path in self.folder.glob("*.tmp"):  # those of tiles go with the partial tiles
            path.unlink()


def _read(path: Path, most: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LedgerUnreadable(f"{path.name}: cannot be read: {error.strerror}") from error
    if len(data) > most:
        raise LedgerUnreadable(f"{path.name}: more than {most} bytes")
    return data


def _hour(ts: int) -> datetime:
    return datetime.fromtimestamp(ts // 1_000_000, UTC)
