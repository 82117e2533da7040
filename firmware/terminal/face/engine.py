"""The face as a whole: the nets that a board brings, each checked against the manifest, in one arena.

The manifest (`models/manifest.json`) binds each model's name and digest to its table of thresholds: scores of different
models, and of different conversions of one model, cannot be compared.
"""

import json
from collections import namedtuple

from terminal.face import netfile
from terminal.face.detector import Detector
from terminal.face.embedder import Embedder
from terminal.face.landmarks import Landmarks
from terminal.face.net import Net
from terminal.face.netfile import NetRefused
from terminal.face.pad import Pad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.face.netfile import Buffer

PAD_FILE, PAD_MODEL = "passive.net", "minifasnet-v2-80"  # the operator's slot, beside the nets that ship
ENOENT = 2

# `pad` is None where the operator has brought no file; `thresholds` and `digests` are by model name
Engine = namedtuple("Engine", ("detector", "landmarks", "embedder", "pad", "thresholds", "digests", "arena"))


def load(folder: str) -> Engine:
    """Raises NetRefused: a face that cannot be judged is never a face that passes."""
    try:
        return _load(folder)
    except OSError as error:
        raise NetRefused("a file is missing, errno %s" % error.errno) from None
    except (ValueError, KeyError):
        raise NetRefused("the manifest cannot be read") from None


def _load(folder: str) -> Engine:
    with open(folder + "/manifest.json") as file:
        entries = {entry["role"]: entry for entry in json.load(file)["models"]}
    files = {role: open_net(folder + "/" + entry["file"]) for role, entry in entries.items()}
    pad_file = _pad_file(folder + "/" + PAD_FILE)
    sizes = [netfile.arena_bytes(file) for file in files.values()]
    arena = bytearray(max(sizes + [netfile.arena_bytes(pad_file) if pad_file else 0]))
    nets = {role: _checked(Net(file, arena), entries[role]) for role, file in files.items()}
    pad = Net(pad_file, arena) if pad_file else None
    if pad and pad.name != PAD_MODEL:
        raise NetRefused("another model than the slot is for")
    thresholds = {entry["model"]: entry["thresholds"] for entry in entries.values()}
    digests = {net.name: net.digest for net in nets.values()}
    if pad:
        digests[pad.name] = pad.digest
    detector = Detector(nets["detector"], thresholds[nets["detector"].name]["score"])
    landmarks, embedder = Landmarks(nets["landmarks"]), Embedder(nets["embedder"])
    return Engine(detector, landmarks, embedder, Pad(pad) if pad else None, thresholds, digests, arena)


def _pad_file(path: str) -> "Buffer | None":
    """None where the operator has brought none."""
    try:
        return open_net(path)
    except OSError as error:
        if error.errno != ENOENT:
            raise
        return None


def open_net(path: str) -> "Buffer":
    """In place where the file system has it in memory, as a ROM has; otherwise a copy in the heap."""
    file = open(path, "rb")  # noqa: SIM115 - a file in ROM is the memory itself and has to stay
    try:
        return memoryview(file)  # pyright: ignore[reportArgumentType] - of a file in ROM
    except TypeError:
        with file:
            return file.read()


def _checked(net: Net, entry: "dict[str, str]") -> Net:
    if net.name != entry["model"] or net.digest.hex() != entry["digest"]:
        raise NetRefused("another model than the manifest names")
    return net
