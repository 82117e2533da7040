"""What runs on a PC: emulator, technician's tools, reference backend, demo.

The installed product carries firmware/ beside tools/; this is the one place that lets a program on the PC import its
pure modules. Last on the path: firmware/ has a main.py and a boot.py that must shadow nothing.
"""

import sys
from pathlib import Path

_FIRMWARE = str(Path(__file__).parents[1] / "firmware")
if _FIRMWARE not in sys.path:
    sys.path.append(_FIRMWARE)
