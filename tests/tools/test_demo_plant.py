"""The whole plant when a part cannot go on: the demo ends and says which, instead of waiting for ever."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from host_agent.errors import ShimingError
from tools.demo.plant import Plant
from tools.demo.process import PartFailed
from tools.demo.run import play
from tools.demo.script import customers
from tools.demo.view import Unseen

DEADLINE_S = 60  # against hanging


def story(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, DEADLINE_S))


def test_agent_that_cannot_come_back_ends_the_demo(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            (tmp_path / "agent.toml").write_text("no settings any more")
            assert plant.agent is not None
            plant.agent.kill()
            with pytest.raises(PartFailed, match=r"agent ended with status 2, see .*agent\.log"):
                await play(plant, customers(2, seed=1), Unseen())

    story(steps())


def test_order_that_the_agent_refuses_is_not_placed_again_and_again(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            with pytest.raises(ShimingError) as refused:
                await plant.place_order("order-1", "terminal-9", "17000000001")
            assert refused.value.code == "device-unknown"

    story(steps())
