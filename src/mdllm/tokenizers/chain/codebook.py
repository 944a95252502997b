"""The codebook of steps: the pose of a residue as seen from the residue before it, of many proteins.

A step hangs on psi of the residue before, omega, and phi of the residue, and a little on bond angles. It knows nothing
of the protein around it, so that a code means the same wherever it stands. Codebooks of several sizes come with mdllm
in `steps.safetensors`, and `steps.json` says how they were made; `mdllm codebook` makes them anew.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from mdllm.collections.reader import Collection
from mdllm.core.errors import InputError
from mdllm.core.records import sha256, write_json
from mdllm.tokenizers.chain.settings import SIZES
from mdllm.tokenizers.rigid.poses import poses_of, relative, rotation_vectors, rotations_from_vectors
from mdllm.tokenizers.rigid.quantization import features, k_means, nearest_centre, poses_of_features

# A turn by t radian counts like a shift by t times this. The next residues sit at the end of a lever, so that a turn
# does more harm than it does to the residue's own atoms.
ROTATION_LENGTH_NM = 0.35
# Steps are thinned to about one in a cell of this width, or most codes would be helix and strand.
_CELL_NM = 0.05
_SAMPLES = 20_000
# Jumps over a gap in the chain, away from the guess: turns of all sizes, shifts dense where they are small.
_JUMPS = 5000
_LARGEST_TURN = np.pi / 3
_LARGEST_SHIFT_NM = 3.0
_JUMP_SEED = 0
SHIPPED = Path(__file__).with_name("steps.safetensors")
# Frames of one trajectory that are looked at, evenly spread.
_FRAMES = 100


@dataclass(frozen=True, eq=False)
class Codebook:
    """K relative poses."""

    rotation: np.ndarray  # (K, 3, 3)
    origin: np.ndarray  # (K, 3) nm

    def __len__(self) -> int:
        return len(self.origin)

    def points(self) -> np.ndarray:
        """The codes as points (K, 12) whose distances, in nm, are those of the poses."""
        return features(self.rotation, self.origin, ROTATION_LENGTH_NM)

    def nearest(self, backbone: np.ndarray) -> np.ndarray:
        """Codes (F, L) nearest to the steps of backbones (F, L, 3, 3) in nm; the first residue has none, and 0."""
        frames, residues = backbone.shape[:2]
        codes = np.zeros((frames, residues), int)
        codes[:, 1:] = nearest_centre(steps_of(backbone).points(), self.points()).reshape(frames, residues - 1)
        return codes

    @classmethod
    def of_vectors(cls, vectors: np.ndarray) -> "Codebook":
        """From vectors (K, 6): a shift in nm, and a turn as axis times angle in radian."""
        vectors = vectors.astype(np.float64)
        return cls(rotations_from_vectors(vectors[:, 3:]), vectors[:, :3])

    def vectors(self) -> np.ndarray:
        """The inverse of `of_vectors`, float32."""
        return np.concatenate([self.origin, rotation_vectors(self.rotation)], axis=1).astype(np.float32)


def shipped_steps(size: int) -> Codebook:
    """The codebook of `size` steps that comes with mdllm."""
    return Codebook.of_vectors(load_file(SHIPPED)[str(size)])


def steps_of(backbone: np.ndarray) -> Codebook:
    """All steps of a backbone (F, L, 3, 3), frame after frame: (F (L-1)) poses."""
    rotation, origin = poses_of(backbone)
    turn, shift = relative((rotation[:-1], origin[:-1]), (rotation[1:], origin[1:]))
    return Codebook(np.transpose(turn, (3, 0, 1, 2)).reshape(-1, 3, 3), np.transpose(shift, (2, 0, 1)).reshape(-1, 3))


def fit_steps(steps: Codebook, size: int, rng: np.random.Generator) -> Codebook:
    """A codebook of `size` of these steps: those nearest to the centres of a sample in which no region is crowded.

    A centre itself, a mean of steps, would have bonds that are too short.
    """
    points = steps.points()
    _, cell, count = np.unique(np.round(points / _CELL_NM).astype(int), axis=0, return_inverse=True, return_counts=True)
    weight = 1.0 / count[cell.reshape(-1)]
    sample = rng.choice(len(points), min(_SAMPLES, len(points)), replace=False, p=weight / weight.sum())
    centres = k_means(points[sample], size, rng)
    chosen = sample[nearest_centre(centres, points[sample])]
    return Codebook(steps.rotation[chosen], steps.origin[chosen])


@cache
def jumps(size: int) -> Codebook:
    """Codes for the first residue after a gap: motions away from a guess, the small ones dense."""
    rng = np.random.default_rng(_JUMP_SEED)
    direction = rng.standard_normal((2, _JUMPS, 3))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    scale = rng.random((_JUMPS, 1))
    shift, turn = _LARGEST_SHIFT_NM * scale**3 * direction[0], _LARGEST_TURN * scale * direction[1]
    points = features(rotations_from_vectors(turn), shift, ROTATION_LENGTH_NM)
    return Codebook(*poses_of_features(k_means(points, size, rng), ROTATION_LENGTH_NM))


def make_codebooks(collection: Collection, output: Path, seed: int = 0) -> int:
    """Write codebooks of all SIZES, of the steps in the training split, and `output`.json, the record of them.

    Returns:
        number of steps that were looked at.

    Raises:
        InputError: fewer steps than codes.
    """
    turns, shifts = [], []
    for segment in collection.segments_of("train"):
        frames = np.linspace(0, len(segment.backbone) - 1, min(_FRAMES, len(segment.backbone))).round().astype(int)
        steps = steps_of(np.asarray(segment.backbone[frames])[:, :, :3])
        bonded = np.tile(segment.bonded, len(frames))
        turns.append(steps.rotation[bonded])
        shifts.append(steps.origin[bonded])
    steps = Codebook(np.concatenate(turns), np.concatenate(shifts))
    if len(steps) < max(SIZES):
        raise InputError(
            f"{collection.folder} has {len(steps)} steps in its training split, too few for {max(SIZES)} codes; "
            "take a collection of more proteins"
        )
    rng = np.random.default_rng(seed)
    save_file({str(size): fit_steps(steps, size, rng).vectors() for size in SIZES}, output)
    record = {
        "collection": collection.folder.name,
        "proteins": len(collection.names("train")),
        "steps": len(steps),
        "seed": seed,
        "sha256": {name: sha256(collection.folder / name) for name in ("proteins.parquet", "segments.parquet")},
    }
    write_json(output.with_suffix(".json"), record)
    return len(steps)
