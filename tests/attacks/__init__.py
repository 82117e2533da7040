"""The attack book. Its programs run outside pytest, too, and import the firmware as the tests do."""

from tests.fuzz.paths import add_firmware

add_firmware()
