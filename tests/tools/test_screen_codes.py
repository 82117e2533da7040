"""The page of codes is current, and a technician is told what a code means."""

import pytest
from typer.testing import CliRunner

from host_agent.errors import ConfigError, catalogue, words
from tools.screen import cli, codes

runner = CliRunner()


def test_the_page_is_as_the_catalogue() -> None:
    assert codes.PAGE.read_text(encoding="utf-8") == codes.page(), "run python -m tools.screen codes"


def test_the_page_has_a_row_for_every_code_in_both_languages() -> None:
    rows = {row.split(" | ")[0].strip("| "): row for row in codes.page().splitlines() if row.startswith("| E")}
    assert sorted(rows) == sorted(entry.number for entry in catalogue().values())
    for entry in catalogue().values():
        for text in (entry.words, entry.customer, entry.clerk, entry.zh.words, entry.zh.customer, entry.zh.clerk):
            assert text in rows[entry.number]
        assert rows[entry.number].count("|") == 6


def test_check_tells_an_old_page(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "CODES.md"
    monkeypatch.setattr(codes, "PAGE", page)
    assert runner.invoke(cli.app, ["codes", "--check"]).exit_code == 1
    assert runner.invoke(cli.app, ["codes"]).exit_code == 0
    assert runner.invoke(cli.app, ["codes", "--check"]).exit_code == 0
    page.write_text(codes.page() + "\n", encoding="utf-8")
    assert runner.invoke(cli.app, ["codes", "--check"]).exit_code == 1


@pytest.mark.parametrize("name", ["card-expired", "E1007", "e1007"])
def test_explain_takes_code_or_number(name: str) -> None:
    result = runner.invoke(cli.app, ["explain", name])
    assert result.exit_code == 0, result.output
    entry = words("card-expired")
    assert "E1007 card-expired" in result.stdout
    assert all(text in result.stdout for text in (entry.words, entry.clerk, entry.zh.words, entry.zh.clerk))


def test_explain_in_one_language_only() -> None:
    result = runner.invoke(cli.app, ["explain", "E1007", "--lang", "zh"])
    assert words("card-expired").zh.clerk in result.stdout
    assert words("card-expired").clerk not in result.stdout


def test_explain_leaves_out_a_customer_who_never_sees_the_code() -> None:
    result = runner.invoke(cli.app, ["explain", "store-full", "--lang", "en"])
    assert "Customer" not in result.stdout
    assert "Staff" in result.stdout


def test_explain_of_an_unknown_code_is_an_error() -> None:
    result = runner.invoke(cli.app, ["explain", "E9999"])
    assert isinstance(result.exception, ConfigError)
    assert "E9999" in str(result.exception)
