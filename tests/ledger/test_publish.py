# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Publishing: what `pub/` holds after each checkpoint, and when a log must not go on."""

import asyncio
import json
import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ledger import samples
from ombud_ledger import (
    KeyUnusable,
    Ledger,
    LedgerBroken,
    LedgerLocked,
    LedgerReadOnly,
    LedgerUnavailable,
    verify,
)
from ombud_ledger.hashing import leaf_hash
from ombud_ledger.layout import LogLayout, log_layout
from ombud_ledger.records import whole_stretch
from ombud_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ombud_ledger.tlog.keyfile import SigningKey
from ombud_ledger.tlog.merkle import root_of
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.signed_head import SignedHead, SignedHeads
from ombud_ledger.tlog.tiles import Edge, tiles_of

SIGNED = [samples.KEY]


def layout_of(root: Path) -> LogLayout:
    """Return the layout of the one log."""
    return log_layout(root, "r-0")


def assert_published(root: Path, size: int) -> None:
    """Fail unless checkpoint, tiles and signed head of `size` are those that the stored records make."""
    layout = layout_of(root)
    pub = Pub(layout.pub)
    leaves = [leaf_hash(entry.record) for entry in whole_stretch(layout, 0, size)]
    checkpoint = Checkpoint(samples.ORIGIN, size, root_of(leaves))
    data = pub.checkpoint()
    assert data is not None
    signed = parse_checkpoint(data)
    assert signed.checkpoint == checkpoint
    assert signed.verify([samples.KEY.key]) == (samples.KEY.key,)
    edge = Edge()
    made = {tile.id: tile.data for tile in (*edge.extend(leaves), *edge.partial())}
    assert {tile: pub.tile(tile) for tile in tiles_of(size)} == made
    heads = SignedHeads(layout.signed, lambda _, act: act())
    head = heads.load()
    heads.close()
    (last,) = whole_stretch(layout, size - 1, size)
    assert head == SignedHead(size, checkpoint.root, last.chain, data)


def events(root: Path) -> list[dict[str, str]]:
    """Return what the log's key entries say."""
    layout = layout_of(root)
    rows = [json.loads(entry.record) for entry in whole_stretch(layout, 0, size_of(root))]
    return [{k: v for k, v in row.items() if k not in {"kind", "ts"}} for row in rows if row["kind"] == "key"]


def size_of(root: Path) -> int:
    """Return how many entries a log holds."""
    return verify(root).logs[0].size


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_checkpoint_covers_what_is_durable(tmp_path: Path) -> None:
    """Each checkpoint has the root, the tiles and the signature of exactly the entries there are."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    for count in (1, 2, 253, 1, 300):
        samples.fill(ledger, count)
        note = ledger.publish()
        assert note == Pub(layout_of(tmp_path).pub).checkpoint()
        assert_published(tmp_path, ledger.size)
    before = files_below(layout_of(tmp_path).pub)
    ledger.publish()
    assert files_below(layout_of(tmp_path).pub) == before
    ledger.close()
    assert_published(tmp_path, ledger.size)
    samples.assert_sound(tmp_path)


def test_partial_tiles_go_when_full(tmp_path: Path) -> None:
    """Each checkpoint's partial tile stays until the full one is there; then it is cut from that."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    ledger.publish()
    samples.fill(ledger, 98)
    ledger.publish()
    folder = layout_of(tmp_path).pub / "tile/0"
    assert sorted(path.name for path in (folder / "000.p").iterdir()) == ["100", "2"]
    samples.fill(ledger, 200)
    ledger.publish()
    assert sorted(path.name for path in folder.iterdir()) == ["000", "001.p"]
    # Trees of sizes of which no checkpoint was published are told from wider tiles.
    pub, leaves = Pub(layout_of(tmp_path).pub), whole_stretch(layout_of(tmp_path), 0, 300)
    hashes = [leaf_hash(entry.record) for entry in leaves]
    assert {Edge.load(size, pub.tile).root() == root_of(hashes[:size]) for size in (1, 99, 257, 280)} == {
        True
    }
    assert_published(tmp_path, 300)
    ledger.close()


def test_what_pub_holds(tmp_path: Path) -> None:
    """Tiles, the checkpoint, one kept an hour and one per seal, and nothing else; all for the owner alone."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    samples.fill(ledger, 3)
    ledger.publish()
    samples.fill(ledger, 3)
    ledger.publish()
    samples.fill(ledger, 3)
    ledger.seal_blocking()
    samples.fill(ledger, 3)
    ledger.close()
    pub = Pub(layout_of(tmp_path).pub)
    names = [str(path.relative_to(pub.folder)) for path in pub.kept()]
    assert names == ["checkpoints/2023-11/14T22-000000000005", "checkpoints/2023-11/14T22-000000000012"]
    sizes = [parse_checkpoint(path.read_bytes()).checkpoint.size for path in pub.kept()]
    assert sizes == [5, 12]
    assert {path.split("/")[0] for path in files_below(pub.folder)} == {"tile", "checkpoint", "checkpoints"}
    assert {path.stat().st_mode & 0o077 for path in pub.folder.rglob("*")} == {0}
    later = samples.open_log(tmp_path, signers=SIGNED, start=1_700_000_000_000_000 + 3_600_000_000)
    later.publish()
    later.close()
    assert [path.name for path in pub.kept()][2:] == [f"14T23-{later.size - 1:012d}"]


def test_a_seal_is_covered_before_the_hot_file_goes(tmp_path: Path) -> None:
    """Where no checkpoint can be published, a sealed segment's hot file stays until one is."""
    refuse = threading.Event()

    def durable(step: str, act: object) -> None:
        if refuse.is_set() and step.startswith("publish."):
            raise OSError(28, "No space left on device")
        assert callable(act)
        act()

    ledger = samples.open_log(tmp_path, signers=SIGNED, durable=durable)
    samples.fill(ledger, 5)
    refuse.set()
    with pytest.raises(LedgerUnavailable, match="no checkpoint could be published"):
        ledger.seal_blocking()
    assert len(layout_of(tmp_path).hot_files()) == 2
    samples.assert_sound(tmp_path)
    refuse.clear()
    ledger.seal_blocking()
    assert len(layout_of(tmp_path).hot_files()) == 1
    assert_published(tmp_path, ledger.size)
    ledger.close()


def test_the_thread_publishes_by_itself(tmp_path: Path) -> None:
    """Without being asked, what was appended is covered soon, and calls do not wait for it."""
    options = replace(samples.QUIET, publish_automatically=True, publish_seconds=0.01)
    ledger = samples.open_log(tmp_path, signers=SIGNED, options=options)
    reached = threading.Event()
    pub = ledger._signing.publisher
    assert pub is not None
    put = pub._pub.put_checkpoint

    def told(note: bytes) -> None:
        put(note)
        if parse_checkpoint(note).checkpoint.size == 52:
            reached.set()

    pub._pub.put_checkpoint = told  # type: ignore[method-assign]
    samples.fill(ledger, 50)
    assert reached.wait(20)
    assert_published(tmp_path, 52)
    ledger.close()


def test_a_failing_publisher_does_not_stop_calls(tmp_path: Path) -> None:
    """While nothing can be published, entries are recorded, and it is told; afterwards it catches up."""
    refuse = threading.Event()

    def durable(step: str, act: object) -> None:
        if refuse.is_set() and step.startswith("publish."):
            raise OSError(5, "Input/output error")
        assert callable(act)
        act()

    ledger = samples.open_log(tmp_path, signers=SIGNED, durable=durable)
    refuse.set()
    samples.fill(ledger, 400)
    for _ in range(3):
        with pytest.raises(LedgerUnavailable, match="no checkpoint could be published"):
            ledger.publish()
    assert ledger.state == "serving"
    refuse.clear()
    ledger.publish()
    assert_published(tmp_path, 402)
    ledger.close()


def test_leaves_that_were_not_handed_on(tmp_path: Path) -> None:
    """What the writer's hand-over lost is read from the log's files, sealed and hot."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    publisher = ledger._signing.publisher
    assert publisher is not None
    samples.fill(ledger, 20)
    ledger.seal_blocking()
    samples.fill(ledger, 20)
    publisher._handed.clear()
    ledger.publish()
    assert_published(tmp_path, ledger.size)
    samples.fill(ledger, 20)
    publisher._handed.clear()
    samples.fill(ledger, 20)
    ledger.publish()
    assert_published(tmp_path, ledger.size)
    ledger.close()


def test_signing_may_begin_late(tmp_path: Path) -> None:
    """A log that began unsigned is signed from its first entry once it has a key."""
    samples.build(tmp_path, sealed=(300, 5), hot=9)
    assert not layout_of(tmp_path).pub.exists()
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    ledger.publish()
    assert_published(tmp_path, ledger.size)
    ledger.close()
    unsigned = samples.open_log(tmp_path)
    assert unsigned.publish() is None
    samples.fill(unsigned, 3)
    unsigned.close()
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    ledger.close()
    assert_published(tmp_path, ledger.size)


def test_keys_are_entries(tmp_path: Path) -> None:
    """The log says which keys sign it: the first, one added beside it, the first retired."""
    one, two = str(samples.KEY.key), str(samples.NEXT_KEY.key)
    added = [
        {"event": "added", "key_id": samples.KEY.key.id.hex(), "vkey": one},
        {"event": "added", "key_id": samples.NEXT_KEY.key.id.hex(), "vkey": two},
    ]
    retired = {"event": "retired", "key_id": samples.KEY.key.id.hex()}
    for signers, expected in (
        ([samples.KEY], added[:1]),
        ([samples.KEY], added[:1]),
        ([samples.KEY, samples.NEXT_KEY], added),
        ([samples.NEXT_KEY], [*added, retired]),
    ):
        ledger = samples.open_log(tmp_path, signers=signers)
        ledger.close()
        assert events(tmp_path) == expected
        data = Pub(layout_of(tmp_path).pub).checkpoint()
        assert data is not None
        keys = tuple(signer.key for signer in signers)
        assert parse_checkpoint(data).verify([samples.KEY.key, samples.NEXT_KEY.key]) == keys


def test_a_key_of_another_name_is_refused(tmp_path: Path) -> None:
    """A key for another origin does not sign this log."""
    other = SigningKey.from_seed("other.example", bytes(32))
    with pytest.raises(KeyUnusable, match=r"is for 'other\.example'"):
        samples.open_log(tmp_path, signers=[other])
    samples.open_log(tmp_path, signers=SIGNED).close()


def refuses(root: Path, why: str) -> None:
    """Fail unless the log opens read-only, signed or not, says why, and takes nothing."""
    for signers in (SIGNED, []):
        before = layout_of(root).signed.read_bytes() if layout_of(root).signed.exists() else b""
        ledger = samples.open_log(root, signers=signers)
        assert ledger.state == "read-only"
        assert why in ledger.why
        with pytest.raises(LedgerReadOnly, match="is read-only: "):
            ledger.append_blocking("label", {"id": "x"})
        with pytest.raises(LedgerReadOnly, match="is read-only: "):
            asyncio.run(ledger.append("label", {"id": "x"}))
        with pytest.raises(LedgerUnavailable, match="is read-only"):
            ledger.seal_blocking()
        assert ledger.latest("genesis") is not None
        ledger.close()
        assert layout_of(root).signed.read_bytes() == before or not before


def test_a_rolled_back_volume(tmp_path: Path) -> None:
    """An older hot file under a newer signed head: read-only, and it says that entries are missing."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    samples.fill(ledger, 5)
    ledger.close()
    shutil.copytree(layout_of(tmp_path).hot, tmp_path / "older")
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    samples.fill(ledger, 5)
    ledger.close()
    shutil.rmtree(layout_of(tmp_path).hot)
    shutil.copytree(tmp_path / "older", layout_of(tmp_path).hot)
    refuses(tmp_path, f"the log ends at 8 entries, but a checkpoint of {ledger.size} is signed")


def test_a_rolled_back_volume_that_went_on(tmp_path: Path) -> None:
    """The older copy grown past the signed size with other entries is not what was signed."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    ledger.close()
    shutil.copytree(tmp_path / "logs", tmp_path / "older")
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    samples.fill(ledger, 5)
    ledger.close()
    shutil.rmtree(layout_of(tmp_path).hot)
    shutil.copytree(tmp_path / "older/r-0/hot", layout_of(tmp_path).hot)
    signed = layout_of(tmp_path).signed
    signed.rename(tmp_path / "signed")
    unsigned = samples.open_log(tmp_path)
    samples.fill(unsigned, 20, start=50)
    unsigned.close()
    (tmp_path / "signed").rename(signed)
    refuses(tmp_path, f"entry {ledger.size - 1} is not the one that the signed checkpoint of {ledger.size}")


def test_a_lost_signed_head(tmp_path: Path) -> None:
    """Without its file, or with an older one, the published checkpoint binds; the log goes on from it."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    ledger.close()
    shutil.copyfile(layout_of(tmp_path).signed, tmp_path / "older")
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    samples.fill(ledger, 5)
    ledger.close()
    shutil.copyfile(tmp_path / "older", layout_of(tmp_path).signed)
    samples.open_log(tmp_path, signers=SIGNED).close()
    layout_of(tmp_path).signed.unlink()
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    assert ledger.state == "serving"
    ledger.close()
    assert_published(tmp_path, ledger.size)


def test_a_lost_signed_head_under_a_checkpoint_of_more(tmp_path: Path) -> None:
    """With the signed head gone, a published checkpoint that the log does not reach makes it read-only."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    ledger.close()
    layout = layout_of(tmp_path)
    good = (layout.pub / "checkpoint").read_bytes()
    for size, root, why in (
        (ledger.size + 1, bytes(32), "is published: entries are missing"),
        (ledger.size, bytes(32), "have another root than the checkpoint published of them"),
    ):
        layout.signed.unlink()
        forged = sign_checkpoint(Checkpoint(samples.ORIGIN, size, root), SIGNED)
        (layout.pub / "checkpoint").write_bytes(forged)
        ledger = samples.open_log(tmp_path, signers=SIGNED)
        assert ledger.state == "read-only"
        assert why in ledger.why
        ledger.close()
    layout.signed.unlink()
    (layout.pub / "checkpoint").write_bytes(b"torn")
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    assert "it cannot be read" in ledger.why
    ledger.close()
    (layout.pub / "checkpoint").write_bytes(good.replace(b"acme", b"evil"))
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    assert "the published checkpoint is of 'evil" in ledger.why
    ledger.close()


def test_a_fork_in_what_is_published(tmp_path: Path) -> None:
    """A published checkpoint of the signed size with another root is a fork: read-only."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    ledger.close()
    forged = sign_checkpoint(Checkpoint(samples.ORIGIN, ledger.size, bytes(32)), SIGNED)
    (layout_of(tmp_path).pub / "checkpoint").write_bytes(forged)
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    assert "has another root than the signed one" in ledger.why
    ledger.close()


def test_an_older_checkpoint_put_back(tmp_path: Path) -> None:
    """An older, torn or missing published checkpoint is replaced by the signed one."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    older = ledger.publish()
    assert older is not None
    samples.fill(ledger, 3)
    ledger.close()
    path = layout_of(tmp_path).pub / "checkpoint"
    newest = path.read_bytes()
    for content in (older, b"torn", None):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        opened = samples.open_log(tmp_path, signers=SIGNED)
        assert opened.state == "serving"
        assert path.read_bytes() != content
        opened.close()
        assert_published(tmp_path, opened.size)
    assert newest != path.read_bytes()


def test_lost_tiles_are_made_again(tmp_path: Path) -> None:
    """Tiles that are missing or cut short are made from the entries; the log goes on."""
    samples.build(tmp_path, sealed=(300,), hot=5, signers=SIGNED)
    tiles = layout_of(tmp_path).pub / "tile"
    (tiles / "0/000").write_bytes(b"")
    shutil.rmtree(tiles / "1")
    partial = max((tiles / "0/001.p").iterdir(), key=lambda path: int(path.name))
    partial.write_bytes(partial.read_bytes()[:-32])
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    assert ledger.state == "serving"
    ledger.close()
    assert_published(tmp_path, ledger.size)


def test_a_changed_tile_halts(tmp_path: Path) -> None:
    """Other hashes at a tile's path: nothing is published or recorded any more, at start or while running."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    samples.fill(ledger, 3)
    ledger.publish()
    told: list[str] = []
    ledger.on_state = told.append
    planted = layout_of(tmp_path).pub / f"tile/0/000.p/{ledger.size + 2}"
    planted.write_bytes(bytes((ledger.size + 2) * 32))
    samples.fill(ledger, 2)
    with pytest.raises(LedgerBroken, match="was published with other hashes"):
        ledger.publish()
    assert (ledger.state, told) == ("read-only", ["read-only"])
    with pytest.raises(LedgerReadOnly, match="was published with other hashes"):
        ledger.append_blocking("label", {"id": "x"})
    ledger.close()
    planted.unlink()
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    ledger.close()
    for path in (layout_of(tmp_path).pub / "tile/0/000.p").iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    assert "was published with other hashes" in ledger.why
    ledger.close()


def test_the_signed_head_is_swapped_not_set(tmp_path: Path) -> None:
    """Neither a smaller size, nor another root of one size, nor a head somebody else moved can be signed."""
    path = tmp_path / "state/signed.sqlite"
    heads = SignedHeads(path, lambda _, act: act())
    assert heads.load() is None
    head = SignedHead(5, bytes(32), bytes(32), b"note")
    heads.advance(None, head)
    assert heads.load() == head
    for other in (head._replace(size=4), head._replace(root=b"\1" * 32)):
        with pytest.raises(LedgerBroken, match="a checkpoint of size 5 is signed"):
            heads.advance(head, other)
    with pytest.raises(LedgerBroken, match="another process signed"):
        heads.advance(None, head._replace(size=6))
    with pytest.raises(LedgerBroken, match="another process signed"):
        heads.advance(head._replace(size=3), head._replace(size=7))
    assert heads.load() == head
    heads.close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.execute("PRAGMA user_version=2")
    db.close()
    with pytest.raises(Exception, match="not a signed head of version 1"):
        SignedHeads(path, lambda _, act: act())


def test_two_writers(tmp_path: Path) -> None:
    """A second process cannot open, and so cannot sign, a log that is held."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    with pytest.raises(LedgerLocked):
        samples.open_log(tmp_path, signers=SIGNED)
    ledger.close()
    assert isinstance(ledger, Ledger)


class Moody:
    """A signer whose library fails in a way nobody foresaw, until it is well again."""

    key = samples.KEY.key
    ill = False

    def sign(self, message: bytes) -> bytes:
        """Sign, or do not."""
        if self.ill:
            raise RuntimeError("the module is gone")
        return samples.KEY.sign(message)


def test_whatever_a_signer_raises_is_told_and_tried_again(tmp_path: Path) -> None:
    """Appends go on, `publish_error` says why nothing is published, and it ends with its cause."""
    signer = Moody()
    ledger = samples.open_log(tmp_path, signers=[signer])
    ledger.publish()
    signer.ill = True
    ledger.append_blocking("label", {"id": "one"})
    with pytest.raises(LedgerUnavailable, match="the module is gone"):
        ledger.publish()
    assert ledger.publish_error is not None
    signer.ill = False
    assert ledger.publish() is not None
    assert ledger.publish_error is None
    ledger.close()
    samples.assert_sound(tmp_path)


def test_every_file_of_a_signed_log_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Files are 0600 and folders 0700, as FORMAT.md says."""
    samples.build(tmp_path, signers=SIGNED)
    modes = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert {path.name: oct(mode) for path, mode in modes.items() if path.is_file() and mode != 0o600} == {}
    assert {path.name: oct(mode) for path, mode in modes.items() if path.is_dir() and mode != 0o700} == {}
