"""`explain`: every code of the vocabulary, in 80 columns, with the lines to change that are known for it."""

from __future__ import annotations

from cli_process import Run

from cab_check.knowledge.vocabulary import codes


def test_every_code_is_listed_within_80_columns(cab: Run) -> None:
    out = cab("explain").stdout
    assert all(name in out for name in codes())
    assert max(map(len, out.splitlines())) <= 80


def test_a_code_tells_each_servers_change_and_where_it_is_said(cab: Run) -> None:
    out = cab("explain", "tools-ignored:anything").stdout
    assert out.startswith("tools-ignored: ")
    assert "--chat-template" in out and "source  https://" in out
