# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The projection: which typed columns an entries file carries, and where in the record each comes from.

The one table that writer, verifier and views share. A key that is absent or of another type gives NULL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

from ombud_ledger.bulk import Block
from ombud_ledger.canonical import JSON


@dataclass(frozen=True, slots=True)
class Projected:
    """One typed column: its SQL name, type, path of keys in the record, and what it is, with its unit."""

    name: str
    type: str  # varchar, bigint, boolean, varchar[] or timestamp (integer microseconds UTC)
    path: tuple[str, ...]
    about: str


COLUMNS: Final = (
    Projected("ts", "timestamp", ("ts",), "time, by the writer's clock; microseconds, UTC"),
    Projected("kind", "varchar", ("kind",), "kind of entry"),
    Projected("id", "varchar", ("id",), "id of the call that the entry is about, as its caller was told it"),
    Projected(
        "system", "varchar", ("system",), "AI system the call belongs to, as its file in `systems/` is named"
    ),
    Projected("principal", "varchar", ("principal",), "who called, as a Cedar entity"),
    Projected("principal_type", "varchar", ("principal_type",), "Cedar type of the principal"),
    Projected(
        "action",
        "varchar",
        ("action",),
        "Cedar action that was asked for: `infer`, `invoke`, `read`, `approve`, ...",
    ),
    Projected("method", "varchar", ("method",), "method that was called"),
    Projected("resource", "varchar", ("resource",), "what was called, as a Cedar entity"),
    Projected("model", "varchar", ("model",), "model that was named"),
    Projected("model_version", "varchar", ("model_version",), "version of the model that answered"),
    Projected("verdict", "varchar", ("verdict",), "what policy said: `allow`, `deny` or `review`"),
    Projected("reason", "varchar", ("reason",), "why the call was refused or failed, as a code"),
    Projected(
        "stage", "varchar", ("stage",), "question that the verdict answers: before forwarding, or at release"
    ),
    Projected("outcome", "varchar", ("outcome",), "what became of the call: `answered`, `refused`, ..."),
    Projected("status", "varchar", ("status",), "gRPC status the caller got"),
    Projected("policies", "varchar[]", ("policies",), "ids of the determining policies, the first 32"),
    Projected("policies_total", "bigint", ("policies_total",), "number of determining policies"),
    Projected("bundle", "varchar", ("bundle",), "digest of the policy bundle asked; SHA-256, hex"),
    Projected(
        "contract", "varchar", ("contract",), "digest of the contract that typed the call; SHA-256, hex"
    ),
    Projected("entities", "varchar", ("entities",), "digest of the entity snapshot asked with; SHA-256, hex"),
    Projected(
        "config_digest", "varchar", ("config_digest",), "digest of the model's configuration; SHA-256, hex"
    ),
    Projected(
        "artifact_digest", "varchar", ("artifact_digest",), "digest of the model's files, or `not supplied`"
    ),
    Projected("review", "varchar", ("review",), "id of the review that the call opened or waits for"),
    Projected("approval", "varchar", ("approval",), "id of the review whose approval the call used"),
    Projected(
        "correlation_id",
        "varchar",
        ("correlation_id",),
        "id that ties calls of one case together, from the caller",
    ),
    Projected("run_id", "varchar", ("run_id",), "id of the workflow run, from the caller"),
    Projected(
        "attempt", "bigint", ("attempt",), "which attempt of the call this is, from the caller; number"
    ),
    Projected("trace_id", "varchar", ("trace_id",), "W3C trace id"),
    Projected("door", "varchar", ("door",), "front end that accepted the call"),
    Projected("route", "varchar", ("route",), "route the call took: stable, canary, shadow, fallback"),
    Projected("part", "bigint", ("part",), "which answer of a stream this is; number from 1"),
    Projected("final", "boolean", ("final",), "whether it is the last entry of its call"),
    Projected("cost_micros", "bigint", ("cost_micros",), "cost of the call; millionths of `currency`"),
    Projected("currency", "varchar", ("currency",), "currency of the cost"),
    Projected("request_bytes", "bigint", ("request_bytes",), "size of the request; bytes"),
    Projected("response_bytes", "bigint", ("response_bytes",), "size of the answer; bytes"),
    Projected(
        "added_us", "bigint", ("added_us",), "time the gateway added, without forwarding; microseconds"
    ),
    Projected(
        "identify_us",
        "bigint",
        (
            "steps",
            "identify",
        ),
        "time to identify the caller; microseconds",
    ),
    Projected(
        "contract_us",
        "bigint",
        (
            "steps",
            "contract",
        ),
        "time to type the call by its contract; microseconds",
    ),
    Projected(
        "decide_us",
        "bigint",
        (
            "steps",
            "decide",
        ),
        "time to ask policy before forwarding; microseconds",
    ),
    Projected(
        "forward_us",
        "bigint",
        (
            "steps",
            "forward",
        ),
        "time upstream; microseconds",
    ),
    Projected(
        "release_us",
        "bigint",
        (
            "steps",
            "release",
        ),
        "time to ask policy about the answer; microseconds",
    ),
    Projected(
        "breach_field",
        "varchar",
        (
            "breach",
            "field",
        ),
        "field that broke the contract",
    ),
    Projected(
        "breach_bound",
        "varchar",
        (
            "breach",
            "bound",
        ),
        "bound that the field broke",
    ),
    Projected(
        "event",
        "varchar",
        ("event",),
        "what happened to a review, policy, key, incident or request: `opened`, `approved`, ...",
    ),
    Projected("decision", "varchar", ("decision",), "id of the call that a label is about"),
    Projected(
        "label_kind", "varchar", ("label_kind",), "what a label tells: `observed`, `historical` or `expert`"
    ),
    Projected(
        "selection",
        "varchar",
        ("selection",),
        "how the labelled cases were chosen: `all`, `approved_only`, `denied_only`, `sample`, `appealed`, "
        "`unknown`",
    ),
    Projected(
        "observed_at",
        "timestamp",
        ("observed_at",),
        "when what a label tells was seen, as reported; microseconds, UTC",
    ),
    Projected("category", "varchar", ("category",), "what an incident or request is, in law"),
    Projected(
        "state",
        "varchar",
        ("state",),
        "state of an incident or request from the entry on: `open`, `answered`, `closed`",
    ),
    Projected(
        "began_at",
        "timestamp",
        ("began_at",),
        "when the clock of an incident (awareness) or request (receipt) began; microseconds, UTC",
    ),
    Projected("due_at", "timestamp", ("due_at",), "deadline of an incident or request; microseconds, UTC"),
    Projected(
        "met_at",
        "timestamp",
        ("met_at",),
        "when an incident was reported or a request answered; microseconds, UTC",
    ),
    Projected("review_group", "varchar", ("group",), "group a reviewer decided for"),
    Projected("approver", "varchar", ("approver",), "reviewer who decided, as a Cedar entity"),
    Projected("old_digest", "varchar", ("old",), "digest of what was in force before; SHA-256, hex"),
    Projected("new_digest", "varchar", ("new",), "digest of what is in force now; SHA-256, hex"),
    Projected("actor", "varchar", ("by",), "who made the change"),
    Projected("source", "varchar", ("source",), "where a change or label came from"),
    Projected("digest", "varchar", ("digest",), "digest of the thing the entry is about; SHA-256, hex"),
    Projected(
        "facts_contract",
        "varchar",
        ("facts_contract",),
        "digest of the contract that types the entry's facts; SHA-256, hex",
    ),
)

DERIVED: Final = MappingProxyType(
    {
        "log": "log the entry is in; `seq` counts within it, so join by both",
        "seq": "number of the entry in its log, from 0",
        "steps": "time of each step of the call, as JSON; microseconds",
        "chain": "chain value; 32 bytes",
        "record": "the record: the bytes that were hashed, canonical JSON",
        "facts": "the facts, canonical JSON; NULL once erased",
    }
)
"""What the views' other columns are."""

_PYTHON: Final[Mapping[str, type]] = {"varchar": str, "bigint": int, "boolean": bool, "timestamp": int}


def project(records: Sequence[Mapping[str, JSON]]) -> list[list[Any]]:
    """Return the values of every column of COLUMNS for the records, column by column."""
    present: set[str] = set().union(*records)
    nothing: list[Any] = [None] * len(records)
    return [_project(column, records) if column.path[0] in present else nothing for column in COLUMNS]


def project_block(block: Block) -> list[Sequence[Any] | None]:
    """Return what `project` returns for the records of a block; None for a column without any value."""
    return [_of_block(column, block) for column in COLUMNS]


def _of_block(column: Projected, block: Block) -> Sequence[Any] | None:
    name = column.path[0]
    if name not in block.columns:
        return None
    if len(column.path) == 1 and block.types[name] == {_PYTHON.get(column.type)}:
        return block.columns[name]
    if column.type == "varchar[]" and block.types[name] == {list}:
        lists = block.columns[name]
        if {str}.issuperset(map(type, chain.from_iterable(lists))):
            return lists
    inner = block.inner.get(name)
    if len(column.path) == 2 and inner is not None and len(inner) == 1:
        return _of_block(replace(column, path=column.path[1:]), inner[0])
    return _project(column, [{name: value} for value in block.columns[name]])


def _project(column: Projected, records: Sequence[Mapping[str, JSON]]) -> list[Any]:
    name = column.path[0]
    values = [record.get(name) for record in records]
    for key in column.path[1:]:
        values = [value.get(key) if type(value) is dict else None for value in values]
    if column.type == "varchar[]":
        return [value if _is_texts(value) else None for value in values]
    exact = _PYTHON[column.type]
    return [value if type(value) is exact else None for value in values]


def _is_texts(value: JSON) -> bool:
    return type(value) is list and all(type(part) is str for part in value)
