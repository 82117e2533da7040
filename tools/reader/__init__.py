"""The firmware's reader driver on a PC: `shiming reader`."""
