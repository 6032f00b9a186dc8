# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Retention in system files: declared by every system, within what law and ledger allow."""

from __future__ import annotations

import pytest

from ombud_gateway.problems import ConfigInvalid
from ombud_gateway.systems import System, parse_system


def system(risk: str, entries: str, facts: str = "1d", payloads: str = "1d", more: str = "") -> System:
    """Read a system file with these periods."""
    return parse_system(
        f"system: s\npurpose: p\nowner: o\nrisk: {risk}\nmodels: [{{name: m, upstream: u}}]\nretention:\n"
        f"  entries: {{period: {entries}, reason: r}}\n  facts: {{period: {facts}, reason: r}}\n"
        f"  payloads: {{period: {payloads}, reason: r}}\n{more}",
        file="s.yaml",
    )


def refusal(*arguments: str, **more: str) -> str:
    """Return why such a file is refused."""
    with pytest.raises(ConfigInvalid) as refused:
        system(*arguments, **more)
    return str(refused.value)


def test_a_system_without_retention_is_told_what_to_write() -> None:
    """There is no default: the message is YAML that can be pasted, and pasted it loads."""
    head = "system: s\npurpose: p\nowner: o\nrisk: high\nmodels: [{name: m, upstream: u}]\n"
    with pytest.raises(ConfigInvalid) as refused:
        parse_system(head, file="s.yaml")
    message = str(refused.value)
    assert message.startswith("s.yaml: retention: must be given, for there is no default")
    assert parse_system(head + message.partition("as in ")[2], file="s.yaml").retention.periods() == {
        "entries": "10y",
        "facts": "24m",
        "payloads": "90d",
    }


def test_each_part_has_period_and_reason() -> None:
    """A part left out, a reason left out, a period spelled otherwise: each is named."""
    text = refusal("high", "10 years", facts="18M", payloads="0d")
    for field, value in (("entries", "10 years"), ("facts", "18M"), ("payloads", "0d")):
        assert f"retention.{field}.period is '{value}': must be a whole number and y (years)" in text
    assert "retention.entries.period is 12: must be a whole number" in refusal("high", "12")
    with pytest.raises(ConfigInvalid, match=r"retention\.facts: must be given") as refused:
        parse_system("retention: {entries: {period: 1y}, payloads: {period: 1y, reason: r}}", file="s.yaml")
    assert "retention.entries.reason: must be given" in str(refused.value)


@pytest.mark.parametrize("period", ["1d", "180d", "183d", "5m"])
def test_logs_of_high_risk_systems_are_kept_six_months(period: str) -> None:
    """Less is refused, citing the Act, unless a legal ground is named; other systems are free."""
    text = refusal("high", period)
    assert f"retention.entries.period is '{period}': must be at least 6m with risk: high" in text
    assert "retention.facts.period is '1d': must be at least 6m with risk: high" in text
    assert "Article 19(1)" in text
    assert "Article 26(6)" in text
    assert "data protection" in text
    ground = "  overriding_legal_ground: Data protection act, section 5\n"
    assert str(system("high", period, more=ground).retention.entries.period) == period
    assert str(system("limited", period).retention.entries.period) == period


@pytest.mark.parametrize("period", ["6m", "184d", "1y"])
def test_six_months_are_enough(period: str) -> None:
    """A period that lasts six months from whatever day is accepted."""
    assert (
        str(system("high", period, facts="6m" if period == "6m" else "184d").retention.entries.period)
        == period
    )


def test_nothing_outlives_its_entry() -> None:
    """Facts and payloads are checked against their entry, so they may not be kept longer."""
    text = refusal("limited", "12m", facts="366d", payloads="2y")
    assert (
        "retention.facts.period is '366d': must not outlive entries, 12m: facts whose entry is gone" in text
    )
    assert "retention.payloads.period is '2y': must not outlive entries, 12m: a payload whose" in text
    assert system("limited", "12m", facts="365d", payloads="1y").retention.periods()["payloads"] == "1y"
