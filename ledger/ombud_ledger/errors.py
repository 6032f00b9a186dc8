# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a ledger, named by what the caller should do about it."""


class LedgerError(Exception):
    """Base of every error this package raises."""


class RecordInvalid(LedgerError):
    """The record or facts break the format: fix the call. Nothing was stored."""


class OriginMismatch(LedgerError):
    """The folder holds another log than the one named: fix the configuration."""


class ObjectMissing(LedgerError):
    """No object with this digest is stored."""


class LedgerOverloaded(LedgerError):
    """The queue is full: back off. Nothing was stored."""


class LedgerUnavailable(LedgerError):
    """The entry could not be made durable: refuse the call, retry later. It may surface after recovery."""


class LedgerClosed(LedgerUnavailable):
    """The ledger is closed or closing."""


class LedgerLocked(LedgerError):
    """Another process holds the log: stop it first, or ask it."""


class LedgerBroken(LedgerError):
    """Stored bytes contradict each other: stop and call an auditor."""


class LedgerUnreadable(LedgerError):
    """Stored bytes cannot be read, or are of a format or kind this version does not know."""


class NotProven(LedgerError):
    """A signature or proof does not hold: rely on nothing that it is to show."""


class KeyUnusable(LedgerError):
    """A signing key cannot be used: fix the key file, its passphrase, or the name it is for."""


class LedgerReadOnly(LedgerUnavailable):
    """The log contradicts what was signed of it; it takes no entries: call an auditor, begin a new log."""


class VaultUnusable(LedgerError):
    """The key store or its epoch key cannot be used: refuse the call, look at the vault."""


class SubjectUnknown(LedgerError):
    """The vault knows no such subject, or no such hold: nothing was done."""


class SubjectHeld(LedgerError):
    """The subject is under legal hold: release it first.

    Nothing was erased; of an erasure that was under way when the hold was placed, no key.
    """


class SubjectErased(LedgerError):
    """The pseudonym's subject is erased, or about to be: ask for the pseudonym again. Nothing was stored."""


class SubjectKeyMissing(LedgerError):
    """The key store has no key of this pseudonym and does not say that it was erased: is it the right one?"""


class QueryRefused(LedgerError):
    """The statement is not a single read-only SELECT, or none that can be run: mend it."""


class QueryStopped(LedgerError):
    """The statement took more than it may, of "seconds", "memory" or "rows": ask for less."""


class EntryBroken(LedgerBroken):
    """An entry that does not hold; `seq` says which."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.seq = seq


class EntryUnreadable(LedgerUnreadable):
    """An entry of a format or kind not known here; `seq` says which."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.seq = seq
