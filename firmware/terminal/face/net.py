"""A net that runs in place: its weights stay in the file, its tensors lie in an arena that several nets may share.

`steps` gives the event loop its turn between kernels; what it yields means nothing.
"""

# Viper takes a buffer where it wants a pointer.
# pyright: reportArgumentType=false
import struct
import sys

import uctypes

from terminal.face import kernels, netfile, plan, sampling
from terminal.face.netfile import CONV, DEPTHWISE, Header, NetRefused, Operation, Tensor

if sys.maxsize >> 32:
    from terminal.face import kernels64 as packed

    STEP_PRODUCTS = 4_000_000  # about 1 ms
else:
    packed = None
    STEP_PRODUCTS = 150_000  # about 10 ms at 240 MHz

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Generator

    from terminal.face.frame import Frame
    from terminal.face.geometry import View
    from terminal.face.netfile import Buffer

_ROWS = 16  # of a picture that are taken at a time


class Output:
    """16-bit signed numbers in the arena, valid until the next net runs there; a value is number * scale."""

    def __init__(self, tensor: Tensor, arena: bytearray) -> None:
        self.height, self.width, self.channels = tensor.height, tensor.width, tensor.channels
        self.scale = tensor.scale
        self.view = memoryview(arena)[tensor.at : tensor.at + netfile.size_bytes(tensor)]

    def numbers(self, first: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from("<%dh" % count, self.view, 2 * first)


class Net:
    """Raises NetRefused for a file that is damaged or does not fit the arena."""

    def __init__(self, file: "Buffer", arena: bytearray, is_packed: bool = packed is not None) -> None:
        header, tensors, operations = netfile.read(file)
        if header.arena_bytes > len(arena):
            raise NetRefused("larger than the arena")
        if packed is None and uctypes.addressof(file) & 3:  # 32-bit processors may trap; x64 does not mind
            raise NetRefused("not at an address that four divides")
        self.name, self.digest = header.name, header.digest
        self.is_bgr = header.is_bgr
        self.height, self.width = tensors[0].height, tensors[0].width
        self.arena = arena
        self.picture_at = plan.first_pixel(tensors[0])  # where a picture is put, in rows of `picture_pitch` bytes
        self.picture_pitch = netfile.pitch(tensors[0])
        self.outputs = [Output(tensor, arena) for tensor in tensors[-header.outputs :]]
        self._file = file
        self._frames = [_frame(tensor) for tensor in tensors]
        self._work = [_work(header, tensors, operation, is_packed) for operation in operations]

    def load(self, picture: "Buffer") -> None:
        """Rows of pixels of three bytes in the net's colour order, of exactly its size."""
        row_bytes = 3 * self.width
        if len(picture) != self.height * row_bytes:
            raise ValueError("a picture of another size")
        view = memoryview(picture)
        at = self.picture_at
        for start in range(0, len(picture), row_bytes):
            self.arena[at : at + row_bytes] = view[start : start + row_bytes]
            at += self.picture_pitch

    def run(self, picture: "Buffer") -> list[Output]:
        self.load(picture)
        for _ in self.steps():
            pass
        return self.outputs

    def take(self, frame: "Frame", view: "View", is_black_outside: bool = False) -> "Generator[None]":
        """Loads what `view` shows of the frame. Beyond the frame its edge goes on, or all is black."""
        size = self.width, self.picture_pitch
        numbers = sampling.plan(frame, view, size, self.is_bgr, is_black_outside)
        for first in range(0, self.height, _ROWS):
            at = self.picture_at + first * self.picture_pitch
            sampling.sample(memoryview(self.arena)[at:], frame.pixels, first, min(_ROWS, self.height - first), numbers)
            yield

    def steps(self) -> "Generator[None]":
        """Works on the picture that lies in the arena, a few milliseconds at a time."""
        file, arena = self._file, self.arena
        self._draw_frame(0)
        for kernel, is_patched, height, rows, result, numbers in self._work:
            self._draw_frame(result)
            for first in range(0, height, rows):
                if is_patched:
                    _conv_row(kernel, file, first, arena, numbers)
                else:
                    kernel(file, min(rows, height - first), first, arena, numbers)
                yield

    def _draw_frame(self, tensor: int) -> None:
        frame = self._frames[tensor]
        if frame:
            at, before, zero, row_bytes, gap, gaps, after = frame
            kernels.frame(memoryview(self.arena)[at:], before, zero, row_bytes, gap, gaps, after)


def _conv_row(kernel: "Callable[..., None]", file: "Buffer", row: int, arena: bytearray, numbers: "array[int]") -> None:
    kernels.gather(file, file, row, arena, numbers)
    kernel(file, 1, row, arena, numbers)


def _frame(tensor: Tensor) -> "tuple[int, ...] | None":
    """What `kernels.frame` needs to write the border."""
    if not (tensor.top or tensor.left or tensor.bottom or tensor.right):
        return None
    pitch, left, right = netfile.pitch(tensor), tensor.left * tensor.channels, tensor.right * tensor.channels
    row_bytes = tensor.width * tensor.channels
    before, after = tensor.top * pitch + left, right + tensor.bottom * pitch
    return tensor.at, before, tensor.zero, row_bytes, left + right, tensor.height - 1, after


def _work(
    header: Header, tensors: list[Tensor], op: Operation, is_packed: bool
) -> "tuple[Callable[..., None], bool, int, int, int, array[int]]":
    result = tensors[op.result]
    is_patched = op.kind == CONV and netfile.is_patched(op)
    if op.kind == CONV:
        kernel = packed.conv if is_packed and packed and result.width * result.height > 1 else kernels.conv
    elif op.kind == DEPTHWISE:
        kernel = packed.depthwise if is_packed and packed and op.high == op.wide == 3 else kernels.depthwise
    else:
        kernel = kernels.max_pool
    rows = 1 if is_patched else max(1, STEP_PRODUCTS // plan.products_per_row(tensors, op))
    return kernel, is_patched, result.height, rows, op.result, plan.make(header, tensors, op)
