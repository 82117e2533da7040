"""Name and version of this firmware, as signed in every claim (EAT swname, swversion)."""

NAME = "shiming-terminal"
VERSION = "0.1.0"

# No terminal believes a clock that is earlier than this: 2026-11-01T00:00:00Z, the month this version was built.
BUILD_TIME = 1793491200
