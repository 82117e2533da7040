"""The plan of a run is drawn from seed and run alone, and every fault comes up."""

from collections import Counter

from tools.demo.plant import BrokerKind
from tools.torture.plan import CUSTOMERS, FAULTS_MAX, ON_A_TERMINAL, REQUEST_KINDS, REQUESTS, TERMINALS, Kind, plan

RUNS = 1000


def test_plan_depends_on_seed_and_run_alone() -> None:
    assert [plan(5, run) for run in range(20)] == [plan(5, run) for run in reversed(range(20))][::-1]
    assert plan(5, 1) != plan(6, 1)
    assert plan(5, 1) != plan(5, 2)


def test_thousand_runs_have_every_fault_and_both_brokers() -> None:
    plans = [plan(1, run) for run in range(RUNS)]
    drawn = Counter(fault.kind for one in plans for fault in one.faults)
    assert set(drawn) == set(Kind)
    assert {one.broker for one in plans} == {BrokerKind.AMQTT, BrokerKind.MOSQUITTO}
    assert {len(one.faults) for one in plans} == set(range(1, FAULTS_MAX + 1))
    assert {len(one.customers) for one in plans} == set(range(CUSTOMERS[0], CUSTOMERS[1] + 1))
    assert {customer.expected_refusal for one in plans for customer in one.customers} == {
        None, "card-expired", "number-invalid", "cancelled",
    }  # fmt: skip


def test_only_mosquitto_is_emptied_and_faults_are_where_they_can_be() -> None:
    for one in (plan(2, run) for run in range(RUNS)):
        for fault in one.faults:
            assert fault.kind is not Kind.BROKER_FORGOT or one.broker is BrokerKind.MOSQUITTO
            assert (fault.terminal in TERMINALS) == (fault.kind in ON_A_TERMINAL)
            assert fault.kind not in REQUEST_KINDS or fault.hop == REQUESTS


def test_orders_and_numbers_are_nobody_elses() -> None:
    customers = [customer for run in range(RUNS) for customer in plan(3, run).customers]
    for values in ([one.order_id for one in customers], [one.msisdn for one in customers]):
        assert len(values) == len(set(values))
