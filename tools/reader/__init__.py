"""The firmware's reader driver on a PC. The installed product carries firmware/ beside tools/; this is the one place
that lets a host program import it. Last on the path: firmware/ has a main.py and a boot.py that must shadow nothing.
"""

import sys
from pathlib import Path

_FIRMWARE = str(Path(__file__).parents[2] / "firmware")
if _FIRMWARE not in sys.path:
    sys.path.append(_FIRMWARE)
