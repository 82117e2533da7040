"""One part, one file. The bus is passed in; nothing here knows the terminal, and `terminal/` knows none of these."""
