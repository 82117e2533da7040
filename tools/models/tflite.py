"""Reads the graph and the constants of a TFLite file; the part of the flatbuffer schema that the face models use.

No interpreter is needed to convert: what a model computes is in its file. LiteRT stays a yardstick of the benchmark.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from host_agent.errors import ShimingError

OPERATORS = {
    0: "add", 3: "conv", 4: "depthwise", 6: "dequantize", 17: "max-pool", 18: "mul", 19: "relu",
    22: "reshape", 2: "concatenation", 34: "pad", 41: "sub", 54: "prelu", 101: "abs",
}  # fmt: skip
TYPES = {0: np.dtype("<f4"), 1: np.dtype("<f2"), 2: np.dtype("<i4"), 3: np.dtype("u1"), 4: np.dtype("<i8")}
ACTIVATIONS = {0: None, 1: "relu"}


class UnknownModel(ShimingError):
    """The source file is not what the converter was written for."""

    code = "model-unknown"


@dataclass(frozen=True, slots=True)
class Operator:
    kind: str
    inputs: list[int]
    output: int
    options: dict[str, int]


@dataclass(slots=True)
class Graph:
    """Tensors are numbers; `constants` holds the values of those that the file brings."""

    inputs: list[int]
    outputs: list[int]
    shapes: dict[int, tuple[int, ...]]
    names: dict[int, str]
    constants: dict[int, np.ndarray]
    operators: list[Operator] = field(default_factory=list)


def read_graph(data: bytes) -> Graph:
    """Raises UnknownModel."""
    if data[4:8] != b"TFL3":
        raise UnknownModel("not a TFLite file")
    model = _Table.root(data)
    codes = [_kind(code) for code in model.tables(1)]
    buffers = [table.bytes(0) for table in model.tables(4)]
    graph = next(model.tables(2))
    tensors = list(graph.tables(0))
    shapes = {number: tuple(tensor.ints(0)) for number, tensor in enumerate(tensors)}
    constants = {}
    for number, tensor in enumerate(tensors):
        raw = buffers[tensor.u32(2)]
        if raw:
            constants[number] = np.frombuffer(raw, TYPES[tensor.i8(1)]).reshape(shapes[number])
    found = Graph(
        inputs=graph.ints(1),
        outputs=graph.ints(2),
        shapes=shapes,
        names={number: tensor.bytes(3).decode() for number, tensor in enumerate(tensors)},
        constants=constants,
    )
    for table in graph.tables(3):
        kind = codes[table.u32(0)]
        inputs, (output,) = table.ints(1), table.ints(2)
        if kind == "dequantize" and inputs[0] in constants:  # weights kept as float16
            constants[output] = constants[inputs[0]].astype(np.float32)
            continue
        found.operators.append(Operator(kind, inputs, output, _options(kind, table.table(4))))
    return found


def _kind(code: "_Table") -> str:
    number = max(code.i8(0), code.i32(3))
    if number not in OPERATORS:
        raise UnknownModel(f"operator {number} is not supported")
    return OPERATORS[number]


def _options(kind: str, table: "_Table | None") -> dict[str, int]:
    if table is None:
        return {}
    if kind in ("conv", "depthwise"):
        activation = table.i8(3 if kind == "conv" else 4)
        options = {"is_valid": table.i8(0), "stride": table.i32(2), "activation": activation}
        if kind == "depthwise" and table.i32(3) != 1:
            raise UnknownModel("depth multiplier other than 1")
        return options
    if kind == "max-pool":
        return {"is_valid": table.i8(0), "stride": table.i32(2), "size": table.i32(4), "activation": table.i8(5)}
    return {"activation": table.i8(0)} if kind in ("add", "mul", "sub") else {}


@dataclass(frozen=True, slots=True)
class _Table:
    data: bytes
    at: int

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        return cls(data, struct.unpack_from("<I", data)[0])

    def _field(self, number: int) -> int:
        """Where the field lies; 0 where it is left out."""
        vtable = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        size = struct.unpack_from("<H", self.data, vtable)[0]
        slot = 4 + 2 * number
        offset = struct.unpack_from("<H", self.data, vtable + slot)[0] if slot < size else 0
        return self.at + offset if offset else 0

    def _number(self, number: int, form: str) -> int:
        at = self._field(number)
        return struct.unpack_from(form, self.data, at)[0] if at else 0

    def i8(self, number: int) -> int:
        return self._number(number, "<b")

    def i32(self, number: int) -> int:
        return self._number(number, "<i")

    def u32(self, number: int) -> int:
        return self._number(number, "<I")

    def _target(self, at: int) -> int:
        return at + struct.unpack_from("<I", self.data, at)[0]

    def table(self, number: int) -> "_Table | None":
        at = self._field(number)
        return _Table(self.data, self._target(at)) if at else None

    def _vector(self, number: int) -> tuple[int, int]:
        at = self._field(number)
        if not at:
            return 0, 0
        at = self._target(at)
        return at + 4, struct.unpack_from("<I", self.data, at)[0]

    def tables(self, number: int) -> Iterator["_Table"]:
        start, count = self._vector(number)
        for index in range(count):
            yield _Table(self.data, self._target(start + 4 * index))

    def bytes(self, number: int) -> bytes:
        start, count = self._vector(number)
        return self.data[start : start + count]

    def ints(self, number: int) -> list[int]:
        start, count = self._vector(number)
        return list(struct.unpack_from(f"<{count}i", self.data, start))
