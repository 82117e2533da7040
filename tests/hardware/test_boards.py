"""Each board's hw.py over fakes of `machine` and `network`: that the calls are consistent is all that this can show."""

import json
import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

STORY = Path(__file__).with_name("board") / "story.py"
MICROPYTHON = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
WIFI = {"network": {"ssid": "shop", "time_server": "127.0.0.1"}}
CABLE = {"network": {"time_server": "127.0.0.1"}}
BOARDS = ("esp32s3", "openmv_n6")
DEADLINE_S = 60


@cache
def story(board: str, settings: str = json.dumps(WIFI)) -> tuple[dict[str, Any], str]:
    command = [MICROPYTHON, str(STORY), board, settings]
    result = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    *console, last = result.stdout.splitlines()
    return json.loads(last), "\n".join(console)


def events(board: str, *kinds: str) -> list[list[Any]]:
    told = story(board)[0]
    return [event for event in told["built"] + told["used"] if event[0] in kinds]


@pytest.mark.parametrize("board", BOARDS)
def test_every_capability_answers(board: str) -> None:
    said = story(board)[0]["said"]
    assert said["about"] == [board, "watchdog", "010203040506", "/rom/assets", "/"]
    assert said["size"] == [320, 240]
    assert said["random"] == 16
    assert 0 < said["free"] < 64 * 4096
    assert said["has reader power"] is True
    assert said["opened"] == [True, False], "the switch pulls the pin down while the lid is closed"


@pytest.mark.parametrize("board", BOARDS)
def test_the_application_finds_its_files_at_the_root(board: str) -> None:
    assert {"config.json", "secret", "clock.last"} <= set(story(board)[0]["said"]["files"])


@pytest.mark.parametrize("board", BOARDS)
def test_reader_line_is_opened_anew_with_a_large_buffer(board: str) -> None:
    assert story(board)[0]["said"]["read"] == "aaaaaa9669"
    opened = events(board, "uart", "uart-deinit")
    assert [event[0] for event in opened] == ["uart", "uart-deinit", "uart"]
    assert [event[2] for event in opened if event[0] == "uart"] == [115200, 9600]
    assert all(event[3] >= 4096 and event[4] == 0 for event in opened if event[0] == "uart")


@pytest.mark.parametrize("board", BOARDS)
def test_buttons_are_the_three_of_the_contract(board: str) -> None:
    said = story(board)[0]["said"]
    assert (said["idle"], said["held"]) == (0, 0b110)


@pytest.mark.parametrize("board", BOARDS)
def test_network_comes_up_and_a_missing_time_server_is_said(board: str) -> None:
    told, console = story(board)
    assert told["said"]["network"] == "up"
    assert ["connect", "shop", len("correct horse")] in told["used"]
    assert "sntp: no time, errno" in console


def test_openmv_takes_the_cable_without_a_wifi_name() -> None:
    told, _ = story("openmv_n6", json.dumps(CABLE))
    assert told["said"]["network"] == "up"
    assert ["lan"] in told["used"]
    assert not [event for event in told["used"] if event[0] == "wlan"]


@pytest.mark.parametrize("board", BOARDS)
def test_settings_without_a_network_are_an_error_of_the_link(board: str) -> None:
    assert story(board, "{}")[0]["said"]["network"] == "errno 22"


@pytest.mark.parametrize("board", BOARDS)
def test_console_line_says_state_code_and_value(board: str) -> None:
    assert 'panel ["fault", "reader-timeout", 3]' in story(board)[1]


@pytest.mark.parametrize("board", BOARDS)
def test_watchdog_is_fed_by_a_timer_once_released(board: str) -> None:
    fed = [event for event in events(board, "wdt", "feed", "timer-init") if event]
    assert fed == [["wdt", 8000], ["feed"], ["timer-init", 1, 1000], ["feed"]]


@pytest.mark.parametrize("board", BOARDS)
def test_clock_counts_from_1970_and_keeps_its_source(board: str) -> None:
    said = story(board)[0]["said"]
    assert abs(said["now"] - time.time()) < 10 * DEADLINE_S
    assert (said["source"], said["source after"]) == (2, 4)
    assert ["rtc", [2026, 11, 18, 2, 11, 6, 40, 0]] in story(board)[0]["used"]


@pytest.mark.parametrize("board", BOARDS)
def test_picture_goes_out_over_spi_in_whole_bands(board: str) -> None:
    assert 320 * 16 * 2 in [event[1] for event in events(board, "spi-write")]


def test_esp32s3_radio_is_on_before_anything_needs_random_bytes() -> None:
    assert [event[0] for event in story("esp32s3")[0]["built"][:2]] == ["freq", "wlan"]


def test_esp32s3_reader_is_switched_by_its_pin() -> None:
    levels = [event[1:] for event in story("esp32s3")[0]["used"] if event[0] == "level" and event[1] == 16]
    assert levels == [[16, 0], [16, 1]]


def test_openmv_reader_and_panel_reset_hang_on_the_expander() -> None:
    built = [event[1:] for event in story("openmv_n6")[0]["built"] if event[0] == "i2c-write"]
    assert built[:2] == [[1, 0b010000], [3, 0b11001111]]  # levels before directions
    assert built[2:] == [[1, 0b010000], [1, 0b110000]]  # the panel's reset, low and high again
    used = [event[1:] for event in story("openmv_n6")[0]["used"] if event[0] == "i2c-write"]
    assert used == [[1, 0b100000], [1, 0b110000]]  # reader off and on, the panel left alone


def test_openmv_camera_gives_pictures_and_keeps_none() -> None:
    assert story("openmv_n6")[0]["said"]["camera"] == [1, 2, 320 * 240 * 2, "12345678", False]
    assert ["csi-shutdown", True] in story("openmv_n6")[0]["used"]


def test_esp32s3_has_no_camera() -> None:
    assert story("esp32s3")[0]["said"]["camera"] is None


@pytest.mark.parametrize("board", BOARDS)
def test_buzzer_falls_silent(board: str) -> None:
    assert [event[2] for event in events(board, "pwm-duty")][-2:] == [32768, 0]


@pytest.mark.parametrize("board", BOARDS)
def test_image_freezes_the_port_and_nothing_of_ours(board: str) -> None:
    included = []
    manifest = STORY.parents[3] / "firmware" / "boards" / board / "manifest.py"
    exec(manifest.read_text(encoding="utf-8"), {"include": included.append})  # noqa: S102 - makemanifest.py does the same
    assert included == ["$(PORT_DIR)/boards/manifest.py"]
