"""What happens in one run of scenario `chain`, drawn from (seed, run) and nothing else. Pure.

A fault begins at an event: the k-th message that passes on a hop, counted from the beginning of the run (0: the
beginning itself). What lasts, lasts for a drawn time.
"""

import random
from dataclasses import dataclass
from enum import StrEnum

from tools.demo.plant import BrokerKind
from tools.demo.script import PEOPLE, Customer, Plot
from tools.emulator import people

TERMINALS = ("terminal-1", "terminal-2")
AGENT = "agent"
REQUESTS = "agent>backend"
AMQTT_SHARE = 5  # one run of so many has amqtt for its broker
FAULTS_MAX = 4
OUTCOMES = (Plot.PLAIN, Plot.PLAIN, Plot.PLAIN, Plot.HMT_PERMIT, Plot.FOREIGN_2023, Plot.FOREIGN_2017)
REFUSALS = (Plot.EXPIRED, Plot.WRONG_DIGIT, Plot.CANCELLED)
REFUSED_PERCENT = 30
CUSTOMERS = (2, 4)


class Kind(StrEnum):
    POWER_CUT = "power cut in a write"
    TERMINAL_KILLED = "terminal killed"
    AGENT_KILLED = "agent killed"
    BACKEND_KILLED = "backend killed"
    BROKER_KILLED = "broker killed"
    BROKER_FORGOT = "broker killed and emptied"
    DROPPED = "message dropped"
    DOUBLED = "message doubled"
    OVERTAKEN = "message overtaken"
    DELAYED = "message delayed"
    CORRUPTED = "message corrupted"
    DISCONNECTED = "connection cut"
    FAILED_BEFORE = "500 before acceptance"
    FAILED_AFTER = "500 after acceptance"
    TIMED_OUT = "timeout after acceptance"
    ANSWER_LOST = "answer lost"
    REQUEST_TWICE = "request twice"
    ANSWER_BROKEN = "answer broken"
    ANSWER_DELAYED = "answer delayed"
    AGENT_FULL = "disk of agent full"
    BACKEND_FULL = "disk of backend full"
    TERMINAL_FULL = "flash of terminal full"
    CLOCK_STEP = "clock of terminal stepped"


MESSAGE_KINDS = (
    Kind.DROPPED, Kind.DOUBLED, Kind.OVERTAKEN, Kind.DELAYED, Kind.CORRUPTED, Kind.DISCONNECTED,
)  # fmt: skip
REQUEST_KINDS = (
    Kind.FAILED_BEFORE, Kind.FAILED_AFTER, Kind.TIMED_OUT, Kind.ANSWER_LOST, Kind.REQUEST_TWICE, Kind.ANSWER_BROKEN,
    Kind.ANSWER_DELAYED,
)  # fmt: skip
ON_A_TERMINAL = (Kind.POWER_CUT, Kind.TERMINAL_KILLED, Kind.TERMINAL_FULL, Kind.CLOCK_STEP)
# How often each is drawn. A request that times out takes the agent's whole half minute.
WEIGHTS = dict.fromkeys(Kind, 4) | {Kind.POWER_CUT: 10, Kind.DROPPED: 6, Kind.TIMED_OUT: 1}
STEPS_S = (-864_000, -90_000, -3600, -200, -20, 20, 100, 400, 5000, 90_000, 864_000)


@dataclass(frozen=True, slots=True)
class Fault:
    """At the `count`-th message on `hop`. What `where` and `size` mean is the kind's: see `breaking.py`."""

    kind: Kind
    hop: str
    count: int
    terminal: str | None  # the one that it befalls
    where: int  # 0..999
    size: int
    lasts_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    run: int
    broker: BrokerKind
    lines: dict[str, tuple[Customer, ...]]  # by terminal
    faults: tuple[Fault, ...]

    @property
    def customers(self) -> list[Customer]:
        return [customer for line in self.lines.values() for customer in line]

    def has_step(self, terminal: str) -> bool:
        return any(fault.kind is Kind.CLOCK_STEP and fault.terminal == terminal for fault in self.faults)


def up(client: str) -> str:
    return f"{client}>broker"


def down(client: str) -> str:
    return f"broker>{client}"


def plan(seed: int, run: int) -> Plan:
    dice = random.Random(f"{seed} {run}")
    broker = BrokerKind.AMQTT if dice.randrange(AMQTT_SHARE) == 0 else BrokerKind.MOSQUITTO
    faults = tuple(_fault(dice, broker) for _ in range(dice.randint(1, FAULTS_MAX)))
    count = dice.randint(*CUSTOMERS)
    deck = people.deck(dice.randrange(2**31), count)
    lines: dict[str, tuple[Customer, ...]] = dict.fromkeys(TERMINALS, ())
    for number, person in enumerate(deck):
        name = TERMINALS[number] if number < len(TERMINALS) else dice.choice(TERMINALS)
        lines[name] += (_customer(dice, seed, run, number, person),)
    return Plan(run, broker, lines, faults)


def _fault(dice: random.Random, broker: BrokerKind) -> Fault:
    kinds = [kind for kind in Kind if kind is not Kind.BROKER_FORGOT or broker is BrokerKind.MOSQUITTO]
    kind = dice.choices(kinds, [WEIGHTS[one] for one in kinds])[0]
    terminal = dice.choice(TERMINALS) if kind in ON_A_TERMINAL else None
    hop, count = _event(dice, kind, terminal)
    size = dice.choice(STEPS_S) if kind is Kind.CLOCK_STEP else dice.randrange(256)
    return Fault(kind, hop, count, terminal, dice.randrange(1000), size, round(dice.uniform(0.3, 4.0), 2))


def _event(dice: random.Random, kind: Kind, terminal: str | None) -> tuple[str, int]:
    """A terminal's hop has some four messages for a customer, each way; the agent's has those of both terminals."""
    if kind in REQUEST_KINDS:
        return REQUESTS, dice.randint(1, 2)
    if kind not in MESSAGE_KINDS and dice.randrange(5) == 0:
        return REQUESTS, 1
    client = terminal or dice.choice((*TERMINALS, AGENT))
    hop = dice.choice((up(client), down(client)))
    least = 1 if kind in MESSAGE_KINDS else 0
    return hop, dice.randint(least, 10 if client == AGENT else 5)


def _customer(dice: random.Random, seed: int, run: int, number: int, person: people.Person) -> Customer:
    plot = dice.choice(REFUSALS if dice.randrange(100) < REFUSED_PERCENT else OUTCOMES)
    if plot in PEOPLE:
        person = PEOPLE[plot](person)
    order_id, msisdn = f"run-{seed}-{run}-{number}", f"170{run % 10**7:07d}{number}"
    return Customer(number + 1, plot, person, order_id, msisdn)
