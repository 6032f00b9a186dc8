# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Reviews at rest: SQLAlchemy Core over SQLite, or any database it knows.

States: open -> approved -> claimed -> used; open -> rejected; open or approved -> expired; any -> erased,
with the person it was about. Each move is one conditional UPDATE, so two processes cannot both make it.
`open_key` is unique and holds the call's digest while a retry of the same call must find this review: so many
blind retries open one review.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from ombud_gateway.errors import Invalid, Unavailable

_META = sa.MetaData()
_REVIEWS = sa.Table(
    "reviews",
    _META,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("open_key", sa.String(96), unique=True, nullable=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("system", sa.String(256), nullable=False),
    sa.Column("principal", sa.String(600), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("resource", sa.String(600), nullable=False),
    sa.Column("groups", sa.Text, nullable=False),
    sa.Column("policies", sa.Text, nullable=False),
    sa.Column("opened", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False),
    sa.Column("correlation_id", sa.String(256), nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("part", sa.Integer, nullable=False, default=0),
    sa.Column("held", sa.LargeBinary, nullable=True),
    sa.Column("answer_sha256", sa.String(64), nullable=False, default=""),
    sa.Column("model_version", sa.String(256), nullable=False, default=""),
    sa.Column("config_digest", sa.String(64), nullable=False, default=""),
    sa.Column("claim", sa.String(64), nullable=False, default=""),
    sa.Column("subject", sa.String(32), nullable=False, default="", server_default=""),
    sa.Column("excluded", sa.Text, nullable=False, default="[]", server_default="[]"),
    sa.Index("reviews_by_state", "state", "opened"),
    sa.Index("reviews_by_digest", "digest"),
)
_APPROVALS = sa.Table(
    "approvals",
    _META,
    sa.Column("review", sa.String(64), sa.ForeignKey("reviews.id"), primary_key=True),
    sa.Column("group", sa.String(256), primary_key=True),
    sa.Column("approver", sa.String(600), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
)

_BY_SUBJECT = sa.Index("reviews_by_subject", _REVIEWS.c.subject)

CONTEST = "contest"
"""Stage of a review that no call waits for: somebody contests what was decided, and a human decides again."""
_EMPTY: dict[str, object] = {"held": None, "facts": ""}
"""What a settled review keeps of the person it was about: nothing; the ledger's facts have it, erasable."""


@dataclass(frozen=True, slots=True)
class NewReview:
    """What opens a review. Times in microseconds UTC; `held` is an encrypted answer (stage release).

    `subject` is the pseudonym of the person that the call is about, empty where there is none. Nobody who is
    `excluded`, as Cedar entity, may settle it.
    """

    id: str
    digest: str
    stage: str
    system: str
    principal: str
    action: str
    resource: str
    groups: tuple[str, ...]
    policies: tuple[str, ...]
    opened: int
    expires: int
    correlation_id: str
    facts: str
    part: int = 0
    held: bytes | None = None
    answer_sha256: str = ""
    model_version: str = ""
    config_digest: str = ""
    subject: str = ""
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Review(NewReview):
    """A review as it stands: its state, who claims it, which groups approved and by how many people."""

    state: str = "open"
    claim: str = ""
    approved_groups: tuple[str, ...] = ()
    approvers: int = 0

    def group(self, named: str) -> str:
        """Return the group a verdict is given for; raise `Invalid` where it is unclear or was not asked."""
        if named in self.groups:
            return named
        if not named and len(self.groups) == 1:
            return self.groups[0]
        raise Invalid("GROUP", f"group is {named!r}, expected one of {', '.join(self.groups)}")


class ReviewStore:
    """Every state change of reviews; blocking, so callers on an event loop use a thread."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, pool_pre_ping=True)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _make_sqlite_durable)
        _META.create_all(self._engine)
        _add_columns(self._engine)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def open(self, new: NewReview) -> tuple[Review, bool]:
        """Open a review, or return the one that already waits for the same call; the flag says which."""
        row = {**_columns(new), "state": "open", "open_key": _key(new.digest, new.stage, new.part)}
        try:
            with self._working() as connection:
                connection.execute(_REVIEWS.insert().values(row))
        except sa.exc.IntegrityError:
            found = self.blocking(new.digest, new.stage, new.part)
            if found is None:  # it was settled between the two statements: the place is free again
                return self.open(new)
            return found, False
        return _opened(new), True

    def blocking(self, digest: str, stage: str, part: int = 0) -> Review | None:
        """Return the review that a call of this digest must wait for."""
        where = _REVIEWS.c.open_key == _key(digest, stage, part)
        return next(iter(self._read(where, limit=1)), None)

    def waiting(self, digest: str, stage: str) -> Review | None:
        """Return the newest review that any answer to a call of this digest waits for."""
        where = sa.and_(
            _REVIEWS.c.digest == digest, _REVIEWS.c.stage == stage, _REVIEWS.c.open_key.is_not(None)
        )
        return next(iter(self._read(where, limit=1)), None)

    def get(self, review: str) -> Review | None:
        """Return one review by id."""
        return next(iter(self._read(_REVIEWS.c.id == review, limit=1)), None)

    def find(self, state: str, system: str, limit: int) -> list[Review]:
        """Return reviews, newest first; empty strings match everything."""
        where = sa.and_(
            sa.true() if not state else _REVIEWS.c.state == state,
            sa.true() if not system else _REVIEWS.c.system == system,
        )
        return self._read(where, limit=limit)

    def approve(self, review: str, group: str, approver: str, now: int) -> Review | None:
        """Add one group's approval to an open review; it is approved once every group has one."""
        with self._working() as connection:
            # Written first, changing nothing: whoever else settles this review waits from here on, so that
            # two last approvals cannot miss each other, nor an approval take back a rejection.
            held_open = connection.execute(
                _REVIEWS.update().where(_REVIEWS.c.id == review, _open_now(now)).values(state="open")
            )
            if held_open.rowcount != 1:
                return None
            asked = connection.execute(
                sa.select(_REVIEWS.c.groups).where(_REVIEWS.c.id == review)
            ).scalar_one()
            held = connection.execute(
                sa.select(_APPROVALS.c.group, _APPROVALS.c.approver).where(_APPROVALS.c.review == review)
            ).all()
            if (group, approver) not in {(had.group, had.approver) for had in held}:
                connection.execute(
                    _APPROVALS.insert().values(review=review, group=group, approver=approver, at=now)
                )
            if {*json.loads(asked)} <= {group, *(had.group for had in held)}:
                mine = _REVIEWS.update().where(_REVIEWS.c.id == review)
                connection.execute(mine.values(state="approved"))
                # No call comes to use it: it is over, and does not expire.
                over = mine.where(_REVIEWS.c.stage == CONTEST)
                connection.execute(over.values(open_key=None, **_EMPTY))
        return self.get(review)

    def reject(self, review: str, now: int) -> Review | None:
        """Reject an open or approved review; it keeps its place until it expires, so a retry is told so.

        An approved contest is over: nobody waits with what could be taken back.
        """
        undecided = sa.or_(_REVIEWS.c.state == "open", _REVIEWS.c.stage != CONTEST)
        only = sa.and_(_REVIEWS.c.expires > now, undecided)
        moved = self._move(review, ("open", "approved"), {"state": "rejected", **_EMPTY}, only)
        return self.get(review) if moved else None

    def claim(self, review: str, claim: str, now: int) -> bool:
        """Lock an approved review for one resuming call; False where another was faster."""
        return self._move(
            review, ("approved",), {"state": "claimed", "claim": claim}, _REVIEWS.c.expires > now
        )

    def unclaim(self, review: str, claim: str) -> bool:
        """Give a claim back: nothing was let through."""
        return self._move(review, ("claimed",), {"state": "approved", "claim": ""}, _REVIEWS.c.claim == claim)

    def use(self, review: str, claim: str) -> bool:
        """Consume an approval, after its intent is durable; the held answer goes with it."""
        return self._move(
            review, ("claimed",), {"state": "used", "open_key": None, **_EMPTY}, _REVIEWS.c.claim == claim
        )

    def claimed(self) -> list[Review]:
        """Return the reviews that a call had locked, for recovery."""
        return self._read(_REVIEWS.c.state == "claimed", limit=None)

    def blocking_digests(self, stage: str) -> set[str]:
        """Return the digests of calls that wait at a stage."""
        with self._working() as connection:
            rows = connection.execute(
                sa.select(_REVIEWS.c.digest).where(
                    _REVIEWS.c.open_key.is_not(None), _REVIEWS.c.stage == stage
                )
            )
            return {row.digest for row in rows}

    def expire(self, now: int) -> list[Review]:
        """Expire what is past its time, drop held answers, free places; return what expired undecided."""
        past = sa.and_(_REVIEWS.c.open_key.is_not(None), _REVIEWS.c.expires <= now)
        undecided = self._read(sa.and_(past, _REVIEWS.c.state.in_(("open", "approved"))), limit=1000)
        gone = [
            review
            for review in undecided
            if self._move(
                review.id, ("open", "approved"), {"state": "expired", "open_key": None, **_EMPTY}, sa.true()
            )
        ]
        with self._working() as connection:
            connection.execute(
                _REVIEWS.update().where(past, _REVIEWS.c.state == "rejected").values(open_key=None)
            )
        return gone

    def of_subject(self, subject: str) -> list[Review]:
        """Return every review of a person, by pseudonym, whatever its state."""
        return self._read(_REVIEWS.c.subject == subject, limit=None)

    def erase(self, subject: str) -> None:
        """Drop what is held of a person in every review: evidence, held answer, digests, and the tie itself.

        Afterwards neither the file nor its write-ahead log has it. Raises Unavailable where a reader is in
        the way for long; doing it again goes on.
        """
        with self._working() as connection:
            connection.execute(
                _REVIEWS.update()
                .where(_REVIEWS.c.subject == subject)
                .values(state="erased", open_key=None, digest="", answer_sha256="", subject="", **_EMPTY)
            )
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
            if busy:
                raise Unavailable("REVIEWS_UNAVAILABLE", "the store of reviews is busy; erase again")

    @contextmanager
    def _working(self) -> Iterator[sa.Connection]:
        """One transaction; a database that cannot work now is told as such."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            raise Unavailable("REVIEWS_UNAVAILABLE", "the store of reviews cannot work now") from error

    def _move(
        self, review: str, states: Iterable[str], values: dict[str, object], only: sa.ColumnElement[bool]
    ) -> bool:
        with self._working() as connection:
            moved = connection.execute(
                _REVIEWS.update()
                .where(_REVIEWS.c.id == review, _REVIEWS.c.state.in_(tuple(states)), only)
                .values(**values)
            )
            return bool(moved.rowcount == 1)

    def _read(self, where: sa.ColumnElement[bool], *, limit: int | None) -> list[Review]:
        with self._working() as connection:
            rows = connection.execute(
                sa.select(_REVIEWS).where(where).order_by(_REVIEWS.c.opened.desc()).limit(limit)
            ).all()
            given = connection.execute(
                sa.select(_APPROVALS).where(_APPROVALS.c.review.in_([row.id for row in rows]))
            ).all()
        return [_review(row, [one for one in given if one.review == row.id]) for row in rows]


def _open_now(now: int) -> sa.ColumnElement[bool]:
    return sa.and_(_REVIEWS.c.state == "open", _REVIEWS.c.expires > now)


def _opened(new: NewReview) -> Review:
    return Review(**{name: getattr(new, name) for name in NewReview.__dataclass_fields__})


def _key(digest: str, stage: str, part: int) -> str:
    """Later answers of one stream wait beside the first, each under a key of its own."""
    return f"{stage}:{digest}:{part}" if part > 1 else f"{stage}:{digest}"


def _fields(new: NewReview) -> dict[str, object]:
    return {name: getattr(new, name) for name in NewReview.__dataclass_fields__}


def _columns(new: NewReview) -> dict[str, object]:
    lists = {name: json.dumps(getattr(new, name)) for name in ("groups", "policies", "excluded")}
    return {**_fields(new), **lists}


def _review(row: sa.Row[tuple[object, ...]], given: list[sa.Row[tuple[object, ...]]]) -> Review:
    fields = {name: getattr(row, name) for name in (*NewReview.__dataclass_fields__, "state", "claim")}
    return Review(
        **{
            **fields,
            "groups": tuple(json.loads(fields["groups"])),
            "policies": tuple(json.loads(fields["policies"])),
            "excluded": tuple(json.loads(fields["excluded"])),
        },
        approved_groups=tuple(sorted({one.group for one in given})),
        approvers=len({one.approver for one in given}),
    )


def _add_columns(engine: sa.Engine) -> None:
    """Give a store made by an earlier release its newest columns."""
    names = {column["name"] for column in sa.inspect(engine).get_columns("reviews")}
    for name, declared in (
        ("subject", "VARCHAR(32) DEFAULT '' NOT NULL"),
        ("excluded", "TEXT DEFAULT '[]' NOT NULL"),
    ):
        if name not in names:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"ALTER TABLE reviews ADD COLUMN {name} {declared}")
    _BY_SUBJECT.create(engine, checkfirst=True)


def _make_sqlite_durable(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.execute("PRAGMA foreign_keys=ON")
    # What is dropped of a person is overwritten, not left in a page that happens to be free.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()
