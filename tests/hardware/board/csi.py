"""`csi` of OpenMV's firmware: a sensor that gives a picture at every second look, into two buffers in turn."""

from machine import note

RGB565, QVGA = 4, 9


class Picture:
    def __init__(self, pixels):
        self._pixels = pixels

    def bytearray(self):
        return self._pixels


class CSI:
    def __init__(self):
        self._buffers = bytearray(320 * 240 * 2), bytearray(320 * 240 * 2)
        self._looks = 0
        self._ready = []

    def reset(self, hard=True):
        self._ready = ["reset"]

    def pixformat(self, value):
        self._ready.append(("pixformat", value))

    def framesize(self, value):
        self._ready.append(("framesize", value))

    def snapshot(self, *, blocking=True):
        if self._ready != ["reset", ("pixformat", RGB565), ("framesize", QVGA)] or blocking:
            raise RuntimeError("not set up, or it would wait")
        self._looks += 1
        if self._looks % 2:
            return None
        pixels = self._buffers[self._looks // 2 % 2]
        pixels[:4] = b"\x34\x12\x78\x56"  # 0x1234, 0x5678
        return Picture(pixels)

    def shutdown(self, is_off):
        note("csi-shutdown", is_off)
