"""A test of the book fails when its check is gone, and no other does. Two checks here, among the attacks that the same
file refuses; `make proof` takes away all of them before the whole book."""

import pytest

from tests.attacks.book import pages
from tests.attacks.mutations import MUTATIONS, copied_tree, failing, remove

CHOSEN = ("nonce_reuse", "foreign_receipt")


@pytest.mark.proof
def test_two_checks_are_missed_by_exactly_their_attack() -> None:
    with copied_tree() as tree:
        for mutation in [one for one in MUTATIONS if one.attack in CHOSEN]:
            beside = [page.name for page in pages() if page.check_file == mutation.file]
            assert mutation.attack in beside and len(beside) > 1
            assert remove(tree, mutation, beside).failed == {mutation.attack}


def test_every_mutation_names_an_attack_of_the_book_and_the_file_of_its_check() -> None:
    files = {page.name: page.check_file for page in pages()}
    assert len(MUTATIONS) >= 10
    for mutation in MUTATIONS:
        assert files[mutation.attack] == mutation.file, mutation.attack


@pytest.mark.proof
def test_nothing_succeeds_while_every_check_is_there() -> None:
    with copied_tree() as tree:
        assert failing(tree) == frozenset()


@pytest.mark.proof
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.attack)
def test_check_is_missed_by_exactly_its_attack(mutation) -> None:
    with copied_tree() as tree:
        assert remove(tree, mutation).failed == {mutation.attack}
