"""The picture of the README: the figure `novelty` of the demo at half its size, in few colours.

``python docs/picture.py results/trp_cage/base/figures/novelty.png docs/images/demo.png``
"""

import sys
from pathlib import Path

from PIL import Image


def reduce(figure: Path, picture: Path) -> None:
    """Write `figure` as a PNG of half the width and height in 64 colours."""
    with Image.open(figure) as image:
        half = image.convert("RGB").resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        half.quantize(64).save(picture, optimize=True)


if __name__ == "__main__":
    reduce(*map(Path, sys.argv[1:3]))
