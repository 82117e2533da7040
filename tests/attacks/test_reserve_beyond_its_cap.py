"""More orders in reserve than a terminal may have."""

from host_agent.reserve import Reserve, Wanted
from tests.attacks.bench import Attack, Bench, refusal_of

ATTACK = Attack(
    has="the bearer token of the point of sale, and a terminal",
    does="gives it orders in advance for a month of registrations that nobody can watch",
    code="reserve-full",
    check="host_agent/reserve.py:Reserve._require_room",
)


def wanted(first: int, count: int) -> list[Wanted]:
    return [Wanted(f"order-{number}", f"1700000{number:04d}") for number in range(first, first + count)]


def test_reserve_beyond_its_cap(bench: Bench) -> None:
    reserve = Reserve(bench.store, bench.registry, bench.signer, orders_max=40, life_s=3600)
    reserve.create(bench.device, wanted(1, 30))
    assert refusal_of(lambda: reserve.create(bench.device, wanted(31, 11))) == ATTACK.code
    assert bench.store.reserve_of(bench.device) == (30, 1), "none of them"
    reserve.create(bench.device, wanted(1, 40))
    assert bench.store.reserve_of(bench.device) == (40, 2), "those that were there are not counted twice"
