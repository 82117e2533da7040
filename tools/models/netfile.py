"""Writes and reads a net, the flat file of integers that the terminal runs in place (`firmware/models/README.md`)."""

import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np

from host_agent.errors import ShimingError

MAGIC = b"SMFN"
VERSION = 1
IS_BGR = 1
HEADER = struct.Struct("<4sHH24sIIHHHHIIff")
TABLES_AT = HEADER.size + 32  # behind the digest
TENSOR = struct.Struct("<IHHHBBBBBBf")
OPERATION = struct.Struct("<BBBBBBBBBBBBBBHiiIII")
CONSTANTS = np.dtype([("bias", "<u4"), ("factor", "<u2"), ("negative", "<u2")])
WORKING = np.dtype([("bias", "i8"), ("factor", "i8"), ("negative", "i8")])

KINDS = ("conv", "depthwise", "max-pool")
LINEAR, PRELU, ADD, ADD_PRELU, WIDE = range(5)  # what follows a sum of products
NONE = 255
BIAS_OFFSET = 1 << 29
NEGATIVE_OFFSET = 1 << 15
SLACK_BYTES = 8  # products are padded to a multiple of 8: their kernels read so far past the last pixel


class NetRefused(ShimingError):
    """The file is damaged, or of another version."""

    code = "net-refused"


@dataclass(slots=True)
class Tensor:
    """Rows of pixels of channels, a byte each, within a border of `zero`; 16-bit signed numbers if `is_wide`.

    A value is (number - zero) * scale.
    """

    height: int
    width: int
    channels: int
    border: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    zero: int = 0
    is_wide: bool = False
    scale: float = 1.0
    offset: int = 0

    @property
    def size_bytes(self) -> int:
        top, left, bottom, right = self.border
        size = (top + self.height + bottom) * (left + self.width + right) * self.channels
        return size * (2 if self.is_wide else 1)


def _nothing() -> np.ndarray:
    return np.empty(0, int)


@dataclass(slots=True)
class Operation:
    """`reach` are the rows above and the columns left of its first pixel that a kernel covers."""

    kind: str
    post: int
    source: int
    result: int
    added: int = NONE
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    reach: tuple[int, int] = (0, 0)
    shifts: tuple[int, int, int] = (0, 0, 0)
    chunk: int = 0  # so many of the products of a convolution fit a packed sum
    depth: int = 0  # products in a sum, padded to a multiple of 8
    rounding: int = 0
    late_rounding: int = 0
    added_factor: int = 0
    weights: np.ndarray = field(default_factory=_nothing)  # int, [out, depth] or [channels, height * width]
    biases: np.ndarray = field(default_factory=_nothing)
    factors: np.ndarray = field(default_factory=_nothing)
    negatives: np.ndarray = field(default_factory=_nothing)


@dataclass(slots=True)
class Net:
    """The first tensor is the picture, the last `outputs` ones are what comes out."""

    name: str
    mean: float
    scale: float
    is_bgr: bool
    outputs: int
    tensors: list[Tensor]
    operations: list[Operation]
    arena_bytes: int = 0
    patch_at: int = 0
    sums_at: int = 0


def pack(net: Net) -> bytes:
    """Tables first, then for each operation its constants, aligned to 4, and its weights."""
    data_at = TABLES_AT + len(net.tensors) * TENSOR.size + len(net.operations) * OPERATION.size
    tables, data = bytearray(), bytearray()
    for tensor in net.tensors:
        tables += TENSOR.pack(
            *(tensor.offset, tensor.height, tensor.width, tensor.channels, *tensor.border),
            *(tensor.zero, tensor.is_wide, tensor.scale),
        )
    for operation in net.operations:
        constants, weights = _pack_constants(operation), _pack_weights(operation)
        data += bytes(-(data_at + len(data)) % 4)
        constants_at = data_at + len(data)
        data += constants + weights
        tables += OPERATION.pack(
            *(KINDS.index(operation.kind), operation.post, operation.source, operation.result, operation.added),
            *(*operation.size, operation.stride, *operation.reach, *operation.shifts, operation.chunk, operation.depth),
            *(operation.rounding, operation.late_rounding, operation.added_factor),
            *(constants_at, constants_at + len(constants)),
        )
    header = HEADER.pack(
        *(MAGIC, VERSION, IS_BGR if net.is_bgr else 0, net.name.encode(), data_at + len(data), net.arena_bytes),
        *(len(net.tensors), len(net.operations), net.outputs, 0, net.patch_at, net.sums_at, net.mean, net.scale),
    )
    return header + hashlib.sha256(header + tables + data).digest() + tables + data


def _pack_constants(operation: Operation) -> bytes:
    table = np.zeros(len(operation.biases), CONSTANTS)
    for name, values in (
        ("bias", operation.biases + BIAS_OFFSET),
        ("factor", operation.factors),
        ("negative", operation.negatives + NEGATIVE_OFFSET),
    ):
        table[name] = values
        if (table[name] != values).any():
            raise OverflowError(name)
    return table.tobytes()


def _pack_weights(operation: Operation) -> bytes:
    return (operation.weights + 128).astype(np.uint8).tobytes()


def unpack(data: bytes) -> Net:
    """Raises NetRefused."""
    if len(data) < TABLES_AT:
        raise NetRefused("shorter than its header")
    head = HEADER.unpack_from(data)
    magic, version, flags, name, size, arena, tensors, operations, outputs, _, patch_at, sums_at, mean, scale = head
    if (magic, version, size) != (MAGIC, VERSION, len(data)):
        raise NetRefused("of another kind, version or length")
    if hashlib.sha256(data[: HEADER.size] + data[TABLES_AT:]).digest() != data[HEADER.size : TABLES_AT]:
        raise NetRefused("its digest does not fit")
    net = Net(name.rstrip(b"\0").decode(), mean, scale, bool(flags & IS_BGR), outputs, [], [], arena, patch_at, sums_at)
    at = TABLES_AT
    for _ in range(tensors):
        offset, height, width, channels, *border, zero, is_wide, scale = TENSOR.unpack_from(data, at)
        net.tensors.append(Tensor(height, width, channels, tuple(border), zero, bool(is_wide), scale, offset))
        at += TENSOR.size
    for _ in range(operations):
        net.operations.append(_unpack_operation(data, at, net.tensors))
        at += OPERATION.size
    return net


def _unpack_operation(data: bytes, at: int, tensors: list[Tensor]) -> Operation:
    kind, post, source, result, added, *small, depth, rounding, late, factor, constants_at, weights_at = (
        OPERATION.unpack_from(data, at)
    )
    high, wide, stride, top, left, first, second, third, chunk = small
    operation = Operation(
        *(KINDS[kind], post, source, result, added, (high, wide), stride, (top, left), (first, second, third)),
        *(chunk, depth, rounding, late, factor),
    )
    if operation.kind != "max-pool":
        count = tensors[result].channels
        table = np.frombuffer(data, CONSTANTS, count, constants_at).astype(WORKING)
        operation.biases = table["bias"] - BIAS_OFFSET
        operation.factors, operation.negatives = table["factor"], table["negative"] - NEGATIVE_OFFSET
        row = depth if operation.kind == "conv" else high * wide
        operation.weights = np.frombuffer(data, np.uint8, count * row, weights_at).reshape(count, row).astype(int) - 128
    return operation
