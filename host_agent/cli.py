"""`shiming agent`: run the host agent or its broker, give an order, ask for its state."""

import asyncio
import http.client
import json
import secrets
import signal
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from host_agent import admin, device_cli, mosquitto
from host_agent import config as settings
from host_agent.app import Agent, log_to_stderr
from host_agent.broker import run_alone
from host_agent.device_cli import Desk
from host_agent.errors import ConfigError, ShimingError, TokenRefused
from host_agent.registry import Key, Registry
from host_agent.watch import POLL_S, Watch

app = typer.Typer(help="The host agent.", no_args_is_help=True)


def _desk(config: Path) -> Desk:
    loaded = settings.load(config)
    return Desk(
        loaded.agent.registry,
        loaded.sign.key,
        lambda registry: (registry.agent.id, Key(registry.agent.kid, registry.agent.public_key)),
        lambda device: _statement(loaded.orders, device),
    )


device_app = device_cli.build(_desk, "agent")
app.add_typer(device_app, name="device")

ConfigOption = Annotated[Path, typer.Option("--config", help="The agent's settings, agent.toml.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")]

ORDER_ENDS = ("accepted", "refused", "expired")
ORDER_POLL_S = 0.5
REQUEST_TIMEOUT_S = 10
DAY_S = 86_400


class BrokerKind(StrEnum):
    MOSQUITTO = "mosquitto"


class AgentUnreachable(ShimingError):
    code = "link-down"


@app.command(epilog="Example: shiming agent run --config agent.toml")
def run(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Run the agent until SIGTERM."""
    log_to_stderr()
    loaded = settings.load(config)

    async def serve() -> None:
        await Agent(loaded).run(lambda ready: _announce(ready, as_json))

    asyncio.run(serve())


@app.command(epilog="Example: shiming agent broker --config agent.toml")
def broker(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Run the embedded broker alone, in a process of its own, until SIGTERM."""
    log_to_stderr()
    loaded = settings.load(config)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    registry = Registry.load(loaded.agent.registry)
    alone = run_alone(loaded.broker, loaded.agent.id, registry)
    watch = Watch(registry, [alone.revocations], known=None, remember=lambda _head: None, on_change=alone.sweep)
    _announce({"ready": True, "mqtt_port": alone.port}, as_json)
    while signal.sigtimedwait((signal.SIGTERM, signal.SIGINT), POLL_S) is None:
        watch.look()
    alone.stop()


@app.command(epilog="Example: shiming agent order --config agent.toml --device t-0001 --wait")
def order(
    config: ConfigOption,
    device: Annotated[str, typer.Option(help="Id of the terminal that is to do the registration.")],
    msisdn: Annotated[
        str,
        typer.Option(
            prompt="Number to register",
            help="Number to register. Asked for if not given: others see arguments, with ps.",
        ),
    ],
    order_id: Annotated[str, typer.Option(help="Your own id of the order; made up if not given.")] = "",
    channel: Annotated[str | None, typer.Option(help="Channel id; the terminal's if not given.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end of the order.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give a terminal an order to register a number."""
    orders = settings.load(config).orders
    order_id = order_id or f"{time.strftime('%Y%m%d')}-{secrets.token_hex(6)}"
    body = {"order_id": order_id, "device": device, "msisdn": msisdn}
    answer = _ask(orders, "POST", "/v1/orders", body | ({"channel": channel} if channel else {}))
    while wait and answer["state"] not in ORDER_ENDS:
        time.sleep(ORDER_POLL_S)
        answer = _ask(orders, "GET", f"/v1/orders/{order_id}")
    _tell(answer, as_json)
    if answer["state"] in ("refused", "expired"):
        raise typer.Exit(1)


@app.command(epilog="Example: shiming agent reserve t-0001 --numbers numbers.txt --config agent.toml")
def reserve(
    device: Annotated[str, typer.Argument(help="Id of the terminal.")],
    numbers: Annotated[
        Path,
        typer.Option(
            help="A file with a number to register on each line, in the order in which they are handed out; after it,"
            " if you like, your own id of the order."
        ),
    ],
    config: ConfigOption,
    as_json: JsonOption = False,
) -> None:
    """Give a terminal orders in advance, for when it has no link."""
    body = {"device": device, "orders": _read_numbers(numbers)}
    answer = _ask(settings.load(config).orders, "POST", "/v1/reserves", body)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for row in answer["orders"]:
        typer.echo(f"{row['order_id']}  sheet {row['sheet']}  {row['state']}")
    typer.echo(f"{device}: {len(answer['orders'])} orders in reserve.")


def _read_numbers(path: Path) -> list[dict[str, str]]:
    try:
        lines = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a list of numbers") from error
    if any(len(words) > 2 for words in lines):
        raise ConfigError(f"{path}: each line has a number and at most the order's id")
    made_up = f"{time.strftime('%Y%m%d')}-{secrets.token_hex(6)}"
    ids = [words[1] if len(words) == 2 else f"{made_up}-{place}" for place, words in enumerate(lines, 1)]
    return [{"order_id": order_id, "msisdn": words[0]} for order_id, words in zip(ids, lines, strict=True)]


@app.command(epilog="Example: shiming agent status --config agent.toml --json")
def status(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Say how the agent is: queue, outbox, refusals, store, broker. Ends with 1 if anything is wrong."""
    answer = _ask(settings.load(config).orders, "GET", "/v1/status")
    _tell(answer, as_json)
    if answer["state"] != "ok":
        raise typer.Exit(1)


@app.command("take-off-alarm", epilog="Example: shiming agent take-off-alarm t-0001 log-fork --config agent.toml")
def take_off_alarm(
    device: Annotated[str, typer.Argument(help='Id of the terminal, or "broker".')],
    code: Annotated[
        str,
        typer.Argument(
            help="Name of the alarm: log-gap, log-fork, log-regression, broker-session-lost or broker-dropped. "
            "The others go by themselves."
        ),
    ],
    config: ConfigOption,
    as_json: JsonOption = False,
) -> None:
    """Take an alarm off once somebody has looked into it. A terminal's signed log, which it came from, stays."""
    _tell(_ask(settings.load(config).orders, "DELETE", f"/v1/alarms/{quote(device)}/{quote(code)}"), as_json)


@app.command("broker-config", epilog="Example: shiming agent broker-config mosquitto --config agent.toml")
def broker_config(
    kind: Annotated[BrokerKind, typer.Argument(help="The broker to configure.")],
    config: ConfigOption,
    directory: Annotated[Path | None, typer.Option(help="Write the files there instead of printing them.")] = None,
) -> None:
    """Make the configuration of another broker: same certificates, same topic rules."""
    del kind  # there is one so far
    files = mosquitto.build(settings.load(config), directory or Path.cwd())
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if directory is not None:
            (directory / name).write_text(content, encoding="utf-8")
        typer.echo(str(directory / name) if directory is not None else f"# --- {name}\n{content}")


@device_app.command(
    "request-key", epilog="Example: shiming agent device request-key t-0001 --config agent.toml --overlap-days 7"
)
def request_key(
    device: device_cli.DeviceArgument,
    config: ConfigOption,
    overlap_days: Annotated[float, typer.Option(min=0, max=31, help="How long both keys are valid together.")] = 7,
    delay_days: Annotated[float, typer.Option(min=0, help="From when on; at once if not given.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Ask a terminal for a new attestation key. It is not in force before `rotate`."""
    body = {"delay_s": round(delay_days * DAY_S), "overlap_s": round(overlap_days * DAY_S)}
    _tell(_ask(settings.load(config).orders, "POST", _key_path(device), body), as_json)


@device_app.command("key", epilog="Example: shiming agent device key t-0001 --config agent.toml")
def show_key(device: device_cli.DeviceArgument, config: ConfigOption, as_json: JsonOption = False) -> None:
    """Show how far the change of a terminal's key has come: asked, stated, accepted, used; expired, lapsed."""
    _tell(_ask(settings.load(config).orders, "GET", _key_path(device)), as_json)


def _key_path(device: str) -> str:
    return f"/v1/devices/{quote(device, safe='')}/key"


def _statement(orders: settings.OrdersConfig, device: str) -> bytes:
    """That of the key that the terminal wants next, from the running agent."""
    statement = _ask(orders, "GET", _key_path(device))["statement"]
    if statement is None:
        raise TokenRefused("rotation-unasked", f"{device} has not answered yet")
    return bytes.fromhex(statement)


def _announce(ready: dict[str, Any], as_json: bool) -> None:
    """The one line on standard output: whoever started this waits for it."""
    if as_json:
        print(json.dumps(ready), flush=True)
    else:
        ports = ", ".join(f"{name.removesuffix('_port')} on port {ready[name]}" for name in ready if name != "ready")
        print(f"Ready: {ports}.", flush=True)


def _ask(orders: settings.OrdersConfig, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {admin.load_token(orders.token)}"}
    connection = http.client.HTTPConnection(orders.host, orders.port, timeout=REQUEST_TIMEOUT_S)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AgentUnreachable(f"no agent answers on {orders.host} port {orders.port}") from error
    finally:
        connection.close()
    if response.status >= 400:
        raise admin.error_of(answer)
    return answer


def _tell(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer))
        return
    width = max(map(len, answer))
    for name, value in answer.items():
        shown = "-" if value in (None, [], {}) else value
        if isinstance(value, dict) and value:
            shown = ", ".join(f"{inner} {count}" for inner, count in value.items())
        elif isinstance(value, list) and value:
            shown = ", ".join(value)
        typer.echo(f"{name.replace('_', ' '):{width}}  {shown}")
