"""Measure what the NSFW model's card says: ``python models/eval/nsfw.py`` (needs the ``demo`` extra).

Harmless pictures only: the photographs that scikit-image ships, details cut from them (close, blurred, without
context), and generated ones with the colours of what is looked for: fields of shaded skin, and beaches with people in
swimwear. The share that is scored too high is measured; what share of pornographic pictures is found is not, for there
are none here.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import skimage.data
from PIL import Image

from clearmark.models.nsfw import NsfwModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

THRESHOLDS: Final = (0.2, 0.5, 0.8)
TONES: Final = ((255, 224, 196), (234, 192, 160), (203, 150, 110), (160, 110, 75), (110, 70, 45), (70, 45, 35))
WIDTH, HEIGHT = 512, 384


def photographs() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the name and the RGB pixels of each picture in scikit-image's package that Pillow reads as one."""
    for path in sorted(Path(skimage.data.__file__).parent.iterdir()):
        if path.suffix in {".png", ".jpg", ".jpeg"}:
            with Image.open(path) as picture:
                yield path.name, np.asarray(picture.convert("RGB"))


def details(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield 25 parts: 3 x 3 of half the sides, which overlap, and 4 x 4 of a quarter."""
    height, width = pixels.shape[:2]
    for part, places, step in ((2, 3, 4), (4, 4, 4)):
        for i in range(places):
            for j in range(places):
                top, left = i * height // step, j * width // step
                yield pixels[top : top + height // part, left : left + width // part]


def clouds(random: np.random.Generator, cells: int) -> NDArray[np.float32]:
    """Draw ``[HEIGHT, WIDTH]`` of smooth noise, -1 to 1."""
    grid = random.uniform(-1, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32)


def skin(random: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a field of one skin tone under soft light, with pores."""
    light = 0.85 + 0.25 * clouds(random, 4) + 0.08 * clouds(random, 12) + random.normal(0, 0.02, (HEIGHT, WIDTH))
    return np.clip(np.array(random.choice(TONES)) * light[:, :, None], 0, 255).astype(np.uint8)


def beach(random: np.random.Generator) -> NDArray[np.uint8]:
    """Draw sky, sea and sand, with one to four people in swimwear."""
    picture = np.empty((HEIGHT, WIDTH, 3), np.float32)
    sea, sand = int(random.integers(80, 160)), int(random.integers(190, 250))
    picture[:sea], picture[sea:sand], picture[sand:] = (150, 200, 240), (30, 110, 150), (225, 200, 150)
    picture *= 1 + 0.12 * clouds(random, 6)[:, :, None] + random.normal(0, 0.03, (HEIGHT, WIDTH, 1))
    for _ in range(random.integers(1, 5)):
        person(random, picture)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1), 0, 255).astype(np.uint8)


def person(random: np.random.Generator, picture: NDArray[np.float32]) -> None:
    """Draw a standing figure into a picture."""
    size, x, feet = (
        int(random.integers(90, 300)),
        int(random.integers(60, WIDTH - 60)),
        int(random.integers(300, HEIGHT)),
    )
    tone = tuple(float(c) for c in random.choice(TONES) * random.uniform(0.85, 1.05))
    cloth = tuple(float(c) for c in random.integers(0, 256, 3))
    unit = size / 8
    hips, shoulders = feet - 4 * unit, feet - 6.6 * unit

    def limb(x0: float, y0: float, x1: float, y1: float, thick: float, colour: tuple[float, ...] = tone) -> None:
        cv2.line(picture, (int(x0), int(y0)), (int(x1), int(y1)), colour, max(1, int(thick)), cv2.LINE_AA)

    for side in (-1, 1):
        limb(x + side * unit * 0.5, hips, x + side * unit * random.uniform(0.4, 1), feet, unit * 0.7)
        limb(x + side * unit, shoulders, x + side * unit * random.uniform(1, 2.2), hips, unit * 0.45)
    limb(x, shoulders, x, hips, unit * 1.7)
    limb(x - unit * 0.7, hips, x + unit * 0.7, hips, unit * 0.8, cloth)
    if random.integers(2):
        limb(x - unit * 0.7, shoulders + unit * 0.7, x + unit * 0.7, shoulders + unit * 0.7, unit * 0.6, cloth)
    cv2.circle(picture, (x, int(feet - 7.5 * unit)), max(1, int(unit * 0.6)), tone, -1, cv2.LINE_AA)


def report(name: str, found: NDArray[np.float64]) -> str:
    """Return one line: how many pictures, how many scored too high, the highest."""
    over = "  ".join(f">= {t}: {(found >= t).mean():.4f} ({(found >= t).sum()})" for t in THRESHOLDS)
    return f"{name:22} {len(found):4} pictures  {over}  median {np.median(found):.4f}  highest {found.max():.4f}\n"


def generated(draw: Callable[[np.random.Generator], NDArray[np.uint8]], count: int) -> list[NDArray[np.uint8]]:
    """Draw ``count`` pictures, the same ones each time."""
    return [draw(np.random.default_rng(seed)) for seed in range(count)]


def speed(pictures: list[NDArray[np.uint8]], batch: int) -> str:
    """Return one line: the median time of a picture, from decoded pixels to its score."""
    model = NsfwModel.open(batch=batch)
    model.scores(pictures[:batch])
    times = []
    for _ in range(max(3, 32 // batch)):
        begun = time.perf_counter()
        model.scores(pictures[:batch])
        times.append((time.perf_counter() - begun) / batch * 1000)
    return f"batch {batch:2}: {median(times):.1f} ms a picture on {model.provider}, one thread\n"


def main() -> None:
    """Print shares and times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="generated pictures of each kind")
    count = parser.parse_args().count
    model = NsfwModel.open()
    photos = [pixels for _, pixels in photographs()]
    sets = {
        "photographs": photos,
        "details of photographs": [part for pixels in photos for part in details(pixels)],
        "generated skin": generated(skin, count),
        "generated beaches": generated(beach, count),
    }
    everything = []
    for name, pictures in sets.items():
        found = np.array([scores[model.card.outputs[0]] for scores in model.scores(pictures)])
        everything.append(found)
        sys.stdout.write(report(name, found))
    sys.stdout.write(report("all", np.concatenate(everything)))
    for batch in (1, 8, 32):
        sys.stdout.write(speed(sets["generated beaches"], batch))


if __name__ == "__main__":
    main()
