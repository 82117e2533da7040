"""The frozen multiples of the base point are those that the script computes."""

from terminal import p256_comb

from tools import comb_table


def test_module_is_what_the_script_writes():
    assert comb_table.MODULE.read_text() == comb_table.module_text()


def test_table_is_what_the_script_computes():
    assert comb_table.points() == p256_comb.POINTS
    shape = (p256_comb.TABLES, p256_comb.TEETH, p256_comb.COLUMNS)
    assert shape == (comb_table.TABLES, comb_table.TEETH, comb_table.COLUMNS)
    assert len(p256_comb.POINTS) <= 8192
