"""The 15 x 15 grid of phi and psi of MD-LLM-1's predecessor (bioRxiv 2024.11.25.625337), as the simple baseline.

A code is a cell of the Ramachandran plane, so a structure is rebuilt from torsions alone, along the chain: errors of
one residue turn all that follows. The first phi and the last psi do not exist and place none of N, CA, C; their bin
is 0. Nor do they at a break, where a residue is not bonded to the next: torsions say nothing of how the fragments lie
to each other, so that each is rebuilt alone and laid on its place in the reference.

Axes: F frames, L residues, B bins per torsion, K = B * B codes.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt

from mdllm.config.choices import TokenizerSettings
from mdllm.core.geometry import CA, C, N, angle, backbone_torsions, peptide_bonds, place_atom, superpose
from mdllm.tokenizers.base import Tokenizer
from mdllm.tokenizers.input_checks import check_backbone, check_codes

_FEWEST_MEMBERS = 10


class TorsionGridSettings(TokenizerSettings):
    implementation: ClassVar[str] = "mdllm.tokenizers.torsion_grid:TorsionGrid"
    name: Literal["torsion_grid"]
    bins: PositiveInt = Field(15, description="bins per torsion; K = bins squared")


@dataclass(frozen=True, eq=False)
class TorsionGrid(Tokenizer):
    """Grid of backbone torsions over one molecule's mean geometry.

    Attributes:
        bins: B.
        reference: (L, 3, 3) first training frame, nm; decoded frames are laid on it.
        lengths: (L, 3) training means of N-CA, CA-C and C-N(next), nm; the last of the last residue is not used.
        angles: (L, 3) training means of N-CA-C, CA-C-N(next) and C-N(next)-CA(next), radian.
        omega: (L,) circular training means of the rotation about the bond to the next residue, radian.
        offset: (L, 2, B) mean of phi and psi of the training frames in each bin, from the bin's centre, radian.
        spread: (L, 2, B) their standard deviation.
    """

    name: ClassVar[str] = "torsion_grid"
    bins: int
    reference: np.ndarray
    lengths: np.ndarray
    angles: np.ndarray
    omega: np.ndarray
    offset: np.ndarray
    spread: np.ndarray

    @property
    def codebook_size(self) -> int:
        return self.bins**2

    @classmethod
    def fit(cls, backbone: np.ndarray, settings, seed: int) -> "TorsionGrid":
        """Mean geometry and torsions within bins, of training frames (F, L, 3, 3) in nm; nothing is drawn."""
        frames = check_backbone(backbone).astype(np.float64)
        n, ca, c = (frames[:, :, atom] for atom in (N, CA, C))
        next_n, next_ca = np.roll(n, -1, axis=1), np.roll(ca, -1, axis=1)
        lengths = [np.linalg.norm(b - a, axis=-1) for a, b in ((n, ca), (ca, c), (c, next_n))]
        angles = [angle(n, ca, c), angle(ca, c, next_n), angle(c, next_n, next_ca)]
        starts = _starts(frames[0])
        phi, psi, omega = _torsions(frames, starts)
        turn = np.exp(1j * omega[:, 1:]).mean(0)
        torsions = np.nan_to_num(np.stack([phi, psi], axis=-1))
        offset, spread = _within_bins(torsions, settings.bins)
        return cls(
            bins=settings.bins,
            reference=frames[0],
            lengths=np.stack([values.mean(0) for values in lengths], axis=-1),
            angles=np.stack([values.mean(0) for values in angles], axis=-1),
            omega=np.append(np.angle(turn), np.pi),
            offset=offset,
            spread=spread,
        )

    def encode(self, backbone: np.ndarray) -> np.ndarray:
        """Codes (F, L), int32: B * (bin of phi) + (bin of psi), of backbones (F, L, 3, 3) in nm."""
        check_backbone(backbone, len(self.reference))
        phi, psi, _ = _torsions(backbone.astype(np.float64), _starts(self.reference))
        bins = _bin(np.stack([phi, psi], axis=-1), self.bins)
        return (self.bins * bins[..., 0] + bins[..., 1]).astype(np.int32)

    def decode(self, codes: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Backbones (F, L, 3, 3), float32 in nm, rebuilt from each bin's mean torsions, or with `rng` drawn about them.

        Source: natural extension reference frame, Parsons et al., J. Comput. Chem. 26, 1063 (2005).
        """
        residues = len(self.reference)
        check_codes(codes, residues, self.codebook_size)
        bins = np.stack(np.divmod(codes, self.bins), axis=-1)
        at = (np.arange(residues)[:, None], np.arange(2), bins)
        torsions = _centre(bins, self.bins) + self.offset[at]
        if rng is not None:
            torsions = torsions + self.spread[at] * rng.standard_normal(torsions.shape)
        rebuilt = np.empty((len(codes), residues, 3, 3))
        starts = _starts(self.reference)
        rebuilt[:, starts] = self.reference[starts]
        for i in sorted(set(range(residues)) - set(starts)):
            n, ca, c = (rebuilt[:, i - 1, atom] for atom in (N, CA, C))
            (_, _, to_n), (_, at_c, at_n) = self.lengths[i - 1], self.angles[i - 1]
            (to_ca, to_c, _), (at_ca, _, _) = self.lengths[i], self.angles[i]
            next_n = place_atom(n, ca, c, to_n, at_c, torsions[:, i - 1, 1])
            next_ca = place_atom(ca, c, next_n, to_ca, at_n, self.omega[i - 1])
            next_c = place_atom(c, next_n, next_ca, to_c, at_ca, torsions[:, i, 0])
            rebuilt[:, i] = np.stack([next_n, next_ca, next_c], axis=1)
        for start, end in zip(starts, [*starts[1:], residues], strict=True):
            rebuilt[:, start:end] = superpose(rebuilt[:, start:end], self.reference[start:end])
        return rebuilt.astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "reference_nm": self.reference,
            "lengths_nm": self.lengths,
            "angles_rad": self.angles,
            "omega_rad": self.omega,
            "offset_rad": self.offset,
            "spread_rad": self.spread,
        }

    def values(self) -> dict:
        return {"bins": self.bins}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "TorsionGrid":
        names = ("reference_nm", "lengths_nm", "angles_rad", "omega_rad", "offset_rad", "spread_rad")
        return cls(values["bins"], *(arrays[name] for name in names))


def _starts(frame: np.ndarray) -> list[int]:
    """First residues of the fragments of a backbone (L, 3, 3) in nm."""
    return [0, *(np.flatnonzero(~peptide_bonds(frame)) + 1).tolist()]


def _torsions(frames: np.ndarray, starts: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """phi, psi, omega (F, L) of backbones (F, L, 3, 3); phi and psi are NaN at the ends of fragments."""
    phi, psi, omega = backbone_torsions(frames)
    phi[:, starts] = np.nan
    psi[:, [start - 1 for start in starts if start]] = np.nan
    return phi, psi, omega


def _bin(torsions: np.ndarray, bins: int) -> np.ndarray:
    """Bin in [0, B) of each torsion; 0 where it does not exist (NaN)."""
    share = np.nan_to_num((torsions + np.pi) / (2 * np.pi))
    return np.clip((share * bins).astype(int), 0, bins - 1)


def _centre(bins: np.ndarray, count: int) -> np.ndarray:
    """The torsion in the middle of each bin, radian."""
    return (bins + 0.5) * 2 * np.pi / count - np.pi


def _within_bins(torsions: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (L, 2, B) of torsions (F, L, 2) from the centres of their bins.

    A bin with few training frames keeps its centre, and the standard deviation of a uniform distribution over it.
    """
    residues = torsions.shape[1]
    which = _bin(torsions, bins)
    away = torsions - _centre(which, bins)
    flat = np.ravel_multi_index((*np.broadcast_arrays(*np.ix_(range(residues), range(2))), which), (residues, 2, bins))
    members, total, squares = (
        np.bincount(flat.ravel(), weights, residues * 2 * bins).reshape(residues, 2, bins)
        for weights in (None, away.ravel(), away.ravel() ** 2)
    )
    mean = total / np.maximum(members, 1)
    variance = squares / np.maximum(members, 1) - mean**2
    known = members >= _FEWEST_MEMBERS
    uniform = 2 * np.pi / bins / np.sqrt(12)
    return np.where(known, mean, 0.0), np.where(known, np.sqrt(np.maximum(variance, 0)), uniform)
