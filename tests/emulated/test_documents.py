"""Every kind of document at the emulated board, from the card to the backend's books, in the heap of a terminal."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

from tools.backend.store import Books
from tools.demo.plant import Plant
from tools.demo.run import play
from tools.demo.script import Customer, Plot
from tools.demo.view import Unseen
from tools.emulator import people

DEADLINE_S = 120
RARE_NAME = "测试 \U00020bb7·甲"  # an inner space, a supplementary character, a middle dot
FIRST, SECOND, THIRD, FOURTH, FIFTH = people.deck(seed=3, count=5)
PERSONS = (
    replace(FIRST, name=RARE_NAME),
    people.hmt_permit(SECOND),
    people.foreign_2017(replace(THIRD, name="")),
    people.foreign_2023(FOURTH),
)
FORGED = people.with_wrong_check_digit(people.foreign_2017(FIFTH))


def customer(number: int, person: people.Person, plot: Plot = Plot.PLAIN) -> Customer:
    return Customer(number, plot, person, f"document-{number}", f"1700000{number:04d}")


def test_each_document_reaches_the_backend_in_a_heap_of_192_kb(tmp_path: Path) -> None:
    script = [customer(number, person) for number, person in enumerate(PERSONS, start=1)]
    script.append(customer(5, FORGED, Plot.WRONG_DIGIT))

    async def steps() -> None:
        async with Plant(tmp_path, 1, heap="192K") as plant:
            account = await play(plant, script, Unseen())
            assert account.surprises == ()
            assert (account.accepted, account.refused, account.lost) == (4, {"number-invalid": 1}, 0)
            assert plant.terminals[0].board.boots == ["power-on"], "it ran out of memory and was restarted"

    asyncio.run(asyncio.wait_for(steps(), DEADLINE_S))
    with sqlite3.connect(tmp_path / "backend.db") as connection:
        ctis = [cti for (cti,) in connection.execute("SELECT cti FROM registrations ORDER BY order_id")]
    books = Books(tmp_path / "backend.db")
    rows = [content for cti in ctis if (content := books.identity(cti)) is not None]
    books.close()
    assert [row["document"] for row in rows] == [1, 2, 3, 4]
    for row, person in zip(rows, PERSONS, strict=True):
        assert (row["name"], row["sex"], row["number"]) == (person.name, person.sex, person.number)
        assert (row["birth_date"], row["valid_from"], row["valid_to"]) == (
            person.birth,
            person.valid_from,
            person.valid_to,
        )
        for column, field in (("ethnicity", "ethnic"), ("address", "address"), ("authority", "issuer")):
            assert row.get(column, "") == getattr(person, field)
        for field in ("english_name", "nationality", "travel_permit", "issue_count", "earlier_link"):
            assert row.get(field, "") == getattr(person, field)
        for field in ("accepting_authority", "card_version"):
            assert row.get(field, "") == getattr(person, field)
        assert row["doubts"] == []
