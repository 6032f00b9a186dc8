# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The index of reports."""

from __future__ import annotations

from ombud_reports import Listed, to_index

HOSTILE = '<script>alert("1")</script>\x1b\u202e'


def listed(*, same: bool = True, text: str = "Drift") -> Listed:
    """One report."""
    return Listed(text, text, text, ("drift a.html", "drift a.json"), same, text, text)


def test_every_report_is_linked_with_what_checking_it_gave() -> None:
    """Files are links relative to the index, the page first; what differs stands out."""
    page = to_index("Title", "A note", [listed(), listed(same=False, text="Bias")], more=["More"]).decode()
    assert page.count('<a href="drift%20a.html">') == 4
    assert page.count('<dd class="same">Drift</dd>') == page.count('<dd class="differs">Bias</dd>') == 1
    assert "A note" in page
    assert "<p>More</p>" in page


def test_hostile_texts_stay_texts() -> None:
    """Markup is escaped, control characters are shown, and the page can load and run nothing."""
    page = to_index(HOSTILE, HOSTILE, [listed(text=HOSTILE)], more=[HOSTILE]).decode()
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page
