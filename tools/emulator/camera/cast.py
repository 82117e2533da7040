"""Numbers of heads whose faces the networks find, follow and tell apart: for the demo and for tests with pictures.

Chosen out of 700 with the float models: similarity of two of them at most 0.36, of two pictures of one at least 0.93.
"""

CAST = (26, 110, 131, 186, 384, 526, 550, 588, 593)
