"""Faults by the thousand, from a seed, and the books compared after each: `shiming torture`."""
