"""Evens out the channels of a model before it becomes integers, without a change to what it computes.

A channel that is divided by a number and multiplied again by the weights that read it is the same channel, PReLU
included. A tensor has one scale for all its channels, so a quiet one beside a loud one would lose its bits.
"""

from collections.abc import Iterable

import numpy as np

from tools.models import floating
from tools.models.layers import Layer, Model

_PERCENTILE = 99.9
_QUIETEST = 1e-3  # of the loudest channel; below it a channel is taken for unused


def equalise(model: Model, pictures: Iterable[np.ndarray]) -> None:
    """Changes the weights of the model in place."""
    loudness = _loudness(model, pictures)
    for layer in model.layers:
        readers = [other for other in model.layers if other.source == layer.result]
        is_shared = layer.added is not None or any(other.added == layer.result for other in model.layers)
        if not layer.weights.size or is_shared or not readers or any(not other.weights.size for other in readers):
            continue
        loud = np.maximum(loudness[layer.result], _QUIETEST * loudness[layer.result].max())
        convs = [reader for reader in readers if reader.kind == "conv"]
        # halfway between the channels of the tensor and those of the weights; a depthwise kernel has a scale for each
        factors = np.sqrt(loud / np.max([_share(reader) for reader in convs], axis=0)) if convs else loud
        factors /= factors.max()
        layer.weights = layer.weights / factors.reshape(-1, *[1] * (layer.weights.ndim - 1))
        layer.bias = layer.bias / factors
        for reader in readers:
            each = factors.reshape(-1, 1, 1) if reader.kind == "depthwise" else factors
            reader.weights = reader.weights * each


def _loudness(model: Model, pictures: Iterable[np.ndarray]) -> dict[int, np.ndarray]:
    """Of each channel of each tensor: the highest magnitude, but for outliers."""
    found: dict[int, np.ndarray] = {}
    for picture in pictures:
        for tensor, values in floating.run(model, picture).items():
            high = np.percentile(np.abs(values), _PERCENTILE, axis=(0, 1))
            found[tensor] = np.maximum(found.get(tensor, 0), high)
    return found


def _share(layer: Layer) -> np.ndarray:
    """How large the weights of an input channel are beside the largest of the same output, at most."""
    magnitude = np.abs(layer.weights).max(axis=(1, 2))
    largest = magnitude.max(axis=1, keepdims=True)
    return np.maximum((magnitude / np.maximum(largest, 1e-9)).max(axis=0), _QUIETEST)
