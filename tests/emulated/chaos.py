"""A running demo, one of whose parts is killed (SIGKILL) at random moments: what the kill proofs share."""

import asyncio
import random
from pathlib import Path

from tools.demo.plant import BrokerKind, Plant
from tools.demo.player import Visit
from tools.demo.run import Account, play
from tools.demo.script import customers
from tools.demo.view import Unseen

TERMINALS = 2
LONGEST_PAUSE_S = 0.8  # a visit takes a little longer: any step of it may be hit


class Arrivals(Unseen):
    """Knows how many customers have come."""

    def __init__(self) -> None:
        self.count = 0

    def changed(self, visit: Visit) -> None:
        self.count = max(self.count, visit.customer.number)


class Killer:
    """Kills after so many customers, spread over all of them, and a random while."""

    def __init__(self, plant: Plant, victim: str, seed: int) -> None:
        self.kills = 0
        self._plant = plant
        self._victim = victim
        self._dice = random.Random(seed)

    async def work(self, arrivals: Arrivals, customer_count: int, kill_count: int) -> None:
        moments = sorted(self._dice.sample(range(1, customer_count - 1), kill_count))
        for moment in moments:
            while arrivals.count < moment:
                await asyncio.sleep(0.05)
            await asyncio.sleep(self._dice.uniform(0, LONGEST_PAUSE_S))
            await self._kill()
            self.kills += 1

    async def _kill(self) -> None:
        """A part that is still coming up is waited for: the n-th kill is a kill of a running part."""
        if self._victim == "terminal":
            self._dice.choice(self._plant.terminals).board.kill()
            return
        part = self._plant.agent if self._victim == "agent" else self._plant.broker
        assert part is not None
        await part.ready()
        part.kill()


async def run(
    folder: Path, broker: BrokerKind, victim: str, customer_count: int, kill_count: int, seed: int
) -> Account:
    """The account of a demo through which the victim was killed so many times."""
    async with Plant(folder, TERMINALS, broker=broker) as plant:
        arrivals = Arrivals()
        killer = Killer(plant, victim, seed)
        killing = asyncio.create_task(killer.work(arrivals, customer_count, kill_count))
        account = await play(plant, customers(customer_count, seed), arrivals)
        killing.cancel()
        await asyncio.wait([killing])
        if not killing.cancelled():
            killing.result()
    assert killer.kills == kill_count, f"only {killer.kills} of {kill_count} kills came before the last customer left"
    return account
