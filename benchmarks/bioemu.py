"""Proposals of a base through the evaluator of the package bioemu-benchmarks, its multi-conformation sets.

``OMP_NUM_THREADS=1 python benchmarks/bioemu.py sample COLLECTION FOLDER PROPOSALS WORKERS [PROTEINS]``, of
``results/collections/benchmarks`` (``snakemake collect_benchmarks``: these sets, which the collection `large` leaves
out, with all that is alike), makes from each conformer of each protein as many proposals of the base, and of the null
of residue types, which redraws the same spans, into FOLDER/SOURCE/start_N/PROTEIN/, `samples.xtc` and `topology.pdb`
as the package reads them; `start` is the conformer as it is. What is there is kept: a run that was stopped goes on.
PROTEINS: the first so many, from the shortest on.

``LOKY_MAX_CPU_COUNT=1 python benchmarks/bioemu.py evaluate FOLDER`` prints a table and writes records/bioemu.json. The
package asks for numpy below 2 and so needs an environment of its own, with `src` in PYTHONPATH:
``pip install "numpy<2" "mdtraj<1.11" biopython==1.85 fire h5py joblib pandas requests scikit-learn scipy seaborn
"setuptools<78" tqdm`` and ``pip install --no-deps bioemu-benchmarks==0.0.2.post1`` (it names mdtraj 1.9.9, of which
the index has no wheel).

Filter, RMSD, coverage and recall are the package's functions, with its thresholds (coverage: 0.3 nm, of the pockets of
crypticpocket 0.15 nm; recall: RMSD of the best sample; both by its bootstrap, 1,000 samples 20 times). Three things
differ from how it judges BioEmu, which draws from the sequence alone. Samples begin at a conformer, so that of two
references one is given; its own means over both stand beside those over *the other* alone. They have the residues that
all conformers of a protein resolve, not the whole construct, so that its comparison of sequences is not asked for. And
its filter takes a gap for a broken bond, so that its limits are asked of bonds within stretches of chain, here.
Intervals are over proteins.
"""

import json
import os
import sys
from functools import partial
from inspect import signature
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from record import write_record
from tqdm import tqdm

from mdllm.core.bootstrap import interval_of_mean

BASE, NULL, START = "base", "residue_types", "start"
SOURCES = (START, NULL, BASE)
LIBRARIES = ("numpy", "mdtraj", "bioemu-benchmarks")
SEED = 0
GAP_NM = 0.2  # between C and N
FILTERED_AT_ONCE = 100


def sample(collection: str, folder: str, count: str, workers: str, proteins: str | None = None) -> None:
    from mdllm.collections.reader import Collection

    lengths = Collection(Path(collection)).proteins["residues"].sort_values(kind="stable")
    chosen = lengths.index[: int(proteins) if proteins else None][::-1]  # the longest first
    work = partial(of_protein, collection, Path(folder), int(count))
    with get_context("spawn").Pool(int(workers)) as pool:
        for _ in tqdm(pool.imap_unordered(work, chosen), total=len(chosen), unit="protein", mininterval=5):
            pass


def of_protein(folder: str, output: Path, count: int, protein: str) -> None:
    """All samples of one protein that are not there yet."""
    import torch

    from mdllm.bases.base import find_base, load_base
    from mdllm.bases.propose import Proposer
    from mdllm.bases.settings import COMES_WITH_MDLLM, ProposalSettings
    from mdllm.bases.spans import of_residue_types
    from mdllm.collections.reader import Collection
    from mdllm.core.geometry import with_oxygen

    torch.set_num_threads(1)
    collection, base, settings = Collection(Path(folder)), load_base(find_base(COMES_WITH_MDLLM)), ProposalSettings()
    letters = collection.proteins.loc[protein, "sequence"]
    groups = range(-(-count // settings.group))
    for number, segment in enumerate(collection.conformers(protein)):
        start = np.array(segment.backbone[:1])
        proposer = Proposer(base, start[:, :, :3].astype(float), letters, settings)
        for source, knowledge in ((BASE, None), (NULL, of_residue_types(base, letters)), (START, None)):
            place = output / source / f"start_{number}" / protein
            if (place / "samples.xtc").exists():
                continue
            made = start
            if source != START:
                drawn = (proposer.group(group, SEED, knowledge).backbone for group in groups)
                made = with_oxygen(np.concatenate(list(drawn)))
            write_samples(place, letters, start[0], made, Path(segment.label).name)


def write_samples(place: Path, letters: str, start: np.ndarray, made: np.ndarray, reference: str) -> None:
    """`topology.pdb`, `start.json` and, when all else is there, `samples.xtc`."""
    import MDAnalysis as mda
    from MDAnalysis.lib.util import convert_aa_code

    from mdllm.core.trajectories import TrajectoryWriter, backbone_universe, write_topology

    count = len(letters)
    named = mda.Universe.empty(count, n_residues=count, atom_resindex=np.arange(count))
    named.add_TopologyAttr("resname", ["UNK" if letter == "X" else convert_aa_code(letter) for letter in letters])
    named.add_TopologyAttr("resid", np.arange(1, count + 1))
    named.add_TopologyAttr("segid", ["A"])
    place.mkdir(parents=True, exist_ok=True)
    write_topology(place / "topology.pdb", backbone_universe(named.residues, start), start)
    (place / "start.json").write_text(json.dumps({"reference": reference}))
    with TrajectoryWriter(place / "samples.part") as writer:
        writer.write(made, np.arange(len(made), dtype=float))
    os.replace(place / "samples.part", place / "samples.xtc")


def physical(place: Path) -> np.ndarray:
    """Numbers of the samples that pass the package's filter of clashes, and its limits where there are bonds."""
    import mdtraj
    from bioemu_benchmarks.utils import filter_unphysical_traj_masks

    start = mdtraj.load(place / "topology.pdb")
    atoms = {name: start.topology.select(f"name {name}") for name in ("N", "CA", "C")}
    bound = np.linalg.norm(start.xyz[0, atoms["N"][1:]] - start.xyz[0, atoms["C"][:-1]], axis=1) < GAP_NM
    asked = signature(filter_unphysical_traj_masks).parameters
    limits = [asked[f"max_{pair}_seq_distance"].default / 10 for pair in ("ca", "cn")]  # nm
    kept, first = [], 0
    for part in mdtraj.iterload(str(place / "samples.xtc"), top=str(place / "topology.pdb"), chunk=FILTERED_AT_ONCE):
        good = filter_unphysical_traj_masks(part)[2]
        for (before, after), limit in zip((("CA", "CA"), ("C", "N")), limits, strict=True):
            steps = part.xyz[:, atoms[after][1:]] - part.xyz[:, atoms[before][:-1]]
            good &= (np.linalg.norm(steps, axis=-1)[:, bound] < limit).all(1)
        kept.append(np.flatnonzero(good) + first)
        first += len(part)
    return np.concatenate(kept)


def evaluated(benchmark, protein: str, place: Path, frames: np.ndarray):
    """What the package says of one protein's samples."""
    from bioemu_benchmarks.eval.multiconf.evaluate import MetricType, evaluate_test_case
    from bioemu_benchmarks.eval.multiconf.unfolding_evaluate import evaluate_singleconf_unfolding_test_case
    from bioemu_benchmarks.samples import SequenceSample

    references, local = (Path(benchmark.asset_dir) / name for name in ("reference", "local_residinfo"))
    samples = [SequenceSample(place / "topology.pdb", place / "samples.xtc", frames)]
    if benchmark.value == "singleconf_localunfolding":
        return evaluate_singleconf_unfolding_test_case(protein, references, samples, local)
    return evaluate_test_case(protein, references, samples, [MetricType.RMSD], local if local.is_dir() else None)


def direction(benchmark, protein: str, reference: str) -> str:
    """From which conformer to which: of the pockets the empty or the filled one, else to the other."""
    if benchmark.value != "multiconf_crypticpocket":
        return "to the other"
    table = pd.read_csv(Path(benchmark.asset_dir) / "references.csv").set_index("test_case")
    holo = table.loc[[protein], "holo_pdbidchain"].iloc[0].upper()
    return "holo to apo" if reference.removesuffix(".pdb") == holo else "apo to holo"


def of_set(benchmark, folder: Path) -> dict | None:
    """All numbers of one set; None where nothing of it was sampled."""
    from bioemu_benchmarks.eval.multiconf import summary_metrics

    name = benchmark.value.partition("_")[2]
    places = [place.parent for place in sorted(folder.glob(f"{START}/start_*/{name}_*/samples.xtc"))]
    results: dict[str, dict] = {source: {} for source in SOURCES}
    kept, left_out, directions = {source: [] for source in SOURCES}, [], {}
    for place in tqdm(places, desc=name, unit="start", mininterval=5):
        at, protein = place.relative_to(folder / START), place.name.partition("_")[2]
        frames = {source: physical(folder / source / at) for source in SOURCES}
        if not all(map(len, frames.values())):
            left_out.append(str(at))
            continue
        reference = json.loads((place / "start.json").read_text())["reference"]
        directions[at] = direction(benchmark, protein, reference), reference
        for source in SOURCES:
            results[source][at] = evaluated(benchmark, protein, folder / source / at, frames[source])
            kept[source].append(len(frames[source]))
    if not directions:
        return None
    pockets = benchmark.value == "multiconf_crypticpocket"
    compute = summary_metrics.compute_coverage_and_k_recall
    compute = summary_metrics.compute_coverage_and_k_recall_crypticpocket if pockets else compute
    own = {}
    for source, found in results.items():
        np.random.seed(SEED)  # noqa: NPY002, the package's bootstrap
        by_start = [
            {at.name: one for at, one in found.items() if at.parts[0] == start}
            for start in sorted({at.parts[0] for at in found})
        ]
        values = [compute(each, benchmark).get_aggregate_metrics() for each in by_start]
        own[source] = {key: round(float(np.mean([one[key] for one in values])), 4) for key in values[0]}
    made = {
        "starts": len(directions),
        "left_out_by_the_filter": left_out,
        "samples_kept_median": {source: float(np.median(counts)) for source, counts in kept.items()},
        "package": own,
    }
    if benchmark.value != "singleconf_localunfolding":
        made["other"] = {}
        for way in sorted({way for way, _ in directions.values()}):
            starts = {at: reference for at, (own_way, reference) in directions.items() if own_way == way}
            made["other"][way] = to_the_other(benchmark, results, starts)
    return made


def to_the_other(benchmark, results: dict[str, dict], starts: dict[Path, str]) -> dict:
    """Coverage and recall of the references that the samples do not begin at, nm, and the base beside the others."""
    from bioemu_benchmarks.eval.multiconf.evaluate import MetricType
    from bioemu_benchmarks.eval.multiconf.results import (
        BENCHMARK_SPECIFIC_SUCCESS_THRESHOLDS,
        METRICS_SUCCESS_THRESHOLD,
    )
    from bioemu_benchmarks.eval.multiconf.summary_metrics import coverage_bootstrap, k_recall_bootstrap

    rmsd = MetricType.RMSD
    threshold = BENCHMARK_SPECIFIC_SUCCESS_THRESHOLDS.get(benchmark, METRICS_SUCCESS_THRESHOLD)[rmsd]
    proteins = np.array([at.name for at in starts])
    made, recalls = {"proteins": len(set(proteins)), "starts": len(starts), "threshold_nm": threshold / 10}, {}
    for source in SOURCES:
        others = {}
        for at, reference in starts.items():
            one = results[source][at]
            column = [name != reference for name in one.references_names]
            others[str(at)] = one.metrics_against_references[rmsd][:, column]
        np.random.seed(SEED)  # noqa: NPY002
        at_thresholds, covered = coverage_bootstrap(others, rmsd)
        recalls[source] = np.array([mean for mean, _ in k_recall_bootstrap(others, rmsd).values()]) / 10
        made[source] = {
            "coverage": round(float(np.interp(threshold, at_thresholds, covered.mean(0))), 4),
            "recall_nm": round(float(recalls[source].mean()), 4),
            "best_nm_median": round(float(np.median([values.min() / 10 for values in others.values()])), 4),
        }
    for other in (NULL, START):
        nearer = interval_of_mean(
            recalls[other] - recalls[BASE], pd.factorize(proteins)[0], 0.95, 2000, np.random.default_rng(SEED)
        )
        made[f"nearer_than_{other}_nm"] = [
            round(value, 4) if np.isfinite(value) else None for value in (nearer.value, nearer.low, nearer.high)
        ]
    return made


def evaluate(folder: str) -> None:
    from bioemu_benchmarks.benchmarks import MULTICONF_BENCHMARKS, Benchmark

    sets = {
        benchmark.value: found
        for benchmark in (*MULTICONF_BENCHMARKS, Benchmark.SINGLECONF_LOCALUNFOLDING)
        if (found := of_set(benchmark, Path(folder))) is not None
    }
    write_record("bioemu", {"sets": sets}, LIBRARIES)


if __name__ == "__main__":
    {"sample": sample, "evaluate": evaluate}[sys.argv[1]](*sys.argv[2:])
