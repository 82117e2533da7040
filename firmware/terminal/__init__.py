"""The registration terminal's application.

Nothing here imports `machine`, `network` or `camera`: hardware is built in boards/<board>/hw.py and handed in.
"""
