"""The picture of a figure in the README: the figure `novelty` of the demo at half its size, in few colours.

``python docs/picture.py results/trp_cage/base/figures/novelty.png docs/images/demo.png``
"""

import sys
from pathlib import Path

from PIL import Image


def reduced(image: Image.Image, width: int, colors: int = 64) -> Image.Image:
    """The image at most so wide, in few colours."""
    image = image.convert("RGB")
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    return image.quantize(colors, method=Image.Quantize.MAXCOVERAGE)  # a colour that is rare is kept


def reduce(figure: Path, picture: Path) -> None:
    """Write `figure` as a PNG of half the width and height."""
    with Image.open(figure) as image:
        reduced(image, image.width // 2).save(picture, optimize=True)


if __name__ == "__main__":
    reduce(*map(Path, sys.argv[1:3]))
