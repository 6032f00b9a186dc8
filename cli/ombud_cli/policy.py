# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud policy`: check and test bundles here, show and activate them at a gateway."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ombud.v1 import policy_pb2
from ombud.v1.policy_pb2_grpc import PolicyServiceStub
from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.failure import Exit, no, unusable
from ombud_cli.output import Format, print_fields, print_json, print_rows, printable
from ombud_policies import Bundle, BundleInvalid, Problem, TestReport, run_folder_tests

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Bundles of policies. **Exit codes**: 0 holds or done; 1 does not hold, or the gateway says no; "
    "2 there is no such folder, or no such gateway.",
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The bundle's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("check", epilog="Example: `ombud policy check policies/credit`")
def check_command(folder: Folder, as_json: Json = False) -> None:
    """Check a bundle as the gateway would before it uses it: strict validation, annotations, its tests."""
    try:
        bundle = _load(folder)
    except BundleInvalid as error:
        _print_problems(folder, error.problems, as_json=as_json)
        raise typer.Exit(Exit.NO) from error
    notes = _notes(bundle)
    if as_json:
        print_json({"valid": True, **_about(bundle), "problems": [], "notes": notes})
        return
    for note in notes:
        print(printable(f"{folder}: note: {note}"))
    print(f"{folder}: holds: {len(bundle.policies)} policies, digest {bundle.digest}")


@app.command("test", epilog="Example: `ombud policy test policies/credit`")
def run_command(folder: Folder, as_json: Json = False) -> None:
    """Run a bundle's own tests and show every case."""
    _must_be_folder(folder)
    try:
        report = run_folder_tests(folder)
    except BundleInvalid as error:
        _print_problems(folder, error.problems, as_json=as_json)
        raise typer.Exit(Exit.NO) from error
    if as_json:
        print_json(_report(report))
    else:
        _print_report(report)
    raise typer.Exit(Exit.OK if report.passed else Exit.NO)


@app.command("show", epilog="Example: `ombud policy show --gateway 127.0.0.1:8080`")
@asks_gateway
def show_command(control: Control, as_json: Json = False) -> None:
    """Show which bundle decides now."""
    reply = control.ask(PolicyServiceStub, "GetActivePolicy", policy_pb2.GetActivePolicyRequest())
    shown = {
        "digest": reply.digest,
        "entities_digest": reply.entities_digest,
        "policies": list(reply.policies),
    }
    if as_json:
        print_json(shown)
    else:
        print_fields(shown)


@app.command(
    "activate", epilog='Example: `ombud policy activate policies/credit --reason "limit to 300,000"`'
)
@asks_gateway
def activate_command(
    control: Control,
    folder: Folder,
    reason: Annotated[str, typer.Option(help="Why; kept as erasable facts, never in the record.")] = "",
    as_json: Json = False,
) -> None:
    """Put a bundle in force, atomically and on record; a bundle that does not hold is not sent."""
    try:
        bundle = _load(folder)
    except BundleInvalid as error:
        raise no(f"{error}\n{folder}: does not hold and was not sent") from error
    request = policy_pb2.ActivatePolicyRequest(files=dict(bundle.files), reason=reason)
    reply = control.ask(PolicyServiceStub, "ActivatePolicy", request)
    if as_json:
        print_json({"old_digest": reply.old_digest, "new_digest": reply.new_digest})
    else:
        print(f"active: {reply.new_digest}\nbefore: {reply.old_digest}")


def _load(folder: Path) -> Bundle:
    _must_be_folder(folder)
    return Bundle.load(folder)


def _must_be_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise unusable(f"DIR: is {str(folder)!r}, must be a folder with *.cedar and schema.cedarschema")


def _about(bundle: Bundle) -> dict[str, Any]:
    return {
        "digest": bundle.digest,
        "entities_digest": bundle.entities_digest,
        "policies": list(bundle.policy_ids),
    }


def _notes(bundle: Bundle) -> list[str]:
    """Say what a bundle needs of the gateway that is to put it in force."""
    full = bundle.full_captures
    if not full:
        return []
    notes = [f'{", ".join(full)}: @capture("full") needs a gateway with a [vault]']
    redacting = [policy.id for policy in bundle.policies if policy.id in full and policy.obligations.redact]
    if redacting:
        notes.append(f"{', '.join(redacting)}: bytes cannot be redacted, so @redact leaves features only")
    return notes


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "policy": problem.policy,
        "message": problem.message,
    }


def _print_problems(folder: Path, problems: Iterable[Problem], *, as_json: bool) -> None:
    listed = list(problems)
    if as_json:
        print_json({"valid": False, "problems": [_problem(problem) for problem in listed]})
        return
    for problem in listed:
        print(printable(f"{folder}/{problem}" if problem.file else f"{folder}: {problem.message}"))
    print(f"{folder}: does not hold: {len(listed)} {'problem' if len(listed) == 1 else 'problems'}")


def _report(report: TestReport) -> dict[str, Any]:
    return {
        "passed": report.passed,
        "cases": [
            {
                "file": case.file,
                "line": case.line,
                "name": case.name,
                "passed": case.passed,
                "failures": list(case.failures),
            }
            for case in report.cases
        ],
        "unreadable": [_problem(problem) for problem in report.unreadable],
        "untested": list(report.untested),
    }


def _print_report(report: TestReport) -> None:
    rows = (
        ("pass" if case.passed else "FAIL", f"{case.file}:{case.line}", case.name, "; ".join(case.failures))
        for case in report.cases
    )
    print_rows(("", "where", "case", "what failed"), rows, Format.TABLE)
    for problem in report.unreadable:
        print(printable(str(problem)))
    failed = sum(not case.passed for case in report.cases)
    print(f"{len(report.cases)} cases, {failed} failed, {len(report.unreadable)} unreadable")
    if report.untested:
        print(printable(f"policies that no case determines: {', '.join(report.untested)}"))
