"""What the terminal's screen is made of: words in two languages, fonts, and the table of codes for people."""

import tools.reader  # noqa: F401 - lets host programs import the firmware's pure modules
