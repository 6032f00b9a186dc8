# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Prune: say in the log what goes, let a checkpoint cover that, delete. Doing it again finishes it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ombud_ledger import hot
from ombud_ledger.away import away as read_away
from ombud_ledger.away import stub_of
from ombud_ledger.canonical import MAX_RECORD, parse
from ombud_ledger.durable import Durable, exclusive, retire
from ombud_ledger.entry import OWN_KEYS
from ombud_ledger.errors import LedgerUnavailable
from ombud_ledger.kinds import FORMAT
from ombud_ledger.layout import LogLayout, holds_lock, is_kept
from ombud_ledger.place import Place
from ombud_ledger.pruned import Prune, gone_by, prune_of, prunes_in
from ombud_ledger.seal import digest_of
from ombud_ledger.segment import Progress

if TYPE_CHECKING:
    from ombud_ledger.prune_plan import Going, Plan  # which needs Arrow

FILES_PER_ENTRY: Final = 32  # a prune entry stays well under 16 KiB
_ORDER: Final = {"facts": 0, "payloads": 1, "entries": 2}


@dataclass(frozen=True, slots=True)
class Left:
    """A file that a prune entry names and that was not deleted, and why."""

    path: str
    entry: int
    why: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one prune of a log did, or would do."""

    log: str
    plan: "Plan"
    left: tuple[Left, ...]


def _nobody(what: str, done: int, total: int) -> None:
    """Tell nobody how far it is."""


class Pruner:
    """Carries out the steps of pruning one log, whose lock is held."""

    def __init__(
        self,
        layout: LogLayout,
        *,
        origin: str,
        place: Place,
        append: Callable[[str, Mapping[str, Any]], object],
        cover: Callable[[], None],
        durable: Durable,
        tell: Progress = _nobody,
    ) -> None:
        """`tell` learns what is done; what it raises ends the prune, as a crash there would."""
        self._layout = layout
        self._origin = origin
        self._place = place
        self._append = append
        self._cover = cover
        self._durable = durable
        self._tell = tell

    def run(self, *, now: int, by: str, before: int | None) -> Pruned:
        """Finish what a crash left, then plan and prune. Raises what `Ledger.prune_blocking` does."""
        self.finish_all()
        what = self.plan(now=now, before=before)
        return Pruned(self._layout.folder.name, what, tuple(self._prune(what, by)))

    def plan(self, *, now: int, before: int | None) -> "Plan":
        """Say what would go, and change nothing. Raises LedgerBroken, LedgerUnreadable."""
        from ombud_ledger.in_force import held_systems
        from ombud_ledger.prune_plan import plan  # here: opening a log does without Arrow

        held = held_systems(self._place)
        return plan(self._layout, origin=self._origin, now=now, held=held, limit=before, tell=self._tell)

    def finish_all(self) -> list[Left]:
        """Finish what a crash left of any prune; return what could not be deleted. Raises LedgerError."""
        return self.finish(prunes_in(self._layout))

    def finish_tail(self) -> None:
        """Finish what a crash left of a prune whose entry is in the hot tail, where most are."""
        self.finish(_hot_prunes(self._layout))

    def _prune(self, plan: "Plan", by: str) -> list[Left]:
        # 1. What is in force and would go unsaid is said again. A crash after this leaves it said twice.
        if plan.going:
            for seq, record in plan.restate:
                body = {key: value for key, value in record.items() if key not in OWN_KEYS}
                self._append(str(record["kind"]), {"restated": seq, **body})
        # 2. Say what goes: every file with its SHA-256, and by what declaration. Once an entry is durable,
        #    its files count as pruned. Each says how far entries are gone with its own files and no further,
        #    so that any number of them may be durable at a crash.
        for body in self._bodies(plan, by):
            self._append("prune", body)
        # 3. and 4. Cover, delete.
        return self.finish_all()

    def finish(self, prunes: Iterable[Prune]) -> list[Left]:
        """Delete what prune entries name and what is still there; return what must not be.

        Raises LedgerUnavailable.
        """
        # A file may be named twice: kept by a hold, written anew by an erasure, pruned in the end.
        named = gone_by(sorted(prunes, key=lambda each: -each.entry)).files
        todo = [
            (path, prune.files[path], prune.entry)
            for path, prune in named.items()
            if is_kept(self._layout.folder / path)
        ]
        if not todo:
            return []
        # 3. Let a signed checkpoint cover the entries, if the log is signed: nothing goes before others can
        #    be shown that it was said. A crash here leaves all files; the entries stand.
        self._cover()
        # 4. Delete: what depends on entries first, then entries, the oldest first. A crash leaves some files,
        #    which are still those that were sealed, and which the next prune or opening deletes. What is not
        #    as the entry says is evidence and stays; so does what came under a hold since.
        from ombud_ledger.prune_plan import holding  # here: opening a log does without Arrow

        left: list[Left] = []
        try:
            # A hold that another log records waits for all of it, or is seen.
            with exclusive(holds_lock(self._place.root)):
                why_left = holding(self._layout, self._place)
                for done, (path, digest, entry) in enumerate(sorted(todo, key=_in_order)):
                    self._tell("deleting", done, len(todo))
                    why = why_left(path)
                    with exclusive(self._layout.changing):
                        if not why and self._digest(path) != digest:
                            why = "its bytes are not those that the prune entry names"
                        if why:
                            left.append(Left(path, entry, why))
                        else:
                            self._retire(self._layout.folder / path)
            self._tell("deleting", len(todo), len(todo))
        except OSError as error:
            raise LedgerUnavailable(f"log {self._layout.folder.name}: pruning: {error}") from error
        return left

    def _retire(self, file: Path) -> None:
        # Whoever keeps a copy elsewhere removes that once neither is here.
        for each in (file, stub_of(file)):
            if each.exists():
                retire(each, self._durable, "prune")

    def _digest(self, path: str) -> str:
        # What lies elsewhere was hashed when it was let go here, and again when it was planned to go.
        away = read_away(self._layout.folder / path)
        return digest_of(self._layout.folder / path) if away is None else away.sha256

    def _bodies(self, plan: "Plan", by: str) -> list[dict[str, Any]]:
        bodies = []
        before, chain = plan.begins, plan.chain
        for start in range(0, len(plan.going), FILES_PER_ENTRY):
            files = plan.going[start : start + FILES_PER_ENTRY]
            for each in files:
                if each.part == "entries":
                    before, chain = each.file.last + 1, each.chain
            declared = {each.declared.system: each.declared for each in files}
            bodies.append(
                {
                    "format": FORMAT,
                    "origin": self._origin,
                    "before": before,
                    "chain": chain.hex(),
                    "files": [_file(each) for each in files],
                    "declared": [
                        {"system": name, "digest": each.digest, "entry": each.entry}
                        for name, each in sorted(declared.items())
                    ],
                    "by": by,
                }
            )
        return bodies


def _file(going: "Going") -> dict[str, Any]:
    return {
        "path": going.file.name,
        "sha256": going.sha256,
        "newest": going.newest,
        "system": going.declared.system,
        "period": str(going.declared.periods[going.part]),
    }


def _in_order(each: tuple[str, str, int]) -> tuple[int, str]:
    folder = each[0].partition("/")[0]
    return _ORDER[folder], each[0].rpartition("/")[2]


def _hot_prunes(layout: LogLayout) -> list[Prune]:
    found = []
    for file in layout.hot_files():
        with hot.reading(file.path) as db:
            cursor = db.execute(
                "SELECT seq, record FROM entries WHERE instr(record, ?)", (b'"kind":"prune"',)
            )
            for seq, data in cursor:
                record = parse(data, limit=MAX_RECORD)
                if record.get("kind") == "prune":
                    found.append(prune_of(seq, record))
    return found
