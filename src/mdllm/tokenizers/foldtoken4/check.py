"""Verify a FoldToken4 set-up on one structure, before any trajectory is tokenized.

    python -m mdllm.tokenizers.foldtoken4.check --checkout FoldToken_open --weights FT4/ckpt.pth --structure 3dmv.pdb

Prints what encode->decode keeps, how many codes a rotation changes, and how far decoder seeds scatter. Ends with exit
status 1 and advice where something is wrong.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.prepare.backbone import BackboneAtoms
from mdllm.tokenizers.foldtoken4.chains import chain_numbers
from mdllm.tokenizers.foldtoken4.tokenizer import FoldToken4

_ROTATIONS = 5
# Rounding moves a residue that lies between two codes; a larger share is a defect.
_LARGEST_CHANGE = 0.02


def main(arguments: list[str] | None = None) -> int:
    """Run the check on command-line arguments; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        problems = check(options)
    except InputError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    if not problems:
        print("the set-up works")
    return 1 if problems else 0


def check(options: argparse.Namespace) -> list[str]:
    """Measure on one structure, print a table, and return what is wrong.

    Raises:
        InputError: a file, the level, the device or the structure is not fit for use; nothing is printed then.
    """
    atoms, names = read_structure(options.structure, options.selection)  # (L, 4, 3)
    chain_numbers(atoms[:, :3], options.chains, names)
    tokenizer = FoldToken4.fit(atoms[None, :, :3], options, seed=0)
    codes, encode_s = _timed(lambda: tokenizer.encode(atoms[None, :, :3]))
    repeated = np.repeat(codes, options.seeds, axis=0)
    drawn, decode_s = _timed(lambda: tokenizer.decode(repeated, np.random.default_rng(0)))
    decoded = tokenizer.decode(codes)[0]
    error, errors = rmsd(decoded[None], atoms[:, :3])[0], rmsd(drawn, atoms[:, :3])
    scatter = rmsd(drawn, decoded)
    with_superposition, without, oxygen = changed_codes(tokenizer, atoms, codes)
    rows = {
        "sha256 of the weights": tokenizer.values()["checksums"]["weights"],
        "device": tokenizer.network.device.type,
        "level": f"{options.level} ({tokenizer.codebook_size} codes)",
        "residues": f"{codes.shape[1]}, one code each, {len(np.unique(codes))} different",
        "RMSD of encode->decode (N, CA, C)": f"{error:.3f} nm",
        f"  over {options.seeds} other decoder seeds": f"{errors.min():.3f} to {errors.max():.3f} nm",
        "RMSD between decoder seeds": f"median {np.median(scatter):.3f}, largest {scatter.max():.3f} nm",
        "codes changed by rotation": f"{without:.2%}",
        "  after superposition": f"{with_superposition:.2%}",
        "codes changed by rebuilding O": f"{oxygen:.2%}",
        "speed": f"encode {1 / encode_s:.2f}, decode {options.seeds / decode_s:.2f} frames/s",
    }
    for name, value in rows.items():
        print(f"{name:<36}{value}")
    problems = []
    if error > options.largest_rmsd_nm:
        problems.append(
            f"encode->decode loses {error:.3f} nm, more than {options.largest_rmsd_nm} nm (published median at 256 "
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--checkout", required=True, help="folder of the clone of A4Bio/FoldToken_open")
    parser.add_argument("--weights", required=True, help="the checkpoint from Zenodo record 13901445")
    parser.add_argument("--config", help="its config.yaml; None: the one beside the weights")
    parser.add_argument("--structure", required=True, help="PDB or mmCIF file; its first model is used")
    parser.add_argument("--selection", default="protein", help="MDAnalysis selection of the residues")
    parser.add_argument("--chains", type=int, nargs="+", help="residues of each chain; None: one chain")
    parser.add_argument("--level", type=int, default=8, help="2^level codes")
    parser.add_argument("--checksum", dest="weights_checksum", help="md5:... or sha256:... of the weights")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--seeds", type=int, default=8, help="decoder seeds compared")
    parser.add_argument("--decoder-seed", type=int, default=0, help="the seed used where nothing is drawn")
    parser.add_argument("--largest-rmsd-nm", type=float, default=0.4, help="encode->decode error that is a problem")
    parser.set_defaults(resume_folder=None)
    return parser


if __name__ == "__main__":
    sys.exit(main())
