"""From one state of a protein alone: how many proposals of a base are in the other, and how many of its nulls?

``OMP_NUM_THREADS=1 python benchmarks/proposals.py [BASE] [PROPOSALS]``. Trp-cage starts from the training frames of
config/systems/trp_cage.yaml, of state A or of B; T4 lysozyme from one structure of either state, 3DMV or the first
model of 2LC9 (an L99A and a triple mutant); Mad2, closed, from one model of 1S2H, of whose open state there is no
structure here, so that the region alone says who is in it. Spans stand anywhere. A proposal is in the other state if it
lies in the region of the state (config/systems) and is as close to true structures as these are to each other: the 95th
percentile of the distance of a true frame to its nearest true frame more than NEIGHBOURHOOD frames away, over the
residues whose torsions differ between the states, with one on either side, and over all residues. Settings are those of
`mdllm propose`, chosen by benchmarks/loops.py on other proteins. Intervals are over groups, which redraw the same span.
Prints a table and writes records/proposals.json.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from record import ROOT, write_record
from tokenizer import TRAINING_A, TRAINING_B, read_mad2, read_t4_lysozyme, read_trp_cage

from mdllm.bases.base import find_base, load_base
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import COMES_WITH_MDLLM, ProposalSettings
from mdllm.bases.spans import of_frequencies, of_residue_types
from mdllm.config.reading import read_yaml
from mdllm.core.bootstrap import interval_of_mean
from mdllm.core.geometry import backbone_torsions, pairwise_rmsd

NEIGHBOURHOOD = 50
THINNED = 5  # of the true frames that proposals are compared with
DIFFERENT_RAD = 0.45
LOOSE_NM = 0.08
SEED = 0


@dataclass(frozen=True, eq=False)
class Case:
    """Starts (F, L, 3, 3) in one state, true structures (T, L, 3, 3) of another, and their times (T,) in frames."""

    name: str
    starts: np.ndarray
    sequence: str
    inside: Callable[[np.ndarray], np.ndarray]
    true: np.ndarray | None
    times: np.ndarray | None


def cases() -> Iterator[Case]:
    trp_cage = read_trp_cage()

    def sign(backbone: np.ndarray) -> np.ndarray:
        return np.sign(backbone_torsions(backbone)[0][:, 10])

    sequence = read_yaml(ROOT / "config" / "systems" / "trp_cage.yaml")["sequence"]
    for name, training, side in (("Trp-cage, A to B", TRAINING_A, -1), ("Trp-cage, B to A", TRAINING_B, 1)):
        frames = np.flatnonzero(sign(trp_cage) == side)[::THINNED]
        yield Case(name, trp_cage[training], sequence, lambda x, side=side: sign(x) == side, trp_cage[frames], frames)

    numbers, native, _, excited = read_t4_lysozyme()
    system = read_yaml(ROOT / "config" / "systems" / "t4l_l99a.yaml")
    sequence = "".join(system["sequence"].split())
    letters = "".join(sequence[number - 1] for number in numbers)

    def of_lysozyme(state: str) -> Callable[[np.ndarray], np.ndarray]:
        return in_region(system["states"][state], numbers, "distance_113_117", "psi114")

    for name, starts, true, state in (
        ("T4 lysozyme, native to excited", native, excited, "excited"),
        ("T4 lysozyme, excited to native", excited[:1], native, "native"),
    ):
        yield Case(name, starts, letters, of_lysozyme(state), true, np.arange(len(true)) * 2 * NEIGHBOURHOOD)

    numbers, closed = read_mad2()
    system = read_yaml(ROOT / "config" / "systems" / "mad2.yaml")
    inside = in_region(system["states"]["open"], numbers, "distance_171_174", "psi172")
    yield Case("Mad2, closed to open", closed, system["sequence"], inside, None, None)


def in_region(region: dict, numbers: np.ndarray, distance: str, psi: str) -> Callable[[np.ndarray], np.ndarray]:
    """Whether backbones (P, L, 3, 3) lie in a region of config/systems of a distance of two CA and a torsion psi.

    Args:
        numbers: of the residues (L,).
        distance, psi: keys of the variables, which end in the numbers of their residues.
    """
    at = {number: index for index, number in enumerate(numbers.tolist())}
    first, last = (at[int(number)] for number in distance.split("_")[1:])
    residue = at[int(psi.removeprefix("psi"))]
    (near, far), (low, high) = region[distance], region[psi]

    def inside(backbone: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(backbone[:, first, 1] - backbone[:, last, 1], axis=-1)
        angle = backbone_torsions(backbone)[1][:, residue]
        turned = (low <= angle) & (angle < high) if low < high else (low <= angle) | (angle < high)
        return (near <= apart) & (apart < far) & turned

    return inside


def differing_residues(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The residues whose mean phi or psi differs, with one on either side."""
    means = [[np.exp(1j * t).mean(0) for t in backbone_torsions(backbone)[:2]] for backbone in (one, other)]
    change = np.nanmax(np.abs(np.angle(np.array(means[0]) * np.conj(means[1]))), axis=0)
    residues = np.flatnonzero(change > DIFFERENT_RAD)
    around = np.unique(residues[:, None] + np.arange(-1, 2))
    return around[(around >= 0) & (around < len(change))]


def distances(frames: np.ndarray, true: np.ndarray, part) -> np.ndarray:
    """RMSD (F, T) in nm over some residues."""
    return pairwise_rmsd(*(x[:, part].reshape(len(x), -1, 3).astype(float) for x in (frames, true)))


def closeness(case: Case, part) -> float:
    """95th percentile of the distance of true structures to their nearest ones elsewhere in time; NaN for one alone."""
    found = distances(case.true, case.true, part)
    found[np.abs(case.times[:, None] - case.times) <= NEIGHBOURHOOD] = np.inf
    return float(np.quantile(found.min(1), 0.95)) if len(case.true) > 1 else np.nan


def judged(backbone: np.ndarray, case: Case, parts: tuple, limits: tuple[float, float], groups: int) -> dict:
    """What the proposals (P, L, 3, 3) of so many groups of one size are worth."""
    inside = case.inside(backbone)
    left = distances(backbone, case.starts[::THINNED], slice(None)).min(1)
    cluster = np.repeat(np.arange(groups), len(backbone) // groups)

    def interval(chosen: np.ndarray, prefix: str) -> dict:
        found = interval_of_mean(chosen.astype(float), cluster, 0.95, 2000, np.random.default_rng(0))
        return {f"{prefix}low": round(found.low, 5), f"{prefix}high": round(found.high, 5)}

    result = {
        "proposals": len(backbone),
        "groups": groups,
        "in_region": round(float(inside.mean()), 4),
        **interval(inside, "in_region_"),
        "groups_in_region": len(np.unique(cluster[inside])),
        "to_starts_median_nm": round(float(np.median(left)), 3),
        "within_0.3_nm_of_starts": round(float((left < 0.3).mean()), 3),
    }
    if case.true is None:
        return result
    near = [distances(backbone, case.true, part).min(1) for part in parts]
    found = inside & (near[0] < limits[0]) & (near[1] < limits[1])
    loose = inside & (near[0] < LOOSE_NM)
    return {
        **result,
        "found": round(float(found.mean()), 5) if np.isfinite(limits).all() else None,
        "region_and_within_0.08_nm": round(float(loose.mean()), 5),
        **interval(loose, ""),
        "groups_that_reach_it": len(np.unique(cluster[loose])),
        "nearest_nm": round(float(near[0].min()), 3),
    }


def _rounded(limit: float) -> float | None:
    return round(limit, 4) if np.isfinite(limit) else None


def main(name: str = COMES_WITH_MDLLM, count: str = "1600") -> None:
    base, settings = load_base(find_base(name)), ProposalSettings()
    groups = -(-int(count) // settings.group)
    results = {"base": name, "settings": settings.model_dump(mode="json"), "cases": {}}
    for case in cases():
        parts, limits, about = (), (np.nan, np.nan), {}
        if case.true is not None:
            residues = differing_residues(case.starts, case.true)
            parts = residues, slice(None)
            limits = tuple(closeness(case, part) for part in parts)
            about = {
                "residues": (residues + 1).tolist(),
                "limit_nm": _rounded(limits[0]),
                "limit_all_residues_nm": _rounded(limits[1]),
            }
        proposer = Proposer(base, case.starts.astype(float), case.sequence, settings)
        nulls = {
            "residue types": of_residue_types(base, case.sequence),
            "code frequencies": of_frequencies(base, case.starts[::THINNED].astype(float)),
        }
        rows = {}
        for source, knowledge in {"base": None, **nulls}.items():
            started = time.process_time()
            made = np.concatenate([proposer.group(number, SEED, knowledge).backbone for number in range(groups)])
            rows[source] = judged(made, case, parts, limits, groups)
            rows[source]["processor_s"] = round(time.process_time() - started, 1)
            print(case.name, f"{source:16s}", rows[source], flush=True)
        results["cases"][case.name] = {**about, "sources": rows}
    write_record("proposals", results)


if __name__ == "__main__":
    main(*sys.argv[1:])
