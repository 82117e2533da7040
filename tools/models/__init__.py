"""Converts face models from packages of the registries into the nets that the terminal runs, and measures them."""

from pathlib import Path

FIRMWARE = Path(__file__).parents[2] / "firmware"
