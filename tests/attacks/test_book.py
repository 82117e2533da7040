"""The book itself: forty attacks at least, each with a code and a check that are there; a table that is not stale."""

import pytest

from host_agent.errors import catalogue
from tests.attacks.bench import STORED, Bench
from tests.attacks.book import OUTCOMES, README, Page, find_check, pages, readme

PAGES = list(pages())


def test_there_are_forty_attacks_and_more() -> None:
    assert len(PAGES) >= 40
    assert len({page.title for page in PAGES}) == len(PAGES)


def test_what_is_no_attack_is_taken(bench: Bench) -> None:
    for _ in range(3):
        assert bench.both_say(bench.token()) == {STORED}
    assert bench.both_say(bench.token(reason="card-expired")) == {STORED}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_and_check_are_there_and_the_test_asserts_the_code(page: Page) -> None:
    assert callable(find_check(page.attack.check))
    assert (page.attack.code in catalogue()) != (page.attack.code in OUTCOMES)
    text = page.path.read_text(encoding="utf-8")
    assert "ATTACK.code" in text or page.attack.code in OUTCOMES
    assert f"def test_{page.name}" in text


def test_table_is_not_stale() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == readme(text), "python -m tests.attacks.book --write"
