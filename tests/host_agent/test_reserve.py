"""Orders given in advance: sheets of them, their way to the terminal, who has them, and the epoch."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from host_agent import cbor, envelope, freshness
from host_agent.config import ConfigError, load
from host_agent.errors import TokenRefused
from host_agent.flight_log import SHEET_KEPT
from host_agent.freshness import ENTRIES_BYTES, ENTRIES_MAX, Entry, Epoch, Sheet
from host_agent.orders import OrderRefused
from host_agent.reserve import Reserve, Wanted
from host_agent.reserve_tables import SHEETS_MAX
from tests.host_agent.custody_bench import CustodyBench
from tests.host_agent.log_double import LogDouble
from tests.host_agent.rig import AgentProcess, Rig, wait_until
from tests.host_agent.shop import Shop
from tools.cli import app

UEID = b"\x01" + bytes(16)
NUMBER = "17000000001"
ENTRY = freshness.build_entry(Entry("order-1", bytes(16), NUMBER))
SHEET = Sheet(1_800_000_000, 1_800_600_000, UEID, "CH-000001", 7, (ENTRY,))


def wanted(count: int, first: int = 1, id_chars: int = 8) -> list[Wanted]:
    return [Wanted(f"r{number}".ljust(id_chars, "x"), f"1700{number:07d}") for number in range(first, first + count)]


def body(orders: list[Wanted], device: str = "t-0001") -> dict[str, Any]:
    return {"device": device, "orders": [{"order_id": one.order_id, "msisdn": one.msisdn} for one in orders]}


# --- bytes


def test_sheet_and_epoch_are_read_as_they_were_built() -> None:
    assert freshness.parse_sheet(freshness.build_sheet(SHEET)) == SHEET
    epoch = Epoch(1_800_000_000, b"\x07" * 16)
    assert freshness.parse_epoch(freshness.build_epoch(epoch)) == epoch


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (-70013, 0),
        (-70013, None),
        (-70014, []),
        (-70014, [ENTRY] * (ENTRIES_MAX + 1)),
        (-70014, [freshness.build_entry(Entry("x" * 64, bytes(16), NUMBER))] * ENTRIES_MAX),
        (-70014, [b"\x80"]),
        (-70014, [7]),
        (-70014, [cbor.encode(["a b", bytes(16), NUMBER])]),
        (-70014, [cbor.encode(["a", bytes(8), NUMBER])]),
        (-70014, [cbor.encode(["a", bytes(16), "12x"])]),
        (265, freshness.EPOCH_PROFILE),
    ],
)
def test_malformed_sheet_is_refused(key: int, value: Any) -> None:
    claims: Any = cbor.decode(freshness.build_sheet(SHEET))
    with pytest.raises(TokenRefused):
        freshness.parse_sheet(cbor.encode(claims | {key: value}))


@pytest.mark.parametrize("id_chars", [8, 24, 64])
def test_sheets_fit_a_terminal_and_keep_the_order(id_chars: int) -> None:
    entries = [freshness.build_entry(Entry(w.order_id, bytes(16), w.msisdn)) for w in wanted(100, id_chars=id_chars)]
    sheets = freshness.in_sheets(entries)
    assert [entry for sheet in sheets for entry in sheet] == entries
    assert max(map(len, sheets)) <= ENTRIES_MAX
    assert max(sum(map(len, sheet)) for sheet in sheets) <= ENTRIES_BYTES


def test_a_full_reserve_has_room_whatever_the_orders_are_called() -> None:
    entries = [freshness.build_entry(Entry("x" * 64, bytes(16), "1" * 15))] * 2000
    assert len(freshness.in_sheets(entries)) <= SHEETS_MAX


# --- what is given out


@pytest.fixture
def bench(pki: Path, tmp_path: Path) -> Iterator[CustodyBench]:
    bench = CustodyBench(pki, tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def reserve(bench: CustodyBench) -> Reserve:
    return Reserve(bench.store, bench.registry, bench.signer, orders_max=200, life_s=3600)


def test_reserve_is_idempotent_and_gives_what_is_missing(reserve: Reserve) -> None:
    rows, is_new = reserve.create("t-0001", wanted(40))
    assert is_new and [row.state for row in rows] == ["waiting"] * 40
    assert len({row.nonce for row in rows}) == 40
    assert reserve.create("t-0001", wanted(40)) == (rows, False)
    again, is_new = reserve.create("t-0001", wanted(41))
    assert is_new and again[:40] == rows
    assert again[40].sheet is not None and rows[0].sheet is not None and again[40].sheet > rows[0].sheet


@pytest.mark.parametrize(
    ("orders", "device", "code"),
    [
        ([Wanted("r1xxxxxx", "17000000009")], "t-0001", "order-conflict"),
        (wanted(1), "t-0002", "order-conflict"),
        ([*wanted(1, 2), *wanted(1, 2)], "t-0001", "request-malformed"),
        ([*wanted(1, 2), Wanted("with space", NUMBER)], "t-0001", "request-malformed"),
        ([*wanted(1, 2), Wanted("order-x", "no number")], "t-0001", "request-malformed"),
        (wanted(1, 2), "t-9999", "device-unknown"),
    ],
)
def test_reserve_that_cannot_be_is_refused_as_a_whole(
    bench: CustodyBench, reserve: Reserve, orders: list[Wanted], device: str, code: str
) -> None:
    reserve.create("t-0001", wanted(1))
    with pytest.raises(OrderRefused) as caught:
        reserve.create(device, orders)
    assert caught.value.code == code
    assert bench.store.reserve_of("t-0001") == (1, 1)
    assert bench.store.order("r2xxxxxx") is None


def test_so_many_sheets_and_no_more(bench: CustodyBench, reserve: Reserve) -> None:
    for number in range(SHEETS_MAX):
        reserve.create("t-0001", wanted(1, number))
    with pytest.raises(OrderRefused) as caught:
        reserve.create("t-0001", wanted(1, 1000))
    assert caught.value.code == "reserve-full"
    with bench.store.transaction():
        bench.store.answer_order("r0xxxxxx", b"cti", None)
    reserve.create("t-0001", wanted(1, 1000))


def test_numbers_to_register_are_gone_once_the_terminal_has_them_and_the_orders_have_ended(
    bench: CustodyBench, reserve: Reserve
) -> None:
    rows, _ = reserve.create("t-0001", [Wanted("order-1", "17099887766")])
    assert rows[0].sheet is not None
    with bench.store.transaction():
        bench.store.keep_sheet("t-0001", rows[0].sheet, 1)
        bench.store.answer_order("order-1", b"cti", None)
    bench.store.close()
    assert b"17099887766" not in (bench.folder / "agent.db").read_bytes()


# --- on the way


@pytest.fixture
def shop(pki: Path, tmp_path: Path) -> Iterator[Shop]:
    rig = Rig(pki, tmp_path)
    yield Shop(rig)
    rig.close()


def sheets_of(shop: Shop) -> list[Sheet]:
    """Those that have come so far, as a terminal verifies them."""
    found: dict[int, Sheet] = {}
    for arrival in list(shop.client.arrivals):
        if arrival.topic.endswith("/down/sheet"):
            sealed = envelope.parse(arrival.payload)
            envelope.verify(sealed, shop.rig.registry.agent.public_key)
            sheet = freshness.parse_sheet(sealed.payload)
            found[sheet.number] = sheet
    return list(found.values())


def keep(shop: Shop, log: LogDouble, sheet: Sheet) -> None:
    shop.send(
        log.statement("sheet-stored", kind=SHEET_KEPT, numbers=(sheet.number, len(sheet.entries))),
        "rnr/v1/demo/t-0001/up/log",
    )


def test_sheets_come_one_after_the_other_as_the_terminal_says_that_it_keeps_them(shop: Shop) -> None:
    status, answer = shop.agent.ask("POST", "/v1/reserves", body(wanted(70)))
    assert status == 201 and len(answer["orders"]) == 70
    log, seen = LogDouble(shop.terminal), 0
    while seen < 70:
        count = len(sheets_of(shop)) if seen else 0
        sheets = wait_until(lambda count=count: sheets_of(shop)[count:] and sheets_of(shop), "the next sheet")
        assert len(sheets) == count + 1, "the next one only when this one is kept"
        assert [sheet.ueid for sheet in sheets] == [shop.terminal.ueid] * len(sheets)
        seen += len(sheets[-1].entries)
        keep(shop, log, sheets[-1])
    entries = [freshness.parse_entry(entry) for sheet in sheets_of(shop) for entry in sheet.entries]
    assert [(entry.order_id, entry.msisdn) for entry in entries] == [(w.order_id, w.msisdn) for w in wanted(70)]
    with sqlite3.connect(shop.rig.folder / "agent.db") as connection:
        kept = "SELECT count(*) FROM sheets WHERE kept_at IS NOT NULL AND token IS NULL"
        wait_until(lambda: connection.execute(kept).fetchone() == (3,), "the last sheet to be kept")
    assert shop.agent.status()["orders_in_reserve"] == 70


def test_sheet_comes_again_when_the_terminal_comes_online_and_evidence_says_that_it_is_kept(shop: Shop) -> None:
    shop.agent.ask("POST", "/v1/reserves", body(wanted(33)))
    first = wait_until(lambda: sheets_of(shop), "the first sheet")[0]
    shop.client.close()
    shop.come_online()
    again = wait_until(lambda: sheets_of(shop), "the first sheet again")
    assert again == [first]
    entry = freshness.parse_entry(first.entries[0])
    claims = shop.terminal.claims(order_id=entry.order_id) | {10: entry.nonce, -70007: [2, None]}
    shop.send(shop.terminal.sign(claims))
    wait_until(lambda: len(sheets_of(shop)) == 2, "the second sheet")
    assert shop.agent.order_state(entry.order_id)[0] == "attested"


def test_epoch_is_there_for_whoever_comes_signed_and_in_the_store(shop: Shop) -> None:
    late = shop.rig.client("t-0002", shop.agent.mqtt_port).connect()
    late.subscribe("rnr/v1/demo/epoch")
    [token] = late.wait_for("/epoch")[:1]
    assert [arrival.is_retained for arrival in late.arrivals][0]
    sealed = envelope.parse(token)
    envelope.verify(sealed, shop.rig.registry.agent.public_key)
    epoch = freshness.parse_epoch(sealed.payload)
    with sqlite3.connect(shop.rig.folder / "agent.db") as connection:
        assert (epoch.id, epoch.iat) in connection.execute("SELECT id, iat FROM epochs").fetchall()
    claims = shop.terminal.claims(order_id="order-1")
    shop.agent.order("order-1")
    claims |= {10: shop.take_order("order-1").nonce, -70007: [1, epoch.id]}
    shop.send(token := shop.terminal.sign(claims))
    assert shop.receipt_for(token).reason is None


# --- asked for


@pytest.fixture(scope="module")
def agent(pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    rig = Rig(pki, tmp_path_factory.mktemp("reserve"))
    yield rig.start_agent()
    rig.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"device": "t-0001"},
        {"device": "t-0001", "orders": []},
        {"device": 7, "orders": [{"order_id": "a", "msisdn": NUMBER}]},
        {"device": "t-0001", "orders": [{"order_id": "a"}]},
        {"device": "t-0001", "orders": [{"order_id": "a", "msisdn": 17}]},
        {"device": "t-0001", "orders": [{"order_id": "a", "msisdn": NUMBER, "name": "x"}]},
        {"device": "t-0001", "orders": [{"order_id": "a", "msisdn": NUMBER}], "channel": "CH-000001"},
        body(wanted(2001)),
    ],
)
def test_request_that_is_no_reserve_is_refused_by_name(agent: AgentProcess, wrong: dict[str, Any]) -> None:
    status, answer = agent.ask("POST", "/v1/reserves", wrong)
    assert (status, answer["code"]) == (400, "request-malformed")


def test_reserve_that_is_full_is_told(agent: AgentProcess) -> None:
    status, answer = agent.ask("POST", "/v1/reserves", body(wanted(201, 5000)))
    assert (status, answer["code"]) == (409, "reserve-full")


def test_command_fills_a_reserve_from_a_file_of_numbers(agent: AgentProcess, tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("17000000101\n\n17000000102 my-order\n")
    config = _running_config(agent)
    arguments = ["agent", "reserve", "t-0001", "--numbers", str(numbers), "--config", str(config)]
    answer = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert [row["state"] for row in answer["orders"]] == ["waiting", "waiting"]
    assert answer["orders"][1]["order_id"] == "my-order"
    assert agent.order_state(answer["orders"][0]["order_id"]) == ("waiting", None)
    assert "2 orders in reserve" in CliRunner().invoke(app, arguments).stdout
    numbers.write_text("1 2 3\n")
    assert isinstance(CliRunner().invoke(app, arguments).exception, ConfigError)


def _running_config(agent: AgentProcess) -> Path:
    """With the port that the agent was given."""
    text = (agent.folder / "agent.toml").read_text()
    path = agent.folder / "running.toml"
    path.write_text(text.replace("[orders]\nport = 0", f"[orders]\nport = {agent.orders_port}"))
    assert load(path).orders.port == agent.orders_port
    return path
