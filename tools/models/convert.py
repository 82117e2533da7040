"""Makes `firmware/models/`: the three nets that ship, and the manifest. With an operator's weights, the fourth instead.

Run: python -m tools.models.convert [--anti-spoof WEIGHTS.pth --output FILE]
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tools.models import FIRMWARE, calibration, floating, litert, minifasnet, netfile, quantise, sources, tflite
from tools.models.layers import Model, lower

FOLDER = FIRMWARE / "models"
NAMES = {"blazeface": "blazeface-short-128", "facemesh": "facemesh-468-192", "mobilefacenet": "mobilefacenet-112"}
ROLES = {"blazeface": "detector", "facemesh": "landmarks", "mobilefacenet": "embedder"}
# From `shiming face evaluate` with these files on ORL, subjects 1 to 20; named after the false match rate
THRESHOLDS = {
    "blazeface": {"score": 0.5},
    "facemesh": {"presence": 0.5},
    "mobilefacenet": {"fmr-1e-3": 0.485, "fmr-1e-4": 0.551},
}


def load_models() -> dict[str, Model]:
    """As floats, from the packages."""
    models = {}
    for short, name in NAMES.items():
        entry = sources.catalogue()["models"][short]
        model = lower(tflite.read_graph(sources.model_source(short)), name)
        model.mean, model.scale = entry["mean"], 1 / entry["scale"]
        models[short] = model
    return models


def load_anti_spoof(weights: Path) -> Model:
    content = weights.read_bytes()
    sources.check("minifasnet", content, sources.catalogue()["models"]["minifasnet"]["sha256"])
    return minifasnet.build(content)


def difference(short: str, model: Model) -> float | None:
    """The largest between our float model and LiteRT's, on noise; None where LiteRT is not installed."""
    try:
        interpreter = litert.interpreter(sources.model_source(short))
    except litert.LiteRtMissing as error:
        print(error, file=sys.stderr)
        return None
    height, width, _ = model.shapes[model.source]
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    entry = interpreter.get_input_details()[0]
    interpreter.set_tensor(entry["index"], np.stack([floating.normalised(model, picture)] * int(entry["shape"][0])))
    interpreter.invoke()
    theirs = [interpreter.get_tensor(output["index"])[0].ravel() for output in interpreter.get_output_details()]
    found = floating.run(model, picture)
    ours = [found[number].ravel() for number in model.outputs]
    return float(np.abs(np.sort(np.concatenate(theirs)) - np.sort(np.concatenate(ours))).max())


def convert(model: Model, pictures: list[Any]) -> bytes:
    return netfile.pack(quantise.quantise(model, pictures))


def entry(short: str, model: Model, content: bytes) -> dict[str, Any]:
    source = sources.catalogue()["models"][short]
    package = sources.catalogue()["packages"][source["package"]]
    height, width, channels = model.shapes[model.source]
    return {
        "model": model.name,
        "role": ROLES[short],
        "file": f"{short}.net",
        "sha256": hashlib.sha256(content).hexdigest(),
        "digest": content[netfile.HEADER.size : netfile.TABLES_AT].hex(),
        "bytes": len(content),
        "input": {
            "height": height,
            "width": width,
            "channels": channels,
            "mean": source["mean"],
            "divisor": source["scale"],
        },
        "thresholds": THRESHOLDS[short],
        "source": {
            "registry": package["registry"],
            "package": source["package"],
            "version": package["version"],
            "path": source["path"],
            "sha256": source["sha256"],
            "licence": package["licence"],
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anti-spoof", type=Path, help="weights of MiniFASNetV2, for the slot that is not shipped")
    parser.add_argument("--output", type=Path, help="where its net goes; never into the repository")
    arguments = parser.parse_args()
    models = load_models()
    if arguments.anti_spoof:
        models["minifasnet"] = load_anti_spoof(arguments.anti_spoof)
    apart = {short: difference(short, model) for short, model in models.items() if short in NAMES}
    pictures = calibration.pictures(models)
    if arguments.anti_spoof:
        arguments.output.write_bytes(convert(models["minifasnet"], pictures["minifasnet"]))
        return
    FOLDER.mkdir(exist_ok=True)
    entries = []
    for short, model in models.items():
        content = convert(model, pictures[short])
        (FOLDER / f"{short}.net").write_bytes(content)
        entries.append(entry(short, model, content))
        print(f"{short}: {len(content)} bytes, {len(pictures[short])} pictures, off LiteRT's floats by {apart[short]}")
    (FOLDER / "manifest.json").write_text(json.dumps({"models": entries}, indent=2) + "\n")


if __name__ == "__main__":
    main()
