"""What of a person may stand on a screen: enough to see that the right card was read, too little to know them by."""

TAIL = 4  # characters of the number, as people give them at a counter


def mask_name(name: str) -> str:
    """Its first character. As many stars for every name: a length can tell a name, too."""
    return name[:1] + "\uff0a\uff0a"


def mask_number(number: str) -> str:
    """Neither area nor birth date."""
    return "\uff0a\uff0a\uff0a" + number[-TAIL:]


def masked(name: str, number: str) -> str:
    return mask_name(name) + " " + mask_number(number)
