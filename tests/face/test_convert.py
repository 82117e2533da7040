"""What the converter makes of a graph, of weights, of channels of unlike loudness."""

import numpy as np
import pytest

from tests.face.models import random_model, random_net
from tests.face.terminal import synthetic_pictures, work
from tests.shared import SHARED
from tools.models import floating, minifasnet, netfile, quantise, reference, tflite
from tools.models.equalise import equalise
from tools.models.layers import lower
from tools.models.tflite import Graph, Operator, UnknownModel

WEIGHTS = SHARED / "models" / "minifasnet-v2" / "2.7_80x80_MiniFASNetV2.pth"


def graph(operators: list[Operator], constants: dict[int, np.ndarray], outputs: list[int]) -> Graph:
    shapes = {number: (1, 4, 4, 2) for number in range(10)} | {
        number: array.shape for number, array in constants.items()
    }
    return Graph([0], outputs, shapes, {}, constants, operators)


CONV = {"is_valid": 1, "stride": 1, "activation": 0}
ONE = {20: np.ones((2, 1, 1, 2), np.float32), 21: np.zeros(2, np.float32)}


def test_prelu_in_five_operations_becomes_one_with_twice_the_factor():
    constants = ONE | {22: np.array([-0.1, 0.25], np.float32)}
    operators = [
        Operator("conv", [0, 20, 21], 1, CONV),
        Operator("relu", [1], 2, {}),
        Operator("abs", [1], 3, {}),
        Operator("sub", [1, 3], 4, {}),
        Operator("mul", [22, 4], 5, {}),
        Operator("add", [2, 5], 6, {}),
    ]
    (layer,) = lower(graph(operators, constants, [6]), "x").layers
    assert layer.slopes is not None
    assert layer.slopes.tolist() == pytest.approx([-0.2, 0.5])
    assert layer.result == 6


def test_addition_is_folded_into_the_later_convolution_and_waits_for_its_other_source():
    operators = [
        Operator("conv", [0, 20, 21], 1, CONV),
        Operator("conv", [1, 20, 21], 2, CONV),
        Operator("max-pool", [0], 3, {"is_valid": 1, "stride": 2, "size": 2, "activation": 0}),
        Operator("add", [3, 2], 4, {"activation": 0}),
    ]
    layers = lower(graph(operators, dict(ONE), [4]), "x").layers
    assert [(layer.kind, layer.source, layer.added, layer.result) for layer in layers] == [
        ("conv", 0, None, 1),
        ("max-pool", 0, None, 3),
        ("conv", 1, 3, 4),
    ]


@pytest.mark.parametrize("kind", ["abs", "softmax"])
def test_graphs_of_another_kind_are_refused(kind):
    with pytest.raises(UnknownModel):
        lower(graph([Operator(kind, [0], 1, {})], {}, [1]), "x")


def test_file_of_another_kind_is_refused():
    with pytest.raises(UnknownModel):
        tflite.read_graph(b"\x1c\0\0\0XFL3" + bytes(40))


def test_evened_out_model_computes_the_same():
    model = random_model(9)
    model.layers[0].weights[3] *= 50
    picture = np.random.default_rng(9).integers(0, 256, (22, 22, 3), dtype=np.uint8)
    before = floating.run(model, picture)
    equalise(model, [picture])
    after = floating.run(model, picture)
    for number in model.outputs:
        assert np.allclose(before[number], after[number], rtol=1e-4, atol=1e-4)


def test_integers_follow_the_floats():
    for seed in range(4):
        model = random_model(seed)
        net, pictures = random_net(seed)
        for output, tensor, number in zip(
            reference.outputs(net, pictures[0]), net.tensors[-2:], model.outputs, strict=True
        ):
            wanted = floating.run(model, pictures[0])[number]
            assert np.corrcoef((output * tensor.scale).ravel(), wanted.ravel())[0, 1] > 0.99


def test_tensors_that_live_at_the_same_time_do_not_share_memory():
    net, _ = random_net(7)
    lives = {0: [-1, -1]} | {operation.result: [at, at] for at, operation in enumerate(net.operations)}
    for at, operation in enumerate(net.operations):
        for number in (operation.source, operation.added):
            if number != netfile.NONE:
                lives[number][1] = at
    for number in range(len(net.tensors) - net.outputs, len(net.tensors)):
        lives[number][1] = len(net.operations)
    for one, (start, end) in lives.items():
        for other, (begin, last) in lives.items():
            a, b = net.tensors[one], net.tensors[other]
            if one < other and start <= last and begin <= end:
                assert a.offset + a.size_bytes <= b.offset or b.offset + b.size_bytes <= a.offset


def test_operators_anti_spoof_model_runs_exactly(tmp_path):
    if not WEIGHTS.exists():
        pytest.skip("no shared models")
    pictures = synthetic_pictures(80, 80)[:2]
    net = quantise.quantise(minifasnet.build(WEIGHTS.read_bytes()), pictures)
    (tmp_path / "net").write_bytes(netfile.pack(net))
    (tmp_path / "picture").write_bytes(pictures[0].tobytes())
    job = {
        "do": "run",
        "net": str(tmp_path / "net"),
        "picture": str(tmp_path / "picture"),
        "out": str(tmp_path / "out"),
    }
    work(tmp_path, [job | {"packed": True, "arena": net.arena_bytes}])
    (scores,) = reference.outputs(net, pictures[0])
    assert (tmp_path / "out").read_bytes() == scores.tobytes()


def test_weights_that_ask_for_other_code_are_refused():
    with pytest.raises(UnknownModel, match="other code"):
        minifasnet.read_weights(b"cos\nsystem\n(S'true'\ntR." * 4)
