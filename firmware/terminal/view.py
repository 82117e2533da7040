"""What the screen shows of a scene: a list of items, (kind, x, y, width, height, what, colour), the lowest first.

Equal items are equal pixels: the painter repaints only where two lists differ. Colours are RGB565 with their bytes
swapped, for framebuf has the least significant byte first and the display wants the other.
"""

from terminal import layout
from terminal.scenes import AMBER, AT_ONCE, BLUE, GREEN, GREY, RED
from terminal.words import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.font import Font
    from terminal.panel import Status
    from terminal.stage import Act
    from terminal.words import Words

# The first three are also the places of the fonts, by size.
SMALL, MEDIUM, LARGE, PERSON, BOX, ROUND_BOX, ICON, SIGNAL, TRAY, CLOCK = range(10)

PICTURE_MAX = 96  # pixels; pictures are multiples of 24, at which icons look best
BUTTONS = ("start", "cancel", "language")
NUMBER_CHARACTERS = 8  # of a code's number; a code without one is longer, and takes the place of the buttons' names


def rgb565(rgb: int) -> int:
    value = (rgb >> 8 & 0xF800) | (rgb >> 5 & 0x07E0) | (rgb >> 3 & 0x001F)
    return value >> 8 | (value & 0xFF) << 8


WHITE = rgb565(0xFFFFFF)
INK = rgb565(0x16212B)
FAINT = rgb565(0x55636F)
RULE = rgb565(0xD5DBE0)
STAFF = rgb565(0x22303C)
FOOT = rgb565(0xEDF0F2)
ALERT = rgb565(0xFFB020)  # on the staff line
TONES = {
    GREY: rgb565(0x55636F),
    BLUE: rgb565(0x1A64D0),
    GREEN: rgb565(0x1B8A4B),
    AMBER: rgb565(0xB26500),
    RED: rgb565(0xC62828),
}
TINTS = {
    GREY: rgb565(0xEDF0F2),
    BLUE: rgb565(0xE4EEFC),
    GREEN: rgb565(0xE2F4E9),
    AMBER: rgb565(0xFFF1D6),
    RED: rgb565(0xFCE6E6),
}


class View:
    def __init__(self, words: "Words", fonts: "list[Font]") -> None:
        self._words = words
        self._fonts = fonts
        self._key = None  # what `_text` and `_number` were found for
        self._text: "Text | None" = None
        self._number = ""
        self._labels = {}
        self._labels_language = None

    def items(self, act: "Act | None", status: "Status", language: str) -> list:
        """Raises AssetInvalid."""
        items = self._staff_line(status, language)
        if act is None:
            return items + [_ground(layout.HEAD[1], WHITE)] + self._foot("", language)
        self._find(act, language)
        text = self._text or Text("", act.state, "", "")
        if text.clerk:
            items += self._advice(act, text, language)
        else:
            items += self._instruction(act, text, language)
        return items + self._foot(self._number, language)

    def _find(self, act: "Act", language: str) -> None:
        """The words of the code; those of the state where the code has none, which is then shown as it is."""
        key = act.state, act.code, language
        if key == self._key:
            return
        self._key = key
        self._text = text = self._words.find(act.code, language) if act.code else None
        self._number = text.number if text else act.code or ""
        if text and act.state == "face-again":  # there is no time to read more than why
            again = self._words.find(act.state, language)
            self._text = Text(text.number, text.title, again.customer if again else "", "")
        if text is None:
            is_blocked = act.scene.rank == AT_ONCE
            find = self._words.find
            self._text = find(act.state, language) or find("contact-admin" if is_blocked else "internal", language)

    def _label(self, key: str, language: str) -> str:
        """Kept: these few are on every picture."""
        if language != self._labels_language:
            self._labels_language = language
            self._labels = {}
        if key not in self._labels:
            text = self._words.find(key, language)
            self._labels[key] = text.title if text else key
        return self._labels[key]

    def _line(self, size: int, x: int, y: int, words: str, colour: int) -> tuple:
        font = self._fonts[size]
        return (size, x, y, font.width(words), font.height, words, colour)

    def _staff_line(self, status: "Status", language: str) -> list:
        x, y, width, height = layout.STATUS
        link = "online" if status.is_online else "offline"
        items = [
            (BOX, x, y, width, height, None, STAFF),
            (SIGNAL, 8, y + 4, 18, 16, status.is_online, WHITE if status.is_online else ALERT),
            self._line(SMALL, 32, y + 3, self._label(link, language), WHITE),
        ]
        if status.waiting:
            items.append((TRAY, 112, y + 4, 16, 16, None, WHITE))
            items.append(self._line(SMALL, 133, y + 3, str(status.waiting), WHITE))
        if status.number:  # in the place of the clock, which everybody knows by now
            left = width - 8 - self._fonts[SMALL].width(status.number)
            items.append(self._line(SMALL, left, y + 3, status.number, ALERT))
        elif not status.is_clock_trusted:
            words = self._label("clock-unset", language)
            left = width - 8 - self._fonts[SMALL].width(words)
            items.append((CLOCK, left - 21, y + 4, 16, 16, None, ALERT))
            items.append(self._line(SMALL, left, y + 3, words, WHITE))
        return items

    def _instruction(self, act: "Act", text: Text, language: str) -> list:
        """For the customer alone: title, a large picture, a line of words."""
        tint, tone = TINTS[act.scene.tone], TONES[act.scene.tone]
        size, pitch = _title_font(language)
        titles, words = text.title.split("\n"), text.customer.split("\n")
        has_bar = act.state == "hold" or act.state.startswith("challenge-") or act.state == "face-again"
        top, bottom = layout.HEAD[1] + 6, (layout.BAR[1] if has_bar else layout.FOOT[1]) - 6
        items = [_ground(layout.HEAD[1], tint)]
        for line in titles:
            items.append(self._centred(size, top, line))
            top += pitch
        top -= pitch - self._fonts[size].height
        bottom -= layout.TEXT_LINE * len(words)
        for i in range(len(words)):
            items.append(self._centred(SMALL, bottom + i * layout.TEXT_LINE, words[i]))
        if act.person is not None:
            return items + _person(act, (top + bottom) // 2)
        picture = min(PICTURE_MAX, (bottom - top - 8) // 24 * 24)
        items.append(_icon(act, (layout.WIDTH - picture) // 2, (top + bottom - picture) // 2, picture))
        if act.state == "face-again":
            items += _stages(act, layout.BAR)
        elif has_bar:
            x, y, width, height = layout.BAR
            items.append((BOX, x, y, width, height, None, RULE))
            items.append((BOX, x, y, min(1000, act.value or 0) * width // 1000, height, None, tone))
        return items

    def _advice(self, act: "Act", text: Text, language: str) -> list:
        """For customer and clerk: what happened, and what each of them can do."""
        tint, tone = TINTS[act.scene.tone], TONES[act.scene.tone]
        x, y, width, height = layout.HEAD
        items = [_ground(y + height, WHITE), (BOX, x, y, width, height, None, tint)]
        items.append(_icon(act, layout.ICON[0], layout.ICON[1], layout.ICON[2]))
        x, y, _, height = layout.TITLE
        size, pitch = _title_font(language)
        titles = text.title.split("\n")
        y += (height - pitch * len(titles) + pitch - self._fonts[size].height) // 2
        for i in range(len(titles)):
            items.append(self._line(size, x, y + i * pitch, titles[i], INK))
        clerk_box = layout.CLERK if text.customer else layout.CUSTOMER
        for box, label, words in ((layout.CUSTOMER, "customer", text.customer), (clerk_box, "clerk", text.clerk)):
            if words:
                x, y = box[0], box[1]
                items.append(self._line(SMALL, layout.ICON[0], y, self._label(label, language), tone))
                for line in words.split("\n"):
                    items.append(self._line(SMALL, x, y, line, INK))
                    y += layout.TEXT_LINE
        return items + _stages(act, layout.STAGES)

    def _centred(self, size: int, y: int, words: str) -> tuple:
        return self._line(size, (layout.WIDTH - self._fonts[size].width(words)) // 2, y, words, INK)

    def _foot(self, number: str, language: str) -> list:
        x, y, width, height = layout.FOOT
        items = [(BOX, x, y, width, height, None, FOOT)]
        if number:
            items.append(self._line(SMALL, 8, y, number, INK))
        if len(number) > NUMBER_CHARACTERS:
            return items
        width //= 1 + len(BUTTONS)
        for i in range(len(BUTTONS)):
            x += width
            name = self._label(BUTTONS[i], language)
            items.append((BOX, x, y + 3, 1, height - 6, None, RULE))
            items.append(self._line(SMALL, x + (width - self._fonts[SMALL].width(name)) // 2, y, name, FAINT))
        return items


def _title_font(language: str) -> tuple:
    """Font and pitch of its lines."""
    return (LARGE if language == "zh" else MEDIUM), layout.TITLE_LINE[language]


def _ground(top: int, colour: int) -> tuple:
    """Down to the foot."""
    return (BOX, 0, top, layout.WIDTH, layout.FOOT[1] - top, None, colour)


def _icon(act: "Act", x: int, y: int, size: int) -> tuple:
    return (ICON, x, y, size, size, act.scene.icon, TONES[act.scene.tone])


def _person(act: "Act", middle: int) -> list:
    """Whose card was read. The item names the act, not the person: to clear it there is to clear it everywhere."""
    x, width, height = layout.PERSON
    y = middle - height // 2
    return [
        _icon(act, x - 8 - height, y, height),
        (ROUND_BOX, x, y, width, height, 8, WHITE),
        (PERSON, x, y, width, height, act, INK),
    ]


def _stages(act: "Act", box: tuple) -> list:
    """Which attempt it was, or how far a record has come."""
    if act.state in ("not-passed", "face-again"):
        count, done = 3, act.value or 0
    elif act.state in ("queued", "queued-offline", "delivered"):
        count, done = 2, 1 + (act.state == "delivered")
    else:
        return []
    x, y, width, height = box
    pitch = (width + 4) // count
    tone = TONES[act.scene.tone]
    return [(BOX, x + i * pitch, y, pitch - 4, height, None, tone if i < done else RULE) for i in range(count)]
