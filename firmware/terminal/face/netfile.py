"""Reads a net in place: header, digest, tensors and operations, each checked before a kernel may trust it.

`firmware/models/README.md` defines the file. A damaged or foreign one is refused whole.
"""

import hashlib
import struct
from collections import namedtuple

from terminal.errors import TerminalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Buffer = bytes | bytearray | memoryview

VERSION = 1
_HEADER = "<4sHH24sIIHHHHIIff"
_HEADER_BYTES = 64
_TABLES_AT = 96
_TENSOR = "<IHHHBBBBBBf"
_TENSOR_BYTES = 20
_OPERATION = "<BBBBBBBBBBBBBBHiiIII"
_OPERATION_BYTES = 36

CONV, DEPTHWISE, MAX_POOL = range(3)
LINEAR, PRELU, ADD, ADD_PRELU, WIDE = range(5)
NONE = 255
SLACK_BYTES = 8  # a kernel reads so far past the last pixel
_LIMIT = 1 << 29  # of numbers that are kept as so much more than they are
_CHUNK = 64

Header = namedtuple(
    "Header", ("name", "is_bgr", "arena_bytes", "outputs", "patch_at", "sums_at", "mean", "scale", "digest")
)
Tensor = namedtuple(
    "Tensor", ("at", "height", "width", "channels", "top", "left", "bottom", "right", "zero", "is_wide", "scale")
)
Operation = namedtuple(
    "Operation",
    ("kind", "post", "source", "result", "added", "high", "wide", "stride", "reach_top", "reach_left", "shift")
    + ("second_shift", "third_shift", "chunk", "depth", "rounding", "late_rounding", "added_factor")
    + ("constants_at", "weights_at"),
)


class NetRefused(TerminalError):
    """The file is damaged, cut off, of another version, or asks for what the kernels do not do."""

    code = "face-model-refused"


def read(file: "Buffer") -> tuple[Header, list[Tensor], list[Operation]]:
    """Raises NetRefused."""
    try:
        return _read(file)
    except ValueError as error:
        raise NetRefused("cut off") from error


def arena_bytes(file: "Buffer") -> int:
    """What the net asks for, unchecked: its reading checks it. Raises NetRefused."""
    if len(file) < _TABLES_AT:
        raise NetRefused("cut off")
    return struct.unpack_from("<I", file, 36)[0]


def pitch(tensor: Tensor) -> int:
    """Bytes from a row to the next."""
    return (tensor.left + tensor.width + tensor.right) * tensor.channels


def size_bytes(tensor: Tensor) -> int:
    size = (tensor.top + tensor.height + tensor.bottom) * pitch(tensor)
    return 2 * size if tensor.is_wide else size


def _read(file: "Buffer") -> tuple[Header, list[Tensor], list[Operation]]:
    if len(file) < _TABLES_AT:
        raise NetRefused("cut off")
    (
        magic,
        version,
        flags,
        name,
        size,
        arena_bytes,
        tensor_count,
        count,
        outputs,
        zero,
        patch_at,
        sums_at,
        mean,
        scale,
    ) = struct.unpack_from(_HEADER, file)
    if magic != b"SMFN" or version != VERSION or flags > 1 or zero != 0:
        raise NetRefused("of another kind or version")
    if size != len(file):
        raise NetRefused("of another length")
    digest = _digest(file)
    if digest != bytes(file[_HEADER_BYTES:_TABLES_AT]):
        raise NetRefused("its digest does not fit")
    if not 0 < outputs < tensor_count < NONE or not count:
        raise NetRefused("without a tensor or an operation")
    name = str(name, "utf-8").rstrip("\0")
    header = Header(name, flags == 1, arena_bytes, outputs, patch_at, sums_at, mean, scale, digest)
    at = _TABLES_AT
    tensors = []
    for _ in range(tensor_count):
        tensors.append(_checked_tensor(header, Tensor(*struct.unpack_from(_TENSOR, file, at))))
        at += _TENSOR_BYTES
    operations = []
    made = {0}
    for _ in range(count):
        operation = Operation(*struct.unpack_from(_OPERATION, file, at))
        _check_operation(header, tensors, operation, made, size)
        made.add(operation.result)
        operations.append(operation)
        at += _OPERATION_BYTES
    if len(made) != tensor_count:
        raise NetRefused("a tensor that nothing makes")
    return header, tensors, operations


def _digest(file: "Buffer") -> bytes:
    view = memoryview(file)
    digest = hashlib.sha256(view[:_HEADER_BYTES])
    digest.update(view[_TABLES_AT:])
    return digest.digest()


def _checked_tensor(header: Header, tensor: Tensor) -> Tensor:
    is_empty = not (tensor.height and tensor.width and tensor.channels)
    if is_empty or tensor.is_wide > 1 or tensor.at + size_bytes(tensor) + SLACK_BYTES > header.arena_bytes:
        raise NetRefused("a tensor outside the arena")
    if tensor.is_wide and (tensor.top or tensor.left or tensor.bottom or tensor.right):
        raise NetRefused("a wide tensor with a border")
    return tensor


def _check_operation(header: Header, tensors: list[Tensor], op: Operation, made: set[int], size: int) -> None:
    if op.kind > MAX_POOL or op.post > WIDE or op.source not in made or op.result in made or op.result >= len(tensors):
        raise NetRefused("an operation out of order")
    source, result = tensors[op.source], tensors[op.result]
    if source.is_wide or result.is_wide != (op.post == WIDE) or not 1 <= op.stride <= 2:
        raise NetRefused("an operation between the wrong tensors")
    if not (_covers(source.top, source.height, source.bottom, op.reach_top, op.high, op.stride, result.height)) or not (
        _covers(source.left, source.width, source.right, op.reach_left, op.wide, op.stride, result.width)
    ):
        raise NetRefused("an operation outside its source")
    if op.kind == MAX_POOL:
        if (op.high, op.wide, op.stride, op.post, op.added) != (
            2,
            2,
            2,
            LINEAR,
            NONE,
        ) or source.channels != result.channels:
            raise NetRefused("a max-pool of another kind")
        return
    _check_numbers(op)
    row = op.depth if op.kind == CONV else op.high * op.wide
    if (
        op.constants_at % 4
        or op.constants_at + 8 * result.channels > size
        or op.weights_at + row * result.channels > size
    ):
        raise NetRefused("weights outside the file")
    if op.kind == DEPTHWISE:
        if source.channels != result.channels or op.post > PRELU or op.added != NONE:
            raise NetRefused("a depthwise convolution of another kind")
        return
    _check_conv(header, tensors, op, made)


def _covers(before: int, length: int, after: int, reach: int, kernel: int, stride: int, count: int) -> bool:
    """Whether `count` places of a kernel that starts `reach` before the first pixel lie within it and its border."""
    return kernel > 0 and reach <= before and (count - 1) * stride + kernel - reach <= length + after


def _check_numbers(op: Operation) -> None:
    if op.shift > 24 or op.second_shift > 24 or op.third_shift > 28 or op.added_factor >= _LIMIT:
        raise NetRefused("a shift or a factor out of range")
    if not -_LIMIT < op.rounding < _LIMIT or not -_LIMIT < op.late_rounding < _LIMIT:
        raise NetRefused("a rounding out of range")


def _check_conv(header: Header, tensors: list[Tensor], op: Operation, made: set[int]) -> None:
    source, result = tensors[op.source], tensors[op.result]
    products = op.high * op.wide * source.channels
    if op.depth % 8 or not products <= op.depth < products + 8 or op.chunk % 8 or not 8 <= op.chunk <= _CHUNK:
        raise NetRefused("a sum of another length")
    if op.chunk < op.depth and (header.sums_at % 4 or header.sums_at + 12 * result.channels > header.arena_bytes):
        raise NetRefused("sums outside the arena")
    if is_patched(op) and header.patch_at + result.width * op.depth + SLACK_BYTES > header.arena_bytes:
        raise NetRefused("patches outside the arena")
    if (op.added != NONE) != (op.post in (ADD, ADD_PRELU)):
        raise NetRefused("an addition of nothing")
    if op.added != NONE:
        if op.added not in made:
            raise NetRefused("an addition out of order")
        added = tensors[op.added]
        is_same = (added.height, added.width) == (result.height, result.width)
        if not is_same or added.channels > result.channels or added.is_wide:
            raise NetRefused("an addition of another size")


def is_patched(op: Operation) -> bool:
    """Whether the pixels under the kernel have to be gathered first; those of a kernel of one pixel lie ready."""
    return not op.high == op.wide == op.stride == 1
