"""The kernels equal the reference on random nets of every shape; no file makes them write outside the arena."""

import hashlib
import random
import struct

import numpy as np
import pytest

from tests.face.models import random_net
from tests.face.terminal import KERNELS, work
from tools.models import netfile, reference

SEEDS = range(6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_random_nets(tmp_path, kernel):
    jobs, wanted = [], []
    for seed in SEEDS:
        net, pictures = random_net(seed)
        path, out = tmp_path / f"{seed}.net", tmp_path / f"{seed}.out"
        path.write_bytes(netfile.pack(net))
        (tmp_path / f"{seed}.raw").write_bytes(pictures[0].tobytes())
        jobs.append({"do": "run", "net": str(path), "picture": str(tmp_path / f"{seed}.raw"), "out": str(out)})
        jobs[-1] |= {"packed": KERNELS[kernel], "arena": net.arena_bytes}
        wanted.append((out, b"".join(output.tobytes() for output in reference.outputs(net, pictures[0]))))
    assert all(result["guard"] for result in work(tmp_path, jobs))
    for out, expected in wanted:
        assert out.read_bytes() == expected, out.name


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_stay_in_the_arena_whatever_the_tables_say(tmp_path, kernel):
    net, pictures = random_net(1)
    content = netfile.pack(net)
    tables = range(netfile.TABLES_AT, min(operation_at(net, content)))
    seed = 20191201
    chance = random.Random(seed)
    print("seed", seed)
    broken = []
    for _ in range(400):
        mutant = bytearray(content)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            mutant[chance.choice(tables)] = chance.choice((0, 1, 2, 3, 8, 255, chance.randrange(256)))
        broken.append(signed(mutant))
    (tmp_path / "nets").write_bytes(b"".join(broken))
    (tmp_path / "picture").write_bytes(pictures[0].tobytes())
    job = {"do": "try_all", "nets": str(tmp_path / "nets"), "size": len(content), "picture": str(tmp_path / "picture")}
    (found,) = work(tmp_path, [job | {"packed": KERNELS[kernel], "arena": net.arena_bytes}])
    assert "broke" not in found
    assert found["refused"] > 100
    assert found["refused"] + found["ran"] == 400


def operation_at(net: netfile.Net, content: bytes) -> list[int]:
    """Where the constants of the operations lie."""
    at = netfile.TABLES_AT + len(net.tensors) * netfile.TENSOR.size
    rows = [netfile.OPERATION.unpack_from(content, at + i * netfile.OPERATION.size) for i in range(len(net.operations))]
    return [row[-2] for row in rows]


def signed(content: bytearray) -> bytes:
    digest = hashlib.sha256(content[: netfile.HEADER.size] + content[netfile.TABLES_AT :]).digest()
    content[netfile.HEADER.size : netfile.TABLES_AT] = digest
    return bytes(content)


def test_work_on_one_arena_takes_turns_and_gives_the_event_loop_its_own(tmp_path):
    job = {"do": "take_turns", "nets": [], "pictures": [], "arena": 0, "out": str(tmp_path / "out")}
    wanted = b""
    for seed in (11, 12):
        net, pictures = random_net(seed)
        (tmp_path / f"{seed}.net").write_bytes(netfile.pack(net))
        (tmp_path / f"{seed}.raw").write_bytes(pictures[0].tobytes())
        job["nets"].append(str(tmp_path / f"{seed}.net"))
        job["pictures"].append(str(tmp_path / f"{seed}.raw"))
        job["arena"] = max(job["arena"], net.arena_bytes)
        wanted += b"".join(output.tobytes() for output in reference.outputs(net, pictures[0]))
    (found,) = work(tmp_path, [job])
    assert (tmp_path / "out").read_bytes() == wanted
    assert found["beats"] > 12, "about once an operation, as its turn has no length"


def test_net_that_claims_more_arena_than_there_is_is_refused(tmp_path):
    net, _ = random_net(2)
    path = tmp_path / "net"
    path.write_bytes(netfile.pack(net))
    (found,) = work(tmp_path, [{"do": "refuse", "net": str(path), "arena": net.arena_bytes - 4097}])
    assert found == {"refused": "larger than the arena", "code": "face-model-refused"}


def test_every_cut_and_every_other_version_is_refused(tmp_path):
    net, _ = random_net(3)
    content = netfile.pack(net)
    damaged = [content[:cut] for cut in (0, 3, 95, 96, 200, len(content) - 1)]
    damaged.append(content + b"\0")
    damaged.append(signed(bytearray(content[:4] + struct.pack("<H", 2) + content[6:])))
    jobs = []
    for number, each in enumerate(damaged):
        path = tmp_path / str(number)
        path.write_bytes(each)
        jobs.append({"do": "refuse", "net": str(path), "arena": net.arena_bytes})
    assert all(result["refused"] for result in work(tmp_path, jobs))


def test_reference_refuses_what_the_terminal_refuses():
    net, _ = random_net(4)
    content = bytearray(netfile.pack(net))
    content[-1] ^= 1
    with pytest.raises(netfile.NetRefused):
        netfile.unpack(bytes(content))


def test_packing_and_unpacking_lose_nothing():
    net, pictures = random_net(5)
    again = netfile.unpack(netfile.pack(net))
    for one, other in zip(reference.outputs(net, pictures[1]), reference.outputs(again, pictures[1]), strict=True):
        assert np.array_equal(one, other)
    assert netfile.pack(again) == netfile.pack(net)
