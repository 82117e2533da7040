"""Start of the terminal; `hw` is the board's own, from boards/<board>/hw.py.

Ctrl-C gives a technician the REPL and takes the watchdog off.
"""

import asyncio

import hw
from terminal import app

hardware = hw.build()
try:
    asyncio.run(app.run(hardware))
except KeyboardInterrupt:
    hardware.watchdog.release()
    raise
