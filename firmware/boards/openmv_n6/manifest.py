"""What is frozen into the interpreter's image: the port's own modules. The application is not: it is in ROMFS, where an
upgrade replaces 200 KB and not 2 MB (tools/rom.py lists it).
"""

include("$(PORT_DIR)/boards/manifest.py")  # noqa: F821 - given by MicroPython's makemanifest.py
