"""The multiscale tokenizer against its targets, on data that needs no download beyond the package index.

Prints a table and writes records/tokenizer.json. Backbone RMSD (N, CA, C) after superposition, in nm, medians over
frames. One thread; run it as ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/tokenizer.py``.

- AdK (MDAnalysisTests, 214 residues): fitted on frames 0-48, tested on these, on 49-97, and on a second trajectory.
- Trp-cage (fastmdanalysis 1.1.2, 20 residues): fitted on stretches of one state, tested on the frames of the other.
  State A has phi of residue 11 above 0, state B below.
- T4 lysozyme: fitted on the excited state's NMR models (2LCB, 2LC9), tested on the native crystal structure (3DMV), and
  the other way round, with perturbed copies of 3DMV in the place of a trajectory.
"""

import gzip
import os
import time
import warnings
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from MDAnalysisTests.datafiles import DCD, DCD2, PSF
from record import ROOT, write_record

from mdllm.config.reading import read_yaml
from mdllm.core.geometry import backbone_torsions, circular_difference, rmsd
from mdllm.sources.package import PackageSource, fetch_package
from mdllm.tokenizers.multiscale.settings import MultiscaleSettings
from mdllm.tokenizers.multiscale.tokenizer import Multiscale

CACHE = Path(os.environ.get("MDLLM_CACHE", ROOT / ".cache" / "mdllm"))
STRUCTURES = ROOT / "tests" / "data"
SEEDS = range(5)
TRAINING_A = np.r_[442:899, 3983:4999]
TRAINING_B = np.arange(910, 1750)


def settings(codebook_size: int) -> MultiscaleSettings:
    """One set of settings for all that is measured here, but for K."""
    return MultiscaleSettings(codebook_size=codebook_size, chain_share=0.4, chain_weight=0.6)


def read_backbones(universe: mda.Universe) -> np.ndarray:
    """All frames (F, L, 3, 3), float32 in nm."""
    atoms = [universe.select_atoms(f"protein and name {name}") for name in ("N", "CA", "C")]
    frames = [np.stack([group.positions for group in atoms], axis=1) for _ in universe.trajectory]
    return np.array(frames, np.float32) / 10.0


def read_adk() -> tuple[np.ndarray, np.ndarray]:
    """The two AdK trajectories (98 and 102 frames)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_backbones(mda.Universe(PSF, DCD)), read_backbones(mda.Universe(PSF, DCD2))


def read_trp_cage() -> np.ndarray:
    """4999 frames of Trp-cage."""
    source = PackageSource.model_validate(read_yaml(ROOT / "config" / "systems" / "trp_cage.yaml")["source"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        topology, trajectories = fetch_package(source, CACHE)
        return read_backbones(mda.Universe(str(topology), *map(str, trajectories)))


def read_t4_lysozyme() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Residue numbers (L,), 3DMV (1, ...), 2LCB (10, ...), 2LC9 (10, ...), of the residues that all of them have."""
    models = [_read_models(STRUCTURES / name) for name in ("3dmv.pdb.gz", "2lcb.pdb.gz", "2lc9.pdb.gz")]
    numbers = sorted(set.intersection(*({n for n in m if len(m[n]) == 3} for group in models for m in group)))
    arrays = [
        np.array([[[model[n][atom] for atom in ("N", "CA", "C")] for n in numbers] for model in group])
        for group in models
    ]
    return np.array(numbers), *arrays


def read_mad2() -> tuple[np.ndarray, np.ndarray]:
    """Residue numbers (L,) and backbone (1, L, 3, 3) of 1S2H, closed."""
    (model,) = _read_models(STRUCTURES / "1s2h.pdb.gz")
    return np.array(list(model)), np.array([[[atoms[name] for name in ("N", "CA", "C")] for atoms in model.values()]])


def _read_models(path: Path) -> list[dict[int, dict[str, list[float]]]]:
    """Backbone atoms, nm, by residue number and name, of each model of chain A; altloc A where there is one."""
    models, current = [], {}
    for line in [*gzip.decompress(path.read_bytes()).decode().splitlines(), "ENDMDL"]:
        name = line[12:16].strip()
        if line.startswith("ENDMDL") and current:
            models.append(current)
            current = {}
        elif line.startswith("ATOM") and name in ("N", "CA", "C") and line[16] in " A" and line[21] == "A":
            position = [float(line[start : start + 8]) / 10.0 for start in (30, 38, 46)]
            current.setdefault(int(line[22:26]), {})[name] = position
    return models


def perturbed_copies(backbone: np.ndarray, copies: int, seed: int) -> np.ndarray:
    """Copies (copies, L, 3, 3) of a backbone (L, 3, 3) after 400 random crankshaft moves each.

    A move turns all between two CA, 2 to 12 residues apart, about the line through them, by a normal angle of 4 degree:
    bonds stay as they are and only the angles at the two CA change, as in backrub moves (Davis et al., Structure 14,
    265, 2006).
    """
    rng = np.random.default_rng(seed)
    frames = np.repeat(backbone[None].astype(np.float64), copies, axis=0)
    for atoms in frames.reshape(copies, -1, 3):
        for _ in range(400):
            first = rng.integers(len(backbone) - 2)
            last = min(first + rng.integers(2, 13), len(backbone) - 1)
            start, axis = atoms[3 * first + 1], atoms[3 * last + 1] - atoms[3 * first + 1]
            axis = axis / np.linalg.norm(axis)
            turn = np.radians(4.0) * rng.standard_normal()
            inner = atoms[3 * first + 2 : 3 * last + 1] - start
            along = (inner @ axis)[:, None] * axis
            moved = along + np.cos(turn) * (inner - along) + np.sin(turn) * np.cross(axis, inner)
            atoms[3 * first + 2 : 3 * last + 1] = start + moved
    return frames


def median_rmsd(tokenizer: Multiscale, backbone: np.ndarray) -> float:
    return float(np.median(rmsd(tokenizer.decode(tokenizer.encode(backbone)), backbone)))


def wrong_codes_rmsd(tokenizer: Multiscale, backbone: np.ndarray, share: float = 0.05) -> float:
    """Median RMSD (nm) after a share of the codes is replaced by codes drawn uniformly."""
    rng = np.random.default_rng(0)
    codes = tokenizer.encode(backbone)
    wrong = rng.random(codes.shape) < share
    codes[wrong] = rng.integers(0, tokenizer.codebook_size, wrong.sum())
    return float(np.median(rmsd(tokenizer.decode(codes), backbone)))


def kept_states(tokenizer: Multiscale, backbone: np.ndarray, above: bool) -> float:
    """Share of frames of one state whose phi of residue 11 keeps its sign; `above` 0 for state A."""
    phi = backbone_torsions(tokenizer.decode(tokenizer.encode(backbone)))[0][:, 10]
    return float(np.mean((phi > 0) == above))


def local_errors(tokenizer: Multiscale, numbers: np.ndarray, backbone: np.ndarray) -> dict[str, float]:
    """What the round trip does to T4 lysozyme's transition, medians over frames."""
    decoded = tokenizer.decode(tokenizer.encode(backbone))
    i113, i114, i117 = np.searchsorted(numbers, [113, 114, 117])
    distance = [np.linalg.norm(x[:, i113, 1] - x[:, i117, 1], axis=-1) for x in (decoded, backbone)]
    psi = [backbone_torsions(x)[1][:, i114] for x in (decoded, backbone)]
    return {
        "rmsd_nm": float(np.median(rmsd(decoded, backbone))),
        "distance_113_117_error_nm": float(np.median(np.abs(distance[0] - distance[1]))),
        "psi_114_error_rad": float(np.median(np.abs(circular_difference(*psi)))),
    }


def speed(tokenizer: Multiscale, backbone: np.ndarray, rounds: int = 5) -> dict[str, float]:
    """Median frames per second of encoding and decoding ten copies of the frames."""
    frames = np.tile(backbone, (10, 1, 1, 1))
    encode_s, decode_s = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        codes = tokenizer.encode(frames)
        encoded = time.perf_counter()
        tokenizer.decode(codes)
        encode_s.append(encoded - started)
        decode_s.append(time.perf_counter() - encoded)
    return {
        "encode_frames_per_s": round(len(frames) / np.median(encode_s)),
        "decode_frames_per_s": round(len(frames) / np.median(decode_s)),
    }


def measure_adk() -> dict:
    first, second = read_adk()
    results = {}
    for codebook_size in (64, 512):
        tokenizer = Multiscale.fit(first[:49], settings(codebook_size), seed=0)
        decoded = tokenizer.decode(tokenizer.encode(first))
        bonds = np.linalg.norm(decoded[:, 1:, 0] - decoded[:, :-1, 2], axis=-1)
        results[f"K{codebook_size}"] = {
            "training_rmsd_nm": median_rmsd(tokenizer, first[:49]),
            "unseen_rmsd_nm": median_rmsd(tokenizer, first[49:]),
            "second_trajectory_rmsd_nm": median_rmsd(tokenizer, second),
            "wrong_codes_5_percent_rmsd_nm": wrong_codes_rmsd(tokenizer, first),
            "peptide_bond_1_50_99_percent_nm": np.percentile(bonds, [1, 50, 99]).round(4).tolist(),
            **speed(tokenizer, first),
        }
    return results


def measure_trp_cage() -> dict:
    backbone = read_trp_cage()
    in_a = backbone_torsions(backbone)[0][:, 10] > 0
    results = {}
    for state, training, inside in (("A", TRAINING_A, in_a), ("B", TRAINING_B, ~in_a)):
        rows = []
        for seed in SEEDS:
            tokenizer = Multiscale.fit(backbone[training], settings(128), seed)
            codes = tokenizer.encode(backbone[training])
            counts = np.stack([np.bincount(column, minlength=128) for column in codes.T]) / len(codes)
            rng = np.random.default_rng(seed)
            random = np.stack([rng.choice(column, 200) for column in codes.T], axis=1)
            nearest = [rmsd(backbone[training][::20], frame).min() for frame in tokenizer.decode(random)]
            following = np.diff(training) == 1
            rows.append(
                {
                    "own_state_kept": kept_states(tokenizer, backbone[inside], state == "A"),
                    "other_state_kept": kept_states(tokenizer, backbone[~inside], state != "A"),
                    "own_state_rmsd_nm": median_rmsd(tokenizer, backbone[inside]),
                    "other_state_rmsd_nm": median_rmsd(tokenizer, backbone[~inside]),
                    "code_entropy_nats": float(-(counts * np.log(np.where(counts > 0, counts, 1))).sum(1).mean()),
                    "codes_equal_next_frame": float((codes[1:] == codes[:-1])[following].mean()),
                    "residue_wise_draws_to_training_rmsd_nm": float(np.median(nearest)),
                }
            )
        results[f"fitted_on_{state}"] = {key: [round(row[key], 4) for row in rows] for key in rows[0]}
    return results


def measure_t4_lysozyme() -> dict:
    numbers, native, lcb, lc9 = read_t4_lysozyme()
    rows = {"native_from_excited": [], "excited_from_native": []}
    for seed in SEEDS:
        tokenizer = Multiscale.fit(np.concatenate([lcb, lc9]), settings(1024), seed)
        rows["native_from_excited"].append(local_errors(tokenizer, numbers, native))
        tokenizer = Multiscale.fit(perturbed_copies(native[0], 30, seed), settings(1024), seed)
        rows["excited_from_native"].append(local_errors(tokenizer, numbers, lcb))
    return {way: {key: [round(row[key], 4) for row in of] for key in of[0]} for way, of in rows.items()}


def main() -> None:
    results = {"threads": int(os.environ.get("OMP_NUM_THREADS", "0")), "settings": settings(512).model_dump()}
    del results["settings"]["codebook_size"]
    results["adk"] = measure_adk()
    results["trp_cage_K128"] = measure_trp_cage()
    if STRUCTURES.is_dir():
        results["t4_lysozyme_K1024"] = measure_t4_lysozyme()
    for data in ("adk", "trp_cage_K128", "t4_lysozyme_K1024"):
        for case, values in results.get(data, {}).items():
            for quantity, value in values.items():
                print(f"{data:18} {case:20} {quantity:40} {value}")
    write_record("tokenizer", results)


if __name__ == "__main__":
    main()
