"""Inputs kept in the repository: a folder for each target, of those that reach what its seeds do not. Portable."""

import os

HERE = __file__ if __file__.startswith("/") else os.getcwd() + "/" + __file__
FOLDER = HERE.rsplit("/", 1)[0] + "/corpus"


def load(name: str) -> list:
    folder = FOLDER + "/" + name
    try:
        files = sorted(os.listdir(folder))
    except OSError:
        return []  # the seeds reach everything
    inputs = []
    for file in files:
        with open(folder + "/" + file, "rb") as opened:
            inputs.append(opened.read())
    return inputs
