# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Write a first schema for a user's own model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from cedarpy import Schema

from ombud_policies.errors import DraftInvalid

_PLAIN = re.compile(r"(?!(?:if|then|else|true|false|in|is|like|has|__cedar)\Z)[A-Za-z_][A-Za-z0-9_]*")
FEATURE_TYPES = ("decimal", "Long", "Bool", "String")

_TEXT = """\
// The vocabulary of this gateway. When the bundle loads, its policies are validated against it, strictly.
entity Group;
entity Agent in [Group];
entity Workflow in [Group];
entity Service in [Group];
entity User in [Group];
entity Anonymous;
entity System;
entity Model in [System];
entity Upstream;
entity Gateway;
entity Review;
entity Vault;

type Approval = { review: String, groups: Set<String>, approvers: Long };
// One of these is there: an attribute has one type in Cedar, and a requester may be of any.
type Requester = {
  agent?: Agent, anonymous?: Anonymous, service?: Service, user?: User, workflow?: Workflow,
};

// What a model is asked and what it answers, as its contract types them.
type Input = %(input)s;
type Output = %(output)s;

action infer appliesTo {
  principal: [Agent, Workflow, Service, User, Anonymous],
  resource: [Model],
  context: {
    system: String, method: String, model_version: String, shared_memory: Bool, attempt: Long,
    approval?: Approval, input: Input,
  },
};
// Asked once the answer is there, before it leaves.
action release appliesTo {
  principal: [Agent, Workflow, Service, User, Anonymous],
  resource: [Model],
  context: {
    system: String, method: String, model_version: String, shared_memory: Bool, attempt: Long,
    approval?: Approval, input: Input, output: Output,
  },
};
// Asked before a model answers for an explanation: `cases` made-up ones at once, of `decision` if of one.
// No case is anybody's application, so nothing is asked of the answer; it counts as no decision.
action explain appliesTo {
  principal: [Agent, Workflow, Service, User, Anonymous],
  resource: [Model],
  context: {
    system: String, method: String, model_version: String, cases: Long, decision: String,
    approval?: Approval,
  },
};
action read appliesTo {
  principal: [Agent, Workflow, Service, User, Anonymous],
  resource: [Model, Upstream, Gateway, Vault],
  context: { system: String, method: String, approval?: Approval },
};
action administer appliesTo {
  principal: [Agent, Workflow, Service, User, Anonymous],
  resource: [Model, Upstream, Gateway, Vault],
  context: { system: String, method: String, declared_digest?: String, approval?: Approval },
};
action approve appliesTo {
  principal: [User, Service],
  resource: [Review],
  context: {
    system: String, method: String, group: String, requester: Requester, stage: String, decision: String,
  },
};
action activate appliesTo {
  principal: [User, Service],
  resource: [Gateway],
  context: { system: String, method: String, old: String, new: String },
};
// Of people: what is kept of one is read from, held in and erased from the vault.
action erase appliesTo {
  principal: [User, Service],
  resource: [Vault],
  context: { system: String, method: String },
};
// What came of a system's calls.
action label appliesTo {
  principal: [Agent, Workflow, Service, User],
  resource: [System],
  context: { system: String, method: String },
};
// What the law wants reported of a system, and reports on it: `report` is the kind asked for, "" where
// an incident is kept; `texts`: with what people wrote. `explain` shows the features of single decisions.
action report appliesTo {
  principal: [Agent, Workflow, Service, User],
  resource: [System],
  context: { system: String, method: String, report: String, texts: Bool },
};
// Nothing applies to these yet.
action invoke, stop;
"""


def draft_schema(inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    """Return the schema of a gateway whose model has these features.

    Each feature maps to `decimal`, `Long`, `Bool` or `String`, with a `?` after it where a call may leave the
    feature out: `{"loan_amount": "decimal", "liquid_assets": "decimal?"}`. Raises DraftInvalid for others.
    """
    text = _TEXT % {"input": _record(inputs), "output": _record(outputs)}
    try:
        Schema.from_str(text)
    except ValueError as error:
        raise DraftInvalid(f"Cedar cannot use the drafted schema: {error}") from error
    return text


def _record(features: Mapping[str, str]) -> str:
    if not features:
        return "{}"
    return "{\n" + "".join(f"  {_attribute(name, kind)},\n" for name, kind in features.items()) + "}"


def _attribute(name: str, kind: str) -> str:
    plain = kind.removesuffix("?")
    if plain not in FEATURE_TYPES:
        raise DraftInvalid(
            f"feature {name!r} is of type {kind!r}; it must be one of {', '.join(FEATURE_TYPES)}"
        )
    if not name.isprintable() or not name:
        raise DraftInvalid(f"feature {name!r} has no printable name")
    optional = "?" if kind.endswith("?") else ""
    written = name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)
    return f"{written}{optional}: {plain}"
