"""A picture in memory, from the top left, as a camera or a decoder left it; nothing is copied."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.face.netfile import Buffer

GREY, RGB565, RGB888 = 1, 2, 3  # bytes of a pixel; RGB565 has its upper byte first
_LONGEST = 4096


class Frame:
    """Raises ValueError where pixels and size do not fit each other."""

    def __init__(self, pixels: "Buffer", width: int, height: int, kind: int) -> None:
        is_small = width < 2 or height < 2 or width > _LONGEST or height > _LONGEST
        if kind not in (GREY, RGB565, RGB888) or is_small or len(pixels) != width * height * kind:
            raise ValueError("a frame of another size")
        self.pixels, self.width, self.height, self.kind = pixels, width, height, kind

    def wipe(self) -> None:
        """Overwrites the picture of a person, where its memory can be written to."""
        if isinstance(self.pixels, (bytearray, memoryview)):
            overwrite(self.pixels)


def overwrite(buffer: "bytearray | memoryview") -> None:
    for start in range(0, len(buffer), 1024):
        buffer[start : start + 1024] = bytes(min(1024, len(buffer) - start))
