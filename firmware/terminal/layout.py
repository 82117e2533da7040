"""Where things stand on the screen: (x, y, width, height) in pixels.

`tools/screen` wraps the words to these boxes when it builds the assets: no text can be too long on the device.
"""

WIDTH = 320
HEIGHT = 240
BAND_ROWS = 8  # drawn and sent at once

STATUS = (0, 0, 320, 24)  # staff line: link, records waiting, trust in the clock
HEAD = (0, 24, 320, 88)  # icon and title, on a ground in the tone of the scene
ICON = (8, 44, 48, 48)
TITLE = (64, 28, 248, 80)  # one instruction
CUSTOMER = (56, 115, 256, 60)  # what the customer can do; its label stands in the 48 pixels to the left
CLERK = (56, 177, 256, 40)  # what the clerk can do
STAGES = (0, 107, 320, 5)  # under the head: attempts, or the way of a record
PERSON = (108, 160, 48)  # whose card was read: x, width, height
BAR = (40, 206, 240, 8)  # progress
FOOT = (0, 220, 320, 20)  # number of the refusal, names of the buttons

TITLE_LINE = {"zh": 40, "en": 26}  # line pitch; glyphs of 32 and 24 pixels
TEXT_LINE = 20  # glyphs of 16 pixels
