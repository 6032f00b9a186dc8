# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration from start to end, told on the terminal."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from tritonclient.grpc import InferenceServerClient

from ombud_cli.demo import documents, later
from ombud_cli.demo.attacks import ATTACKS, copy_of
from ombud_cli.demo.commands import Person
from ombud_cli.demo.findings import ask_ledger, in_words, reason
from ombud_cli.demo.gateway_process import GatewayProcess
from ombud_cli.demo.officer import Officer
from ombud_cli.demo.traffic import Traffic, ask, ask_with, out_of_contract, send
from ombud_cli.demo.upstream import MODEL, Application, ModelServer, held_out_half, load, prepare, start
from ombud_cli.demo.upstream.server_process import free_ports
from ombud_cli.demo.workspace import Workspace, lay_out
from ombud_ledger import Verification, verify

_BANNER = "DEMONSTRATION: real applications of 1990, a model of today, no lending decision"


def run(folder: Path, *, clients: int, keep_running: bool, reports: bool) -> int:
    """Run the demonstration; return 0 where everything came out as it should, else 1.

    `reports` makes what takes longer: explanations, and drift over more calls.
    """
    out = Console(file=sys.stdout, highlight=False)  # what commands print goes elsewhere
    begun = time.monotonic()
    out.rule(f"[bold]Ombud[/] · {_BANNER}")
    out.print("[bold]1.[/] Model server: gradient boosting, trained on one half of 1,989 real applications")
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with out.status("preparing the model server"):
        prepared = prepare(folder / "triton")
        applications = held_out_half(load())
    port, metrics = free_ports(2)
    address = f"127.0.0.1:{port}"
    with start(prepared, folder / "model-server.log", say=out.print) as server:
        out.print(f"   {server.kind} serves model [bold]{MODEL}[/] on {server.grpc_address}")
        workspace = lay_out(
            folder,
            port=port,
            metrics=metrics,
            upstream=server.grpc_address,
            artifact=str(prepared.model["sha256"]),
        )
        with GatewayProcess(workspace, address):
            out.print(f"[bold]2.[/] The gateway stands in front of it, on {address}")
            first = later.now()
            traffic = _applications(out, workspace, address, applications, clients)
            _refusals(out, workspace, address, applications[0], traffic)
            resumed = _review(out, workspace, address, server, traffic)
            out.print("[bold]5.[/] What comes later")
            with out.status("the second window"):
                happened = later.happen(
                    out, workspace, address, server, applications, begin=first, clients=clients, whole=reports
                )
            answers = _explanations(out, workspace, address, happened) if reports else {}
            sealed = Officer(address, workspace).seal()
            out.print(f"[bold]6.[/] {sealed} entries sealed into Parquet")
            with out.status("reports, made by the gateway"):
                made = documents.through_gateway(Person(workspace, address, "compliance"), happened)
            if keep_running:
                _audit(out, workspace)
                _documents(out, workspace, made)
                _serve_on(out, workspace, address)
                return 0
    # The gateway has drained and closed its log: what is on disk now is the whole ledger but for the entries
    # of these reports, which are given files that no gateway takes.
    with out.status("reports, made from the folder"):
        made += documents.from_folder(workspace, happened, answers)
    verification = _audit(out, workspace)
    (log,) = verification.logs
    head = (log.size, bytes.fromhex(log.head or ""))
    checkpoint = (log.checkpoint or "").encode()
    workspace.kept.write_bytes(checkpoint)
    caught = _attack(out, workspace, head, checkpoint)
    same = _documents(out, workspace, made)
    _where(out, workspace, head, begun)
    return 0 if resumed and caught and same and verification.exit_code == 0 else 1


def _applications(
    out: Console, workspace: Workspace, address: str, applications: tuple[Application, ...], clients: int
) -> Traffic:
    """Send the half that no model has seen, from several unmodified clients."""
    out.print(
        f"[bold]3.[/] {clients} unmodified Triton clients send the other half, {len(applications)} of them:"
    )
    columns = (TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as progress:
        task = progress.add_task("governed calls", total=len(applications))
        begun = time.perf_counter()
        traffic = send(
            address,
            workspace.tokens["loan-intake"],
            applications,
            clients=clients,
            sent=lambda: progress.advance(task),
        )
        rate = len(applications) / (time.perf_counter() - begun)
    ends = ", ".join(f"{count} {end}" for end, count in traffic.ends.most_common())
    out.print(f"   {ends}; {rate:.0f} calls a second, each durably recorded before its answer left")
    return traffic


def _refusals(
    out: Console, workspace: Workspace, address: str, application: Application, traffic: Traffic
) -> None:
    """Show what else the gateway refuses, and in which words."""
    token, stranger = workspace.tokens["loan-intake"], workspace.tokens["stranger"]
    table = Table("call", "status", "what its client reads", box=SIMPLE_HEAD)
    named = {"PERMISSION_DENIED": "denied by a policy", "FAILED_PRECONDITION": "a human must decide"}
    for status, call in named.items():
        table.add_row(call, status, traffic.messages.get(status, "").split(" [")[0])
    with InferenceServerClient(address) as client:
        table.add_row("an agent no policy knows", *ask(client, stranger, application))
        breach = out_of_contract(application)
        table.add_row("obligation ratio NaN", *ask_with(client, token, breach, application.subject))
        table.add_row("a token nobody issued", *ask(client, f"ombud_{'0' * 16}_{'A' * 43}", application))
    out.print(table)


def _review(out: Console, workspace: Workspace, address: str, server: ModelServer, traffic: Traffic) -> bool:
    """Let a human approve one parked call and one held answer, then resume both."""
    officer = Officer(address, workspace)
    token = workspace.tokens["loan-intake"]
    waiting = {review.stage: review for review in officer.open_reviews()}
    parked = {review: application for application, review in traffic.parked}
    out.print(
        f"[bold]4.[/] {len(parked)} calls wait for an underwriter. One of each kind is approved and resumed:"
    )
    fine = True
    with InferenceServerClient(address) as client, InferenceServerClient(server.grpc_address) as direct:
        for stage, what in (
            ("infer", "large loan: the call waited"),
            ("release", "unsure: the answer waited"),
        ):
            review = waiting[stage]
            officer.approve(review.id, "documents seen")
            before = _inferences(direct)
            end, answer = ask(client, token, parked[review.id], ombud_resume=review.id)
            asked = _inferences(direct) - before
            again, refusal = ask(client, token, parked[review.id], ombud_resume=review.id)
            out.print(f"   {what}; approved, resumed: {end}, {answer}; the model was asked {asked} times now")
            out.print(f"   the same approval again: {again}, {refusal.split(' [')[0]}")
            fine = fine and end == "answered" and again != "answered" and asked == (stage == "infer")
    return fine


def _inferences(direct: InferenceServerClient) -> int:
    statistics = direct.get_inference_statistics(MODEL).model_stats[0].inference_stats
    return int(statistics.success.count)


def _audit(out: Console, workspace: Workspace) -> Verification:
    """Verify the ledger, then answer from it alone."""
    verification = verify(workspace.ledger, vkeys=[workspace.vkey])
    (log,) = verification.logs
    out.print(f"   verify: {in_words(verification)}; {log.size} entries. Keep this somewhere else:")
    out.print(f"   [bold]--head {log.size}:{log.head}[/]", soft_wrap=True)
    out.print(f"   {log.covered} of them are under a checkpoint signed by the key")
    out.print(f"   [bold]--vkey {workspace.vkey}[/]", soft_wrap=True)
    for table in ask_ledger(workspace.ledger, out):
        out.print(table)
    out.print("   Each answer is one SQL statement over the ledger's views (ombud_reports.QUESTIONS).")
    return verification


def _attack(out: Console, workspace: Workspace, head: tuple[int, bytes], checkpoint: bytes) -> bool:
    """Attack copies of the ledger and show what `verify` says, with and without what was kept elsewhere."""
    out.print("[bold]7.[/] Attacks on copies of the ledger")
    table = Table("attack", "verify", "with --head", "with --from-\ncheckpoint", box=SIMPLE_HEAD)
    caught = True
    for number, attack in enumerate(ATTACKS):
        copy = copy_of(workspace.ledger, workspace.root / "attacks" / str(number))
        done = attack.carry_out(copy)
        held = (verify(copy, head=head), verify(copy, checkpoints=[checkpoint]))
        said = (verify(copy), *held)
        table.add_row(f"[bold]{attack.name}[/]\n{done}\n[dim]found: {reason(*said)}[/]", *map(in_words, said))
        table.add_section()
        caught = caught and {each.exit_code for each in held} == {1}
        shutil.rmtree(copy)
    out.print(table)
    out.print(
        "   Neither chain nor tree tells a shortened or wholly rebuilt ledger from a true one. Only a head,\n"
        "   or a checkpoint, that somebody else kept does; what came after is protected by this host alone."
    )
    return caught


def _explanations(
    out: Console, workspace: Workspace, address: str, happened: later.Happened
) -> dict[str, Path]:
    """Let the auditor ask the model, through the gateway, why it answers as it does; return its answers."""
    auditor, answers = Person(workspace, address, "auditor"), {}
    few = ("--sample", "8", "--pairs", "30", "--background", "40")  # for a glance: the errors are shown
    for decision, what, size in ((happened.held, "one held decision", ()), ("", "the whole system", few)):
        file = workspace.given / f"answers-{'decision' if decision else 'system'}.json"
        about = ("--decision", decision) if decision else ()
        with out.status(f"asking the model about {what}"):
            told = auditor.ask_json(
                "explain",
                str(workspace.ledger),
                "--system",
                "credit",
                *about,
                *size,
                "--out",
                str(file),
                "--json",
            )
        out.print(f"   ada asked the model about {what}: {told['cases']} cases, each governed and recorded")
        answers[decision] = file
    return answers


def _documents(out: Console, workspace: Workspace, made: list[documents.Made]) -> bool:
    """Check the reports, write their index; return whether all are as the ledger has them."""
    with out.status("computing every figure of the reports again"):
        listed = documents.check(workspace, made)
    index = documents.write_index(workspace, listed)
    out.print("[bold]8.[/] Reports, each figure computed again from the ledger alone:")
    table = Table("report", "checked", box=SIMPLE_HEAD)
    for each in listed:
        table.add_row(each.files[0], each.verdict)
    out.print(table)
    out.print(f"   Read them in a browser: [bold]{index}[/]", soft_wrap=True)
    return all(each.same for each in listed)


def _where(out: Console, workspace: Workspace, head: tuple[int, bytes], begun: float) -> None:
    root = workspace.root
    out.print(f"[bold]9.[/] Everything is under [bold]{root}[/] (done in {time.monotonic() - begun:.0f} s):")
    for path, what in (
        (workspace.ledger, "the ledger: Parquet, hot tail, objects"),
        (workspace.reports / "index.html", "the reports on it"),
        (workspace.given, "what was given for them beside the ledger"),
        (workspace.kept, "its last checkpoint, as an auditor would keep it elsewhere"),
        (root / "keys", "the key that signs it"),
        (workspace.config, "the gateway's configuration"),
        (root / "systems" / "credit.yaml", "the system and its contract"),
        (root / "policies" / "credit", "the Cedar bundle"),
        (root / "logs", "what the gateway logged"),
    ):
        out.print(f"   {path}  {what}")
    out.print("   Try next:", style="bold")
    for command in (
        f"ombud ledger verify {workspace.ledger} --head {head[0]}:{head[1].hex()}",
        f"ombud ledger verify {workspace.ledger} --vkey {workspace.vkey} --from-checkpoint {workspace.kept}",
        f'ombud query {workspace.ledger} "FROM decisions LIMIT 5"',
        f"ombud policy test {root / 'policies' / 'credit'}",
        f"ombud report verify {workspace.reports / 'operations-credit.html'} {workspace.ledger}",
        "ombud demo --reports",
        "ombud demo --keep-running",
    ):
        out.print(f"     .venv/bin/{command}", soft_wrap=True)
    out.rule(_BANNER)


def _serve_on(out: Console, workspace: Workspace, address: str) -> None:
    out.print(f"\nServing on {address} until Ctrl-C. In another terminal:")
    for command in (
        f"ombud review list --gateway {address} --token-file {workspace.token_file('underwriter')}",
        f"ombud review approve ID --gateway {address} --token-file {workspace.token_file('underwriter')}",
        f"ombud ledger head --gateway {address} --token-file {workspace.token_file('operator')}",
        (
            f"ombud report operations --system credit --out {workspace.reports} --force "
            f"--gateway {address} --token-file {workspace.token_file('compliance')}"
        ),
    ):
        out.print(f"  .venv/bin/{command}", soft_wrap=True)
    clients = workspace.token_file("operator").parent
    out.print(f"Others who may ask have their token in {clients}/.", soft_wrap=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.print("draining …")
