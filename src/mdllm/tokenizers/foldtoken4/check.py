"""Verify a FoldToken4 set-up on one structure, before any trajectory is tokenized.

    mdllm check-foldtoken4 --checkout FoldToken_open --weights FT4/ckpt.pth --structure 3dmv.pdb

Prints what encode->decode keeps, how many codes a rotation changes, and how far decoder seeds scatter.
"""

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.tokenizers.foldtoken4.chains import chain_numbers
from mdllm.tokenizers.foldtoken4.settings import FoldToken4Settings
from mdllm.tokenizers.foldtoken4.tokenizer import FoldToken4

_ROTATIONS = 5
# Rounding moves a residue that lies between two codes; a larger share is a defect.
_LARGEST_CHANGE = 0.02


def check(
    settings: FoldToken4Settings, structure: Path, selection: str, seeds: int, largest_rmsd_nm: float
) -> list[str]:
    """Measure on one structure, print a table, and return what is wrong.

    Args:
        structure: PDB or mmCIF file, of which the first model is used.
        selection: MDAnalysis selection of the residues.
        seeds: number of decoder seeds that are compared.
        largest_rmsd_nm: error of encode->decode, nm, above which something is wrong.

    Raises:
        InputError: a file, the level, the device or the structure is not fit for use; nothing is printed then.
    """
    atoms, names = read_structure(structure, selection)  # (L, 4, 3)
    chain_numbers(atoms[:, :3], settings.chains, names)
    tokenizer = FoldToken4.fit(atoms[None, :, :3], settings, seed=0)
    codes, encode_s = _timed(lambda: tokenizer.encode(atoms[None, :, :3]))
    repeated = np.repeat(codes, seeds, axis=0)
    drawn, decode_s = _timed(lambda: tokenizer.decode(repeated, np.random.default_rng(0)))
    decoded = tokenizer.decode(codes)[0]
    error, errors = rmsd(decoded[None], atoms[:, :3])[0], rmsd(drawn, atoms[:, :3])
    scatter = rmsd(drawn, decoded)
    with_superposition, without, oxygen = changed_codes(tokenizer, atoms, codes)
    rows = {
        "sha256 of the weights": tokenizer.values()["checksums"]["weights"],
        "device": tokenizer.network.device.type,
        "level": f"{settings.level} ({tokenizer.codebook_size} codes)",
        "residues": f"{codes.shape[1]}, one code each, {len(np.unique(codes))} different",
        "RMSD of encode->decode (N, CA, C)": f"{error:.3f} nm",
        f"  over {seeds} other decoder seeds": f"{errors.min():.3f} to {errors.max():.3f} nm",
        "RMSD between decoder seeds": f"median {np.median(scatter):.3f}, largest {scatter.max():.3f} nm",
        "codes changed by rotation": f"{without:.2%}",
        "  after superposition": f"{with_superposition:.2%}",
        "codes changed by rebuilding O": f"{oxygen:.2%}",
        "speed": f"encode {1 / encode_s:.2f}, decode {seeds / decode_s:.2f} frames/s",
    }
    for name, value in rows.items():
        print(f"{name:<36}{value}")
    problems = []
    if error > largest_rmsd_nm:
        problems.append(
            f"encode->decode loses {error:.3f} nm, more than {largest_rmsd_nm} nm (published median at 256 "
            "codes: about 0.15 nm): weights and config.yaml do not belong together, or the structure is unlike any "
            "that the network has seen"
        )
    if with_superposition > _LARGEST_CHANGE:
        problems.append(
            f"{with_superposition:.1%} of the codes change under rotation in spite of the superposition: they do not "
            "describe the structure alone"
        )
    return problems


def changed_codes(tokenizer: FoldToken4, atoms: np.ndarray, codes: np.ndarray) -> tuple[float, float, float]:
    """Shares of codes that change.

    Args:
        tokenizer: fitted on `atoms`.
        atoms: N, CA, C, O (L, 4, 3) in nm.
        codes: (1, L) of `tokenizer` for `atoms`.

    Returns:
        by rotations, for the tokenizer (which superposes); by the same rotations, for the network alone; by putting
        O where N, CA and C say, instead of where the structure has it.
    """
    network, chains = tokenizer.network, tokenizer.chains
    centred = atoms - atoms[:, :3].mean((0, 1))
    turned = centred @ random_rotations(_ROTATIONS)[:, None]  # (rotations, L, 4, 3)
    as_read = network.encode(centred, chains)
    return (
        float((tokenizer.encode(turned[:, :, :3]) != codes).mean()),
        float(np.mean([network.encode(frame, chains) != as_read for frame in turned])),
        float((as_read != codes[0]).mean()),
    )


def random_rotations(count: int) -> np.ndarray:
    """Rotation matrices (count, 3, 3), the same ones every time."""
    matrices, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((count, 3, 3)))
    return matrices * np.sign(np.linalg.det(matrices))[:, None, None]


def read_structure(path: Path, selection: str) -> tuple[np.ndarray, list[str]]:
    """N, CA, C, O (L, 4, 3) in nm and the residue names (L,) of the first model of a structure file.

    Raises:
        InputError: the file is missing, or a residue lacks backbone atoms.
    """
    if not Path(path).is_file():
        raise InputError(f"--structure: {path} does not exist")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # elements, masses and boxes that PDB files lack
        universe = mda.Universe(str(path))
    backbone = BackboneAtoms.select(universe, selection, str(path))
    atoms = backbone.cut(universe.atoms.positions, None)
    return atoms, [f"{residue.resname} {residue.resid}" for residue in backbone.residues]


def _timed(function: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    return function(), time.perf_counter() - start
