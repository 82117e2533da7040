"""Runs under MicroPython for the tests of the face: probe.py FIRMWARE JOBS, a JSON list; prints a list of results."""

# ruff: noqa: B905, PTH123 - MicroPython's zip takes no `strict`, and there is no pathlib
# pyright: reportMissingImports=false
import json
import sys

sys.path.insert(0, sys.argv[1])

from terminal.face.frame import Frame  # noqa: E402
from terminal.face.net import Net  # noqa: E402
from terminal.face.netfile import NetRefused  # noqa: E402

GUARD = b"\xa5" * 4096


def read(path):
    with open(path, "rb") as file:
        return file.read()


def arena_of(job):
    """Behind it a guard, which no kernel may touch."""
    return bytearray(job["arena"]) + GUARD


def run(job):
    """The outputs of a net over a picture go to a file."""
    arena = arena_of(job)
    net = Net(read(job["net"]), arena, job["packed"])
    outputs = net.run(read(job["picture"]))
    with open(job["out"], "wb") as file:
        for output in outputs:
            file.write(output.view)
    return {"guard": bytes(arena[-len(GUARD) :]) == GUARD, "steps": sum(1 for _ in net.steps())}


def take(job):
    """The picture that a view of a frame gives goes to a file."""
    arena = arena_of(job)
    net = Net(read(job["net"]), arena)
    frame = Frame(read(job["frame"]), job["width"], job["height"], job["kind"])
    for _ in net.take(frame, job["view"], job["black"]):
        pass
    with open(job["out"], "wb") as file:
        for row in range(net.height):
            at = net.picture_at + row * net.picture_pitch
            file.write(memoryview(arena)[at : at + 3 * net.width])
    return {"guard": bytes(arena[-len(GUARD) :]) == GUARD}


def try_all(job):
    """Loads and runs each of several files, one after the other in the same file; counts what became of them."""
    content, size = read(job["nets"]), job["size"]
    picture = read(job["picture"])
    refused = ran = 0
    arena = arena_of(job)
    for at in range(0, len(content), size):
        try:
            net = Net(content[at : at + size], arena, job["packed"])
        except NetRefused:
            refused += 1
            continue
        if 3 * net.width * net.height == len(picture):
            net.run(picture)
        ran += 1
        if bytes(arena[-len(GUARD) :]) != GUARD:
            return {"broke": at // size}
    return {"refused": refused, "ran": ran}


def refuse(job):
    try:
        Net(read(job["net"]), arena_of(job))
    except NetRefused as error:
        return {"refused": str(error), "code": error.code}
    return {"refused": None}


class Model:
    """As `ml.Model` of OpenMV, with an input of 16 x 16 and outputs of six numbers and of one."""

    input_shape = [(1, 16, 16, 3)]
    input_scale = [1 / 128]

    def __init__(self, dtype):
        self.input_dtype = [dtype]
        self.input_zero_point = [0 if dtype == "b" else 128]

    def predict(self, inputs):
        self.tensor = bytearray(16 * 16 * 3)
        inputs[0](self.tensor, (1, 16, 16, 3), self.input_dtype[0])
        return [Flat([0.5]), Flat([9.0, 9.0, 9.0, 1.0, 2.0, -1.0, 9.0, 9.0, 9.0])]


class Flat(list):
    def flatten(self):
        return list(self)


def openmv(job):
    """What an OpenMV model is given goes to a file."""
    from terminal.face.openmv import OpenmvNet

    parts = ((9, 3, 2, 1, 3), (1, 0, 1, 1, 1))
    model = Model(job["dtype"])
    net = OpenmvNet(model, "tiny", parts, 128.0, 128.0)
    frame = Frame(read(job["frame"]), job["width"], job["height"], 3)
    for work in (net.take(frame, job["view"]), net.steps()):
        for _ in work:
            pass
    with open(job["out"], "wb") as file:
        file.write(model.tensor)
    try:
        OpenmvNet(Model("f"), "tiny", parts, 0.0, 1.0)
        refused = None
    except ValueError as error:
        refused = str(error)
    outputs = [[o.height, o.width, o.channels, o.numbers(0, 3)] for o in net.outputs]
    return {"outputs": outputs, "refused": refused}


def take_turns(job):
    """Two nets in one arena, and a third piece of work that is cancelled halfway; the outputs go to a file."""
    import asyncio

    from terminal.face.worker import Worker

    arena = arena_of(job)
    nets = [Net(read(path), arena) for path in job["nets"]]
    pictures = [read(path) for path in job["pictures"]]
    worker = Worker(turn_ms=0)
    beats = []

    def whole(net, picture):
        net.load(picture)
        yield from net.steps()
        return b"".join(bytes(output.view) for output in net.outputs)

    async def beat():
        while True:
            beats.append(1)
            await asyncio.sleep(0)

    async def main():
        heart = asyncio.create_task(beat())
        first, doomed, last = [
            asyncio.create_task(worker.run(whole(nets[number], pictures[number]))) for number in (0, 1, 1)
        ]
        while len(beats) < 3:
            await asyncio.sleep(0)
        doomed.cancel()
        one, other = await first, await last
        heart.cancel()
        return one + other

    with open(job["out"], "wb") as file:
        file.write(asyncio.run(main()))
    return {"beats": len(beats)}


JOBS = {"take_turns": take_turns, "openmv": openmv, "run": run, "take": take, "try_all": try_all, "refuse": refuse}

print(json.dumps([JOBS[job["do"]](job) for job in json.loads(read(sys.argv[2]))]))
