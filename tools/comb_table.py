"""Writes firmware/terminal/p256_comb.py: `python -m tools.comb_table`.

The comb has four tables, one for each quarter of the rows; a point stands for a column of signs that begins with +.
The points come from `cryptography`, not from the code that will use them.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

MODULE = Path(__file__).parents[1] / "firmware" / "terminal" / "p256_comb.py"
TABLES = 4
TEETH = 6
COLUMNS = 12  # 4 * 6 * 12 = 288 bits: those of a scalar and 31 to blind it
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BYTES_PER_LINE = 16

HEADER = '''\
"""Multiples of the base point of P-256 for terminal.p256, x || y each. Made by tools/comb_table.py, not by hand.

One bytes literal, so that a frozen build keeps it in flash.
"""

TABLES = {tables}
TEETH = {teeth}  # rows of a table
COLUMNS = {columns}  # bits between two rows

# fmt: off
POINTS = (
{lines}
)
'''


def points() -> bytes:
    """Returns the tables, 32 points each, that of the lowest rows first."""
    out = bytearray()
    for table in range(TABLES):
        for signs in range(1 << (TEETH - 1), 1 << TEETH):
            scalar = 0
            for tooth in range(TEETH):
                weight = 1 << (COLUMNS * (TEETH * table + tooth))
                scalar += weight if signs >> tooth & 1 else -weight
            numbers = ec.derive_private_key(scalar % ORDER, ec.SECP256R1()).public_key().public_numbers()
            out += numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    return bytes(out)


def module_text() -> str:
    table = points()
    lines = []
    for start in range(0, len(table), BYTES_PER_LINE):
        escapes = "".join(f"\\x{byte:02x}" for byte in table[start : start + BYTES_PER_LINE])
        lines.append(f'    b"{escapes}"')
    return HEADER.format(tables=TABLES, teeth=TEETH, columns=COLUMNS, lines="\n".join(lines))


if __name__ == "__main__":
    MODULE.write_text(module_text())
