# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is published, checked with the Go checksum database's own packages (sumdb/note, sumdb/tlog).

They are another's, older than this ledger, and in wide use. Debian has them as golang-go and
golang-golang-x-mod-dev; CI installs both. Without them these tests are skipped, unless OMBUD_REQUIRE_GO is
set.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ledger import samples
from ombud_ledger.layout import log_layout
from ombud_ledger.tlog.published import Published

GOPATH = Path("/usr/share/gocode")
VECTORS = Path(__file__).parents[2] / "ledger/vectors"
VKEY = (VECTORS / "vkeys.txt").read_text().strip()
MISSING = shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir()
pytestmark = pytest.mark.skipif(
    MISSING and not os.environ.get("OMBUD_REQUIRE_GO"),
    reason="golang-go or golang-golang-x-mod-dev is missing",
)

LAXER = {
    # note.Open drops what repeats a key, true or false, and does not ask how base64 was spelled.
    "notes/invalid/base64-loose-bits.txt",
    "notes/invalid/known-key-false-beside-true.txt",
    # Its own bounds are wider.
    "notes/invalid/size-65537.txt",
    "notes/invalid/thirty-three-signatures.txt",
}
NOT_OFFERED = {
    # Its packages refuse to prove anything of an empty tree.
    "proofs/valid/consistency-0-to-0.json",
    "proofs/valid/consistency-0-to-5.json",
}


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of tests/ledger/go, built."""
    folder = tmp_path_factory.mktemp("go")
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(folder / "cache"),
    }
    source = Path(__file__).parent / "go/check.go"
    go = shutil.which("go") or "go"
    subprocess.run([go, "build", "-o", folder / "check", source], env=environment, check=True)
    return folder / "check"


def said(check: Path, *arguments: object) -> list[str]:
    """Run the program and return what it says, a line per file."""
    done = subprocess.run(
        [check, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def accepted(check: Path, kind: str, *arguments: str) -> set[str]:
    """Return which vectors of a kind the Go packages accept."""
    files = sorted(VECTORS.glob(f"{kind}/*/*"))
    lines = said(check, *arguments, *files)
    pairs = zip(files, lines, strict=True)
    return {str(file.relative_to(VECTORS)) for file, line in pairs if line == "ok"}


def valid(kind: str) -> set[str]:
    """Return the valid vectors of a kind."""
    return {str(file.relative_to(VECTORS)) for file in VECTORS.glob(f"{kind}/valid/*")}


def test_notes(check: Path) -> None:
    """Every valid note opens; of the invalid ones, those alone on which Go is knowingly laxer."""
    assert accepted(check, "notes", "note", VKEY) == valid("notes") | LAXER


def test_proofs(check: Path) -> None:
    """Every valid proof holds, but for the empty tree's; no invalid one does."""
    assert accepted(check, "proofs", "proof") == valid("proofs") - NOT_OFFERED


@pytest.mark.parametrize("counts", [(3,), (252, 2, 1), (700, 70_000 - 703)])
def test_a_log(check: Path, tmp_path: Path, counts: tuple[int, ...]) -> None:
    """Checkpoint, each tile and receipts along a real log are those that the Go packages would make."""
    ledger = samples.open_log(tmp_path, signers=[samples.KEY])
    for count in counts:
        ledger.publish()
        for _ in range(count // 4_000):
            samples.fill(ledger, 4_000)
        samples.fill(ledger, count % 4_000)
    ledger.close()
    layout = log_layout(tmp_path, "r-0")
    published = Published(layout)
    size = published.checkpoint().checkpoint.size
    receipts = []
    for seq in sorted(
        {0, 1, size // 3, size // 2, size - 2, size - 1, min(255, size - 1), min(256, size - 1)}
    ):
        receipts.append(tmp_path / f"{seq}.tlog-proof")
        receipts[-1].write_bytes(published.receipt(seq).to_bytes())
    vkey = str(samples.KEY.key)
    assert said(check, "log", vkey, layout.pub, *receipts) == ["ok"] * len(receipts)
    checkpoints = [layout.pub / "checkpoint", *sorted((layout.pub / "checkpoints").glob("*/*"))]
    assert said(check, "note", vkey, *checkpoints) == ["ok"] * len(checkpoints)
