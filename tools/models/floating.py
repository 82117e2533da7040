"""Runs a model in float32: the yardstick of the conversion, and the ranges of its tensors over calibration pictures."""

from collections.abc import Iterator

import numpy as np

from tools.models.layers import Layer, Model


def run(model: Model, picture: np.ndarray) -> dict[int, np.ndarray]:
    """All tensors for a picture of uint8 [height, width, 3] in the model's own colour order."""
    tensors = {model.source: normalised(model, picture)}
    for layer in model.layers:
        tensors[layer.result] = apply(layer, tensors)
    return tensors


def normalised(model: Model, picture: np.ndarray) -> np.ndarray:
    return (picture.astype(np.float32) - np.float32(model.mean)) * np.float32(model.scale)


def apply(layer: Layer, tensors: dict[int, np.ndarray]) -> np.ndarray:
    source = tensors[layer.source]
    if layer.kind == "max-pool":
        return np.maximum.reduce([source[y::2, x::2] for y in (0, 1) for x in (0, 1)])
    values = convolve(source, layer) + layer.bias
    if layer.added is not None:
        added = tensors[layer.added]
        values[..., : added.shape[2]] += added
    if layer.slopes is not None:
        values = np.where(values < 0, values * layer.slopes, values)
    return values.astype(np.float32)


def convolve(source: np.ndarray, layer: Layer, pad_value: float = 0) -> np.ndarray:
    """Of any number type; the reference of the integers uses it as well."""
    top, left, bottom, right = layer.padding
    padded = np.pad(source, ((top, bottom), (left, right), (0, 0)), constant_values=pad_value)
    total: np.ndarray | None = None
    for y, x, window in windows(padded, layer.weights.shape[1:3], layer.stride):
        tap = layer.weights[:, y, x]
        part = window * tap if layer.kind == "depthwise" else window @ tap.T
        total = part if total is None else total + part
    assert total is not None
    return total


def windows(padded: np.ndarray, kernel: tuple[int, ...], stride: int) -> Iterator[tuple[int, int, np.ndarray]]:
    rows, columns = ((length - k) // stride + 1 for length, k in zip(padded.shape[:2], kernel, strict=True))
    for y in range(kernel[0]):
        for x in range(kernel[1]):
            yield y, x, padded[y : y + stride * rows : stride, x : x + stride * columns : stride][:rows, :columns]
