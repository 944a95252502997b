"""How far MD wanders from its own training frames: distances at which a frame is new, over runs whose MD is known.

    python benchmarks/scales.py results/trp_cage/main results/t4l_l99a_implicit/base ...

Reads `novelty/novelty.json` of each run; writes the medians over runs to records/scales.json, which are what is typical
where no MD of a molecule is known (mdllm.analysis.novelty.threshold).
"""

import sys
from pathlib import Path

import numpy as np
from record import write_record

from mdllm.core.records import read_json


def scales(run: Path) -> dict[str, float]:
    """Of the whole molecule, and the median over spans, nm and radian."""
    about = read_json(run / "novelty" / "novelty.json")
    of_spans = {key: float(np.median([span[key] for span in about["spans"]])) for key in ("scale_nm", "scale_rad")}
    return {"whole_nm": about["scale_whole_nm"], "span_nm": of_spans["scale_nm"], "span_rad": of_spans["scale_rad"]}


def main(runs: list[str]) -> None:
    found = {"/".join(Path(run).parts[-2:]): scales(Path(run)) for run in runs}
    keys = next(iter(found.values()))
    medians = {key: float(np.median([values[key] for values in found.values()])) for key in keys}
    rounded = {name: {key: round(value, 4) for key, value in values.items()} for name, values in found.items()}
    write_record("scales", {"runs": rounded, "medians": {key: round(value, 4) for key, value in medians.items()}})


if __name__ == "__main__":
    main(sys.argv[1:])
