# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Decide: the one place where Cedar is asked.

1. The action must be declared, and apply to these types of principal and resource.
2. The slice of policies whose scope fits is found, or built once and kept.
3. The context they can reach is written, checked against the schema.
4. A verdict on the very same question is remembered.
5. Cedar decides. Any error is a denial: Cedar skips a policy that errors, so a forbid would vanish.
6. A denial by curable forbids alone is asked again without them; if that is an allow, it is a review.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from cedarpy import Decision, PolicySet, is_authorized

from ombud_policies.errors import ContextInvalid
from ombud_policies.question import DEFAULT_CAPTURE, Capture, Kind, Question, Uid, Verdict
from ombud_policies.schema import EntityType
from ombud_policies.slices import Index, Slice, build_slice, strictest

if TYPE_CHECKING:
    from ombud_policies.bundle import Bundle

MOST_CLASSES = 8_192
"""Remembered ways of asking (principal, action, resource), past which the oldest is forgotten."""
MOST_SLICES = 1_024
"""Remembered slices; many ways of asking share one."""

MOST_VERDICTS = 8_192
"""Remembered verdicts; a confidence of four digits, say, soon repeats itself."""
LONGEST_REMEMBERED = 1_024
"""Characters of context beyond which a verdict is not worth its memory."""

_Class: TypeAlias = tuple[str, str | None, str, str, str | None]
_K = TypeVar("_K")
_V = TypeVar("_V")
_Keep: TypeAlias = tuple[Capture, frozenset[str]]
_NOTHING: _Keep = (DEFAULT_CAPTURE, frozenset())


class _Answer(NamedTuple):
    allowed: bool
    reasons: tuple[str, ...]
    errors: tuple[str, ...]


class Engine:
    """Decides by one bundle. Immutable but for bounded memos, so that a swap is one assignment.

    Safe to use from several threads at once.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.permits_anonymous = bundle.permits_anonymous
        self._digests = bundle.digest, bundle.entities_digest
        self._index = Index(bundle.policies, bundle.actions, bundle.hierarchy)
        self._entities = bundle.entities
        self._classes: dict[_Class, Slice] = {}
        self._slices: dict[tuple[str, tuple[str, ...], _Keep], Slice] = {}
        self._refused: dict[tuple[str, str, str | None], _Keep] = {}
        self._allowed: dict[tuple[str, ...], Verdict] = {}
        self._verdicts: dict[tuple[str, str, str, str, str, str], Verdict] = {}
        self._building = threading.Lock()

    def decide(self, question: Question) -> Verdict:
        """Return what policy says of a question; never raises for its content, always fails closed."""
        principal, resource, action = question.principal, question.resource, question.action
        # 1. Declared action and types.
        refusal = self._undeclared(principal, action, resource)
        if refusal:
            return self._verdict("deny", keep=_NOTHING, errors=(refusal,))
        # 2. The slice.
        part = self._slice(principal, action, resource)
        # 3. The reachable context.
        try:
            context = part.encode(question.context)
        except ContextInvalid as error:
            return self._verdict("deny", keep=part.refused, errors=(str(error),))
        # 4. What was asked before, to the letter of what policies can reach, has the same answer: a bundle's
        #    policies and entities never change, and Cedar knows neither clock nor chance.
        key = (principal.type, principal.id, action, resource.type, resource.id, context)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._judge(question, part, context)
            if not verdict.errors and len(context) <= LONGEST_REMEMBERED:
                with self._building:
                    _remember(self._verdicts, key, verdict, MOST_VERDICTS)
        return verdict

    def least_capture(self, principal: Uid, action: str, resource: Uid) -> Capture:
        """Return the least that a verdict on such a question, whatever its context, lets be kept."""
        if self._undeclared(principal, action, resource):
            return _NOTHING[0]
        return self._slice(principal, action, resource).refused[0]  # of all who may ask, so of this one too

    def _judge(self, question: Question, part: Slice, context: str) -> Verdict:
        principal, resource = question.principal, question.resource
        request: dict[str, Any] = {
            "principal": {"type": principal.type, "id": principal.id},
            "action": {"type": "Action", "id": question.action},
            "resource": {"type": resource.type, "id": resource.id},
            "context": context,
        }
        # 5. Cedar decides.
        answer = self._ask(request, part.all)
        if answer.errors:
            return self._verdict("deny", keep=part.refused, errors=answer.errors)
        if answer.allowed:
            return self._allow(part, answer)
        determining = [part.by_id[name] for name in answer.reasons]
        # 6. Curable?
        if part.uncured is None or not determining or not all(policy.curable for policy in determining):
            return self._verdict("deny", answer.reasons, keep=part.refused)
        cured = self._ask(request, part.uncured)
        if not cured.allowed or cured.errors:
            return self._verdict("deny", answer.reasons, keep=part.refused, errors=cured.errors)
        groups = sorted({group for policy in determining for group in policy.obligations.groups})
        return self._verdict("review", answer.reasons, tuple(groups), keep=_keep(part, cured))

    def _allow(self, part: Slice, answer: _Answer) -> Verdict:
        """Return the one verdict that these permits give; it depends on nothing else."""
        found = self._allowed.get(answer.reasons)
        if found is None:
            found = self._verdict("allow", answer.reasons, keep=_keep(part, answer))
            with self._building:
                _remember(self._allowed, answer.reasons, found, MOST_SLICES)
        return found

    def _undeclared(self, principal: Uid, action: str, resource: Uid) -> str | None:
        declared = self.bundle.actions.get(action)
        if declared is None:
            return f"action {action!r} is not one that the schema applies to anything"
        if not _is_one_of(declared.principals.get(principal.type), principal):
            return f"the schema does not apply {action!r} to principal {principal}"
        if not _is_one_of(declared.resources.get(resource.type), resource):
            return f"the schema does not apply {action!r} to resource {resource}"
        return None

    def _slice(self, principal: Uid, action: str, resource: Uid) -> Slice:
        known = self._index.known
        key = (
            principal.type,
            principal.id if known(principal) else None,
            action,
            resource.type,
            resource.id if known(resource) else None,
        )
        found = self._classes.get(key)
        if found is not None:
            return found
        with self._building:
            return self._build(key, principal, action, resource)

    def _build(self, key: _Class, principal: Uid, action: str, resource: Uid) -> Slice:
        fitting = self._index.fitting(principal, action, resource)
        refused = self._refused.get(key[2:])
        if refused is None:
            anyone = self._index.fitting_anyone(action, resource)
            refused = strictest(policy.obligations for policy in anyone)
            _remember(self._refused, key[2:], refused, MOST_CLASSES)
        name = (action, tuple(policy.id for policy in fitting), refused)
        found = self._slices.get(name)
        if found is None:
            found = build_slice(fitting, refused, self.bundle.actions[action].context)
            _remember(self._slices, name, found, MOST_SLICES)
        _remember(self._classes, key, found, MOST_CLASSES)
        return found

    def _ask(self, request: dict[str, Any], policies: PolicySet) -> _Answer:
        try:
            result = is_authorized(request, policies, self._entities)
        except (ValueError, TypeError) as error:  # such as an id that is no Unicode
            return _Answer(False, (), (f"Cedar could not be asked: {error}",))
        diagnostics = result.diagnostics
        errors = tuple(sorted(diagnostics.errors))
        decision = result.decision
        if decision is Decision.NoDecision and not errors:
            errors = ("Cedar gave no decision",)
        return _Answer(decision is Decision.Allow, tuple(sorted(diagnostics.reasons)), errors)

    def _verdict(
        self,
        kind: Kind,
        policies: tuple[str, ...] = (),
        groups: tuple[str, ...] = (),
        *,
        keep: _Keep,
        errors: tuple[str, ...] = (),
    ) -> Verdict:
        return Verdict(kind, policies, groups, keep[0], keep[1], errors, *self._digests)


def _is_one_of(declared: EntityType | None, uid: Uid) -> bool:
    return declared is not None and (declared.ids is None or uid.id in declared.ids)


def _keep(part: Slice, answer: _Answer) -> _Keep:
    return strictest(part.by_id[name].obligations for name in answer.reasons)


def _remember(memo: dict[_K, _V], key: _K, value: _V, most: int) -> None:
    if len(memo) >= most:
        memo.pop(next(iter(memo)))
    memo[key] = value
