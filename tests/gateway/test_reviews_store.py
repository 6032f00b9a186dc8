# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Reviews at rest: every move between states, by one caller and by many at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ombud_gateway.errors import Invalid, Unavailable
from ombud_gateway.reviews import NewReview, Review, ReviewStore

NOW = 1_000
EXPIRES = 2_000
OLGA, PETER = 'User::"olga"', 'User::"peter"'
MANY = 20
MOVES = ("approve", "reject", "claim", "unclaim", "use", "other")

NEW = NewReview(
    id="r-1",
    digest="d" * 64,
    stage="infer",
    system="lending",
    principal='Agent::"intake"',
    action="infer",
    resource='Model::"scorer"',
    groups=("officers",),
    policies=("large",),
    opened=NOW,
    expires=EXPIRES,
    correlation_id="order-7",
    facts='{"input": {"amount": "2000.0"}}',
    held=b"sealed",
    answer_sha256="a" * 64,
    model_version="1",
    config_digest="c" * 64,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReviewStore]:
    """A store in a folder of its own."""
    one = ReviewStore(f"sqlite:///{tmp_path / 'reviews.sqlite'}")
    yield one
    one.close()


def as_review(new: NewReview, **more: Any) -> Review:
    """What the store returns for a review."""
    return Review(**{**{name: getattr(new, name) for name in NewReview.__dataclass_fields__}, **more})


def together(work: Callable[[int], Any]) -> list[Any]:
    """Do the same in many threads at once; return what each got."""
    line = threading.Barrier(MANY)

    def one(number: int) -> Any:
        line.wait()
        return work(number)

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(one, range(MANY)))


def test_any_held_answer_of_a_call_is_found(store: ReviewStore) -> None:
    """A retry waits for whichever answer of a stream is held, until none is."""
    third = replace(NEW, stage="release", part=3)
    store.open(third)
    assert store.waiting(NEW.digest, "release") == as_review(third)
    assert (store.waiting(NEW.digest, "infer"), store.waiting("e" * 64, "release")) == (None, None)
    store.expire(EXPIRES)
    assert store.waiting(NEW.digest, "release") is None


def test_way_of_an_approval(store: ReviewStore) -> None:
    """Opened, approved, claimed, used: afterwards nothing is kept of the person it was about."""
    assert store.open(NEW) == (as_review(NEW), True)
    assert store.open(replace(NEW, id="r-2")) == (as_review(NEW), False)
    assert store.get("r-1") == store.blocking(NEW.digest, "infer") == as_review(NEW)
    approved = as_review(NEW, state="approved", approved_groups=("officers",), approvers=1)
    assert store.approve("r-1", "officers", OLGA, NOW) == approved
    assert store.claim("r-1", "call-2", NOW)
    assert store.claimed() == [replace(approved, state="claimed", claim="call-2")]
    assert store.use("r-1", "call-2")
    assert store.get("r-1") == replace(approved, state="used", claim="call-2", held=None, facts="")
    assert store.open(replace(NEW, id="r-3"))[1]


def test_each_group_must_approve(store: ReviewStore) -> None:
    """A review that two groups were asked for is approved by the second; one person counts once."""
    store.open(replace(NEW, groups=("officers", "board")))
    first = store.approve("r-1", "officers", OLGA, NOW)
    again = store.approve("r-1", "officers", OLGA, NOW)
    assert first == again
    assert first is not None
    assert (first.state, first.approved_groups, first.approvers) == ("open", ("officers",), 1)
    last = store.approve("r-1", "board", PETER, NOW)
    assert last is not None
    assert (last.state, last.approved_groups, last.approvers) == ("approved", ("board", "officers"), 2)


def test_rejection_keeps_its_place(store: ReviewStore) -> None:
    """A rejected review answers retries until it expires, and cannot be approved or claimed any more."""
    store.open(NEW)
    store.approve("r-1", "officers", OLGA, NOW)
    rejected = store.reject("r-1", NOW)
    assert rejected is not None
    assert (rejected.state, rejected.held, rejected.facts) == ("rejected", None, "")
    assert store.open(replace(NEW, id="r-2")) == (rejected, False)
    assert store.approve("r-1", "officers", PETER, NOW) is None
    assert not store.claim("r-1", "call-2", NOW)
    assert store.reject("r-1", NOW) is None
    assert store.expire(EXPIRES) == []
    assert store.open(replace(NEW, id="r-2"))[1]


def test_expiry(store: ReviewStore) -> None:
    """Past its time a review cannot be settled or claimed; a claimed one is left to its call."""
    store.open(NEW)
    assert store.expire(EXPIRES - 1) == []
    assert store.approve("r-1", "officers", OLGA, EXPIRES) is None
    assert store.reject("r-1", EXPIRES) is None
    assert [review.id for review in store.expire(EXPIRES)] == ["r-1"]
    gone = store.get("r-1")
    assert gone is not None
    assert (gone.state, gone.held, gone.facts) == ("expired", None, "")
    store.open(replace(NEW, id="r-2"))
    store.approve("r-2", "officers", OLGA, NOW)
    assert not store.claim("r-2", "call-2", EXPIRES)
    assert store.claim("r-2", "call-2", EXPIRES - 1)
    assert store.expire(EXPIRES) == []
    assert store.unclaim("r-2", "call-2")
    assert [review.id for review in store.expire(EXPIRES)] == ["r-2"]


def test_parts_of_a_stream_wait_beside_each_other(store: ReviewStore) -> None:
    """Later answers of one stream have places of their own; a call and its answer too."""
    assert store.open(NEW)[1]
    assert store.open(replace(NEW, id="r-2", stage="release"))[1]
    assert store.open(replace(NEW, id="r-3", stage="release", part=2))[1]
    assert not store.open(replace(NEW, id="r-4", stage="release", part=1))[1]
    assert store.blocking_digests("release") == {NEW.digest}


def test_find(store: ReviewStore) -> None:
    """Reviews are found by state and system, newest first."""
    for number in range(3):
        one = replace(
            NEW, id=f"r-{number}", digest=f"{number:064}", opened=NOW + number, system=f"s{number % 2}"
        )
        store.open(one)
    store.approve("r-1", "officers", OLGA, NOW)
    assert [review.id for review in store.find("", "", 10)] == ["r-2", "r-1", "r-0"]
    assert [review.id for review in store.find("open", "", 1)] == ["r-2"]
    assert [review.id for review in store.find("", "s1", 10)] == ["r-1"]
    assert store.find("used", "", 10) == []
    assert store.get("unknown") is None


def test_group_of_a_verdict() -> None:
    """A verdict names one of the groups asked; it may leave it out where there is one."""
    assert as_review(NEW).group("") == "officers"
    two = as_review(replace(NEW, groups=("officers", "board")))
    assert two.group("board") == "board"
    for asked, named in ((two, ""), (two, "others"), (as_review(NEW), "board")):
        with pytest.raises(Invalid, match="expected one of officers"):
            asked.group(named)


def test_twenty_threads_open_one_review(store: ReviewStore) -> None:
    """The same call, opened by many at once, has one review, and all of them get it."""
    got = together(lambda number: store.open(replace(NEW, id=f"r-{number}")))
    assert len({review.id for review, _ in got}) == 1
    assert sum(opened for _, opened in got) == 1
    assert len(store.find("", "", 100)) == 1


def test_one_of_twenty_claims(store: ReviewStore) -> None:
    """An approval is claimed by exactly one of many; only that one gives it back or uses it."""
    store.open(NEW)
    store.approve("r-1", "officers", OLGA, NOW)
    got = together(lambda number: store.claim("r-1", f"call-{number}", NOW))
    assert sum(got) == 1
    winner = f"call-{got.index(True)}"
    assert not store.unclaim("r-1", "call-x")
    assert not store.use("r-1", "call-x")
    assert store.use("r-1", winner)
    assert not store.use("r-1", winner)
    assert not store.unclaim("r-1", winner)


def test_last_approvals_do_not_miss_each_other(store: ReviewStore) -> None:
    """Twenty groups that approve at the same moment leave an approved review."""
    groups = tuple(f"g{number:02}" for number in range(MANY))
    store.open(replace(NEW, groups=groups))
    together(lambda number: store.approve("r-1", groups[number], f'User::"u{number}"', NOW))
    settled = store.get("r-1")
    assert settled is not None
    assert (settled.state, settled.approved_groups, settled.approvers) == ("approved", groups, MANY)


def test_approval_never_takes_back_a_rejection(store: ReviewStore) -> None:
    """Of approvals and a rejection at the same moment, a rejection that succeeded is what stands."""
    for round_ in range(5):
        new = replace(NEW, id=f"r-{round_}", digest=f"{round_:064}")
        store.open(new)

        def settle(number: int, review: str = new.id) -> Review | None:
            if number % 2:
                return store.reject(review, NOW)
            return store.approve(review, "officers", f'User::"u{number}"', NOW)

        got = together(settle)
        assert sum(one is not None for number, one in enumerate(got) if number % 2) == 1
        settled = store.get(new.id)
        assert settled is not None
        assert settled.state == "rejected"


def test_locked_database_is_unavailable(tmp_path: Path) -> None:
    """A database that does not answer refuses calls to come again, not with its own words."""
    url = f"sqlite:///{tmp_path / 'reviews.sqlite'}"
    store = ReviewStore(url)
    with sqlite3.connect(tmp_path / "reviews.sqlite") as other:
        other.execute("DROP TABLE approvals")
    other.close()
    with pytest.raises(Unavailable, match="the store of reviews cannot work now") as refusal:
        store.get("r-1")
    assert refusal.value.reason == "REVIEWS_UNAVAILABLE"
    store.close()


def test_a_person_is_erased_from_every_review(store: ReviewStore, tmp_path: Path) -> None:
    """Open or settled, each is closed as erased; the files beside keep nothing, and others' reviews all."""
    name = '{"input": {"applicant": "anna-4711"}}'
    about = replace(NEW, subject="7" * 32, facts=name, held=b"sealed-for-anna")
    store.open(about)
    store.open(replace(about, id="r-2", digest="e" * 64))
    store.reject("r-2", NOW)
    other = replace(NEW, id="r-3", digest="f" * 64, subject="b" * 32)
    store.open(other)
    assert sorted(review.id for review in store.of_subject("7" * 32)) == ["r-1", "r-2"]

    store.erase("7" * 32)

    nothing = replace(about, digest="", answer_sha256="", held=None, facts="", subject="")
    assert store.get("r-1") == as_review(nothing, state="erased")
    second = store.get("r-2")
    assert second is not None
    assert (second.state, second.digest) == ("erased", "")
    assert store.get("r-3") == as_review(other)
    assert store.of_subject("7" * 32) == []
    assert store.open(replace(about, id="r-4"))[1], "the same call can be reviewed anew"
    store.erase("7" * 32)
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for gone in (b"anna", b"7" * 32, b"d" * 64, b"e" * 64):
        assert gone not in kept


def test_a_settled_contest_does_not_expire(store: ReviewStore) -> None:
    """No call comes to use its approval, so it is over at once; what it showed is dropped."""
    contest = replace(NEW, stage="contest", held=None, excluded=(OLGA,), facts="{}")
    assert store.open(contest) == (as_review(contest), True)
    settled = store.approve("r-1", "officers", PETER, NOW)
    assert settled is not None
    assert (settled.state, settled.facts, settled.excluded) == ("approved", "", (OLGA,))
    assert store.expire(EXPIRES) == []
    assert store.get("r-1") == settled


def test_a_store_of_an_earlier_release_is_gone_on_with(tmp_path: Path) -> None:
    """Its reviews are about nobody that is known, and can be settled as ever."""
    url = f"sqlite:///{tmp_path / 'reviews.sqlite'}"
    earlier = ReviewStore(url)
    earlier.open(NEW)
    earlier.close()
    with sqlite3.connect(tmp_path / "reviews.sqlite") as before:
        before.execute("DROP INDEX reviews_by_subject")
        before.execute("ALTER TABLE reviews DROP COLUMN subject")
        before.execute("ALTER TABLE reviews DROP COLUMN excluded")
    before.close()
    for _ in range(2):
        store = ReviewStore(url)
        assert store.get("r-1") == as_review(NEW)
        store.close()
    store = ReviewStore(url)
    assert store.approve("r-1", "officers", OLGA, NOW) is not None
    store.close()


class Reviewing(RuleBasedStateMachine):
    """One call's reviews, moved about at random, against a model of a dozen lines."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.store = ReviewStore(f"sqlite:///{self.folder.name}/reviews.sqlite")
        self.now = NOW
        self.count = 0
        self.states: dict[str, str] = {}
        self.expires: dict[str, int] = {}
        self.claims: dict[str, str] = {}
        self.place = ""
        """The review that a retry of the call finds."""

    def teardown(self) -> None:
        """Give the folder back."""
        self.store.close()
        self.folder.cleanup()

    @rule(life=st.integers(1, 50))
    def open(self, life: int) -> None:
        """A call that needs review, new or again."""
        self.count += 1
        name = f"r-{self.count}"
        review, opened = self.store.open(replace(NEW, id=name, opened=self.now, expires=self.now + life))
        assert opened == (not self.place)
        if opened:
            self.place, self.states[name], self.expires[name] = name, "open", self.now + life
        assert review.id == self.place

    @rule(steps=st.integers(1, 30))
    def wait(self, steps: int) -> None:
        """Time passes."""
        self.now += steps

    @precondition(lambda self: self.count)
    @rule(
        back=st.integers(0, 3), act=st.sampled_from(["approve", "reject", "claim", "unclaim", "use", "other"])
    )
    def move(self, back: int, act: str) -> None:
        """One of the moves, on one of the latest reviews."""
        name = f"r-{max(self.count - back, 1)}"
        state, alive = self.states.get(name, ""), self.expires.get(name, 0) > self.now
        claim = self.claims.get(name, "c")
        if act == "approve":
            moved = self.store.approve(name, "officers", OLGA, self.now) is not None
            self._moved(name, moved, state == "open" and alive, "approved")
        elif act == "reject":
            moved = self.store.reject(name, self.now) is not None
            self._moved(name, moved, state in {"open", "approved"} and alive, "rejected")
        elif act == "claim":
            self.claims[name] = f"c-{self.now}"
            moved = self.store.claim(name, self.claims[name], self.now)
            if not moved:
                self.claims[name] = claim
            self._moved(name, moved, state == "approved" and alive, "claimed")
        elif act == "unclaim":
            self._moved(name, self.store.unclaim(name, claim), state == "claimed", "approved")
        elif act == "use":
            self._moved(name, self.store.use(name, claim), state == "claimed", "used")
        else:
            assert not self.store.use(name, "another call")

    @rule()
    def expire(self) -> None:
        """The sweep."""
        due = {
            name
            for name, state in self.states.items()
            if state in {"open", "approved"} and self.expires[name] <= self.now
        }
        assert {review.id for review in self.store.expire(self.now)} == due
        for name in due:
            self._moved(name, True, True, "expired")
        if self.states.get(self.place) == "rejected" and self.expires[self.place] <= self.now:
            self.place = ""

    @invariant()
    def agrees(self) -> None:
        """The store holds what the model holds; spent reviews hold nothing of the person."""
        reviews = {review.id: review for review in self.store.find("", "", 100)}
        assert {name: review.state for name, review in reviews.items()} == self.states
        blocking = self.store.blocking(NEW.digest, NEW.stage)
        assert (blocking.id if blocking else "") == self.place
        for review in reviews.values():
            spent = review.state in {"used", "rejected", "expired"}
            assert (review.held is None, review.facts == "") == (spent, spent)

    def _moved(self, name: str, moved: bool, may: bool, to: str) -> None:
        assert moved == may, (name, self.states.get(name), to)
        if moved:
            self.states[name] = to
            if to in {"used", "expired"}:
                self.place = ""


TestReviewing = Reviewing.TestCase
TestReviewing.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
