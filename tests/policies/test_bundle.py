# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle loads whole and sound, or is refused with everything that is wrong in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from ombud_policies import (
    Bundle,
    BundleInvalid,
    Engine,
    Problem,
    bundle_digest,
    draft_observe,
    draft_schema,
    run_tests,
    starter_bundle,
)
from ombud_policies.starters import STARTERS

PERMIT = '@id("p") permit (principal, action == Action::"read", resource);\n'


def _files(cedar: str = PERMIT, **others: str) -> dict[str, bytes]:
    names = {"schema": "schema.cedarschema", "entities": "entities.json", "cases": "tests/c.yaml"}
    files = {
        "p.cedar": cedar,
        "schema.cedarschema": draft_schema({"amount": "decimal"}, {}),
        "entities.json": "[]",
    }
    return {
        name: text.encode() for name, text in {**files, **{names[k]: v for k, v in others.items()}}.items()
    }


def _problems(files: Mapping[str, bytes]) -> tuple[Problem, ...]:
    with pytest.raises(BundleInvalid) as caught:
        Bundle.from_files(files)
    return caught.value.problems


@pytest.mark.parametrize("name", STARTERS)
def test_starter_bundles_load_and_test_every_policy(name: str) -> None:
    """Each starter passes its own tests, and no policy of it is left untested."""
    bundle = Bundle.load(starter_bundle(name))
    report = run_tests(bundle)
    assert (report.passed, report.untested) == (True, ())
    assert not bundle.permits_anonymous


@pytest.mark.parametrize("name", STARTERS)
def test_packed_form_is_named_by_its_hash(name: str) -> None:
    """The digest is the SHA-256 of the packed bytes, which give the same bundle back."""
    bundle = Bundle.load(starter_bundle(name))
    packed = bundle.to_bytes()
    assert bundle.digest == hashlib.sha256(packed).hexdigest() == bundle_digest(bundle.files)
    assert Bundle.from_bytes(packed).digest == bundle.digest
    assert bundle.entities_digest == hashlib.sha256(bundle.files["entities.json"]).hexdigest()


def test_packed_form_is_as_documented() -> None:
    """The bytes are a version line, then size, name and content of each file in order."""
    bundle = Bundle.from_files({"b.cedar": b"", **_files()})
    expected = b"ombud-bundle/1\n0 b.cedar\n2 entities.json\n[]%d p.cedar\n%s" % (
        len(PERMIT),
        PERMIT.encode(),
    )
    assert bundle.to_bytes().startswith(expected)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda packed: packed[:-1],
        lambda packed: packed + b"\n",
        lambda packed: packed.replace(b"ombud-bundle/1", b"ombud-bundle/2"),
        lambda packed: packed.replace(b"\n2 entities", b"\n02 entities"),
        lambda packed: packed + b"2 entities.json\n[]",
        lambda packed: packed.replace(b"2 entities.json\n[]", b"", 1) + b"2 entities.json\n[]",
        lambda packed: packed.replace(b"2 entities.json", b"2 ../entities.json"),
        lambda packed: b"",
    ],
)
def test_damaged_packed_forms_are_refused(spoil: object) -> None:
    """Only bytes that pack would write are read."""
    assert callable(spoil)
    with pytest.raises(BundleInvalid):
        Bundle.from_bytes(spoil(Bundle.from_files(_files()).to_bytes()))


@pytest.mark.parametrize(
    ("cedar", "line", "policy", "words"),
    [
        ("permit (principal, action, resource);", 1, None, "no @id"),
        ("// one\n\n" + PERMIT + PERMIT, 4, "p", "is taken by p.cedar:3"),
        (
            PERMIT + '\n@id("q") permit (principal, action, resource)\nwhen { foo };',
            3,
            None,
            "invalid variable",
        ),
        (PERMIT + '@id("q") permit (principal, action, resource)', 2, None, "end of input"),
        ('@id("q") permit (principal == ?principal, action, resource);', 1, None, "templates"),
        ('@id("q") @revue("g") forbid (principal, action, resource);', 1, "q", "unknown annotation @revue"),
        ('@id("q") @review("g") permit (principal, action, resource);', 1, "q", "belongs on a forbid"),
        ('@id("q") @capture("none") forbid (principal, action, resource);', 1, "q", "belongs on a permit"),
        ('@id("q") @capture("some") permit (principal, action, resource);', 1, "q", "features, full"),
        ('@id("q") @redact("a,,b") permit (principal, action, resource);', 1, "q", "separated by commas"),
        ('@id("q") @review("") forbid (principal, action, resource);', 1, "q", "separated by commas"),
        ('@id("q q") permit (principal, action, resource);', 1, "q q", "1 to 64"),
        ('@id("q") @review("g") forbid (principal, action, resource);', 1, "q", "no approval can cure"),
        ('@id("q") permit (principal, action == Action::"reed", resource);', 1, "q", "did you mean `read`"),
        (
            (
                '@id("q") forbid (principal, action == Action::"infer", resource) '
                "when { context.input.amont > 3 };"
            ),
            1,
            "q",
            "did you mean `amount`",
        ),
        (
            (
                '@id("q") forbid (principal, action == Action::"infer", resource) '
                "when { context.input.amount > 3 };"
            ),
            1,
            "q",
            "type",
        ),
    ],
)
def test_a_bad_policy_is_named_with_file_line_and_remedy(
    cedar: str, line: int, policy: str | None, words: str
) -> None:
    """The problem says where it is and what would be right."""
    (problem, *more) = _problems(_files(cedar))
    assert (problem.file, problem.line, problem.policy) == ("p.cedar", line, policy)
    assert words in " ".join([problem.message, *(one.message for one in more)])


def test_all_problems_are_reported_at_once() -> None:
    """Two bad policies, a bad entity and a bad test do not hide one another, as far as each can be judged."""
    cedar = (
        'permit (principal, action, resource);\n@id("q") permit (principal, action == Action::"x", resource);'
    )
    entities = '[\n {"uid": {"type": "Agent", "id": "a"}, "attrs": {"x": 1}, "parents": []}\n]'
    found = [(problem.file, problem.line) for problem in _problems(_files(cedar, entities=entities))]
    assert sorted(set(found)) == [("entities.json", 2), ("p.cedar", 1), ("p.cedar", 2)]


@pytest.mark.parametrize(
    ("change", "file", "words"),
    [
        ({"schema.cedarschema": None}, "schema.cedarschema", "is missing"),
        ({"entities.json": None}, "entities.json", "is missing"),
        ({"p.cedar": None}, "policies.cedar", "is missing"),
        ({"p.cedar": b"\n\xff"}, "p.cedar", "UTF-8"),
        ({"entities.json": b"[,]"}, "entities.json", "not JSON"),
        ({"entities.json": b"[" * 100_000}, "entities.json", "not JSON"),
        ({"entities.json": b"{}"}, "entities.json", "cannot use"),
        ({"schema.cedarschema": b"entity A in [B];"}, "schema.cedarschema", "B"),
        ({"schema.cedarschema": b"namespace N { entity A; }"}, "schema.cedarschema", "namespaces"),
        ({"../p.cedar": b""}, "../p.cedar", "does not belong"),
        ({"tests/a/b.yaml": b""}, "tests/a/b.yaml", "does not belong"),
        ({"run.sh": b""}, "run.sh", "does not belong"),
    ],
)
def test_bad_files_are_refused(change: dict[str, bytes | None], file: str, words: str) -> None:
    """Names, encoding and the parts besides policies are checked as well."""
    files = {name: content for name, content in {**_files(), **change}.items() if content is not None}
    (problem,) = (problem for problem in _problems(files) if problem.file == file)
    assert words in problem.message


def test_an_approval_of_another_shape_is_refused() -> None:
    """What approvals look like is fixed, so that a policy cannot wait for one that never comes."""
    schema = draft_schema({}, {}).replace("approvers: Long }", "approvers: String }")
    assert "must declare its approval" in _problems(_files(schema=schema))[0].message


def test_links_and_strangers_in_a_folder_are_refused(tmp_path: Path) -> None:
    """Nothing outside the folder can be drawn in, and nothing can make the reader hang."""
    outside = tmp_path / "outside.cedar"
    outside.write_text(PERMIT)
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "link.cedar").symlink_to(outside)
    os.mkfifo(folder / "pipe.cedar")
    (folder / "notes.txt").touch()
    (folder / "tests").symlink_to(tmp_path)
    with pytest.raises(BundleInvalid) as caught:
        Bundle.load(folder)
    assert [problem.file for problem in caught.value.problems] == [
        "link.cedar",
        "notes.txt",
        "pipe.cedar",
        "tests",
    ]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing folder is a problem of the bundle, not a stack trace."""
    with pytest.raises(BundleInvalid):
        Bundle.load(tmp_path / "none")


def test_a_page_beside_the_policies_is_no_part_of_the_bundle(tmp_path: Path) -> None:
    """README.md may lie there and changes no digest."""
    for name, content in _files().items():
        (tmp_path / name).write_bytes(content)
    before = Bundle.load(tmp_path).digest
    (tmp_path / "README.md").write_text("hello")
    assert before == Bundle.load(tmp_path).digest


@pytest.mark.parametrize(
    ("scope", "anonymous"),
    [
        ("principal", False),
        ("principal is Anonymous", True),
        ('principal == Anonymous::"anonymous"', True),
        ("principal is Agent", False),
    ],
)
def test_anonymous_callers_need_a_permit_that_names_them(scope: str, anonymous: bool) -> None:
    """Only a permit's principal scope counts."""
    bundle = Bundle.from_files(_files(f'@id("p") permit ({scope}, action == Action::"read", resource);'))
    assert bundle.permits_anonymous is anonymous
    assert Engine(bundle).permits_anonymous is anonymous
    forbid = f'@id("p") forbid ({scope}, action == Action::"read", resource);'
    assert not Bundle.from_files(_files(forbid)).permits_anonymous


def test_a_drafted_observe_bundle_loads() -> None:
    """A newcomer's features, odd names among them, give a sound bundle."""
    files = draft_observe({"amount": "decimal", "odd name": "Long?", "if": "String"}, {"ok": "Bool"})
    assert Bundle.from_files(files).policy_ids == Bundle.load(starter_bundle("observe")).policy_ids


def test_a_bundle_names_its_permits_that_keep_payloads() -> None:
    """It loads; whether there is a vault to keep them in is the gateway's to know."""
    full = '@id("f") @capture("full") permit (principal, action, resource);'
    assert Bundle.from_files(_files(PERMIT + full)).full_captures == ("f",)
    assert Bundle.from_files(_files()).full_captures == ()
