"""A folder of people, each a folder of pictures, for the comparison: read, described, shrunk to a card's picture.

Nothing here says whom a picture shows: neither names of folders nor of files leave this module but in an error.
"""

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from tools.face.errors import PicturesUnusable

SUFFIXES = {".pgm", ".ppm", ".png", ".jpg", ".jpeg", ".bmp"}
LONGEST = 640  # pixels of a side: a larger picture is shrunk, as the terminal's frames are smaller still
MOST = 3000  # pictures: 4.5 million pairs
CARD = (102, 126)
JPEG_QUALITY = 70


@dataclass(frozen=True, slots=True)
class Picture:
    person: int
    path: Path
    size: tuple[int, int]
    is_grey: bool

    def image(self) -> Image.Image:
        with _opened(self.path) as file:
            image = ImageOps.exif_transpose(file).convert("RGB")
        image.thumbnail((LONGEST, LONGEST))
        return image

    def card(self) -> Image.Image:
        """The middle of it, shrunk to the card's size, and through JPEG."""
        file = io.BytesIO()
        ImageOps.fit(self.image(), CARD).save(file, "JPEG", quality=JPEG_QUALITY)
        return Image.open(file).convert("RGB")


def read(folder: Path) -> list[Picture]:
    """By person. Raises PicturesUnusable."""
    people = _people(folder)
    count = sum(map(len, people))
    if count > MOST:
        raise PicturesUnusable(f"{folder}: {count} pictures; each is compared with each, at most {MOST}")
    return [_described(path, number) for number, paths in enumerate(people) for path in paths]


def _people(folder: Path) -> list[list[Path]]:
    if not folder.is_dir():
        raise PicturesUnusable(f"{folder}: there is no such folder")
    places = [place for place in sorted(folder.iterdir()) if place.is_dir() and not place.name.startswith(".")]
    people = [[file for file in sorted(place.iterdir()) if file.suffix.lower() in SUFFIXES] for place in places]
    people = [files for files in people if files]
    if len(people) < 2 or not any(len(files) > 1 for files in people):
        kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        raise PicturesUnusable(
            f"{folder}: wanted are a folder for each of two people or more, and two pictures or more of one of them "
            f"({kinds}); there are {len(people)} folders with pictures"
        )
    return people


def _described(path: Path, person: int) -> Picture:
    with _opened(path) as file:
        return Picture(person, path, file.size, file.mode in ("L", "1", "I;16", "I"))


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as file:
            yield file
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PicturesUnusable(f"{path}: not a picture that can be read ({type(error).__name__})") from None


def described(pictures: list[Picture]) -> dict[str, Any]:
    sizes = Counter(f"{picture.size[0]} x {picture.size[1]}" for picture in pictures)
    return {
        "people": len({picture.person for picture in pictures}),
        "pictures": len(pictures),
        "grey": sum(picture.is_grey for picture in pictures),
        "sizes": dict(sizes.most_common(5)),
    }
