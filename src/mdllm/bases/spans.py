"""Redraw a span of a frame by a base: hidden, drawn along the chain, closed, and one of several drawings chosen.

The drawings of a span compete: one counts p^b exp(-c / (2 s^2)), with p its probability, c the squared change of its
torsions that closed it and s what half a code is wide, so that a drawing that had to be bent beyond its codes does not
count; one that cannot be closed, runs into the rest of the chain, turns a peptide bond from trans to cis or back, which
takes seconds in a protein, or leads the whole farther away than `farthest_nm`, counts nothing. Where none is left, the
span stays as it was.

Axes: B structures, M drawings of each, L residues, K codes.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch

from mdllm.bases.base import Base, Told
from mdllm.bases.closure import close
from mdllm.bases.poses import Poses, compose, of_vectors
from mdllm.bases.proteins import residue_types_of
from mdllm.bases.settings import ProposalSettings
from mdllm.bases.views import BETA_CARBON_NM, Views, views
from mdllm.language.frequencies import ResidueFrequencies

# A closed chain misses its end by less.
_MISS_NM = 0.02
# Width of a code as a change of torsion.
_TORSION_RAD = 0.17
# Atoms N, CA, C and CB of residues that are at least so far apart along the chain, and nearer than this, clash.
_APART, _CLASH_NM = 3, 0.25
_CIS_NM = 0.34  # CA of neighbours are nearer than this in a cis peptide only (0.29 nm; trans 0.38 nm)


class Knowledge(Protocol):
    """What a span is drawn from; `view` makes the B views of the residue, for those who look."""

    def __call__(self, view: Callable[[], Views], residue: int) -> Told: ...


def of_base(base: Base) -> Knowledge:
    """What the base's network says."""
    return lambda view, residue: base.tell(view())


def _at_the_centre(codes: torch.Tensor) -> torch.Tensor:
    """No offsets: what statistics know."""
    return torch.zeros(len(codes), 6, dtype=torch.float64)


def of_residue_types(base: Base, sequence: str) -> Knowledge:
    """A null: statistics of the residue's type alone in the base's collection."""
    table = torch.from_numpy(base.statistics.single).log()[torch.from_numpy(residue_types_of(sequence))]
    return lambda view, residue: Told(table[residue][None], _at_the_centre)


def of_frequencies(base: Base, backbone: np.ndarray) -> Knowledge:
    """A null: how often each residue has each of the base's codes in frames (F, L, 3, 3)."""
    codes = base.steps.nearest(backbone)
    counts = torch.from_numpy(ResidueFrequencies.fit(codes, base.hidden, smoothing=0.0).probabilities).log()
    return lambda view, residue: Told(counts[residue][None], _at_the_centre)


@dataclass(frozen=True)
class Molecule:
    """What does not change from frame to frame.

    Attributes:
        residue_types: (L,) indices of RESIDUE_TYPES.
        local: (L, 3, 3) N, CA, C in each residue's own frame, nm.
        starts: (L,) whether a residue is the first one after a gap, or of the chain.
    """

    residue_types: torch.Tensor
    local: torch.Tensor
    starts: torch.Tensor

    @property
    def n_direction(self) -> torch.Tensor:
        """Unit vectors (L, 3) from CA to N."""
        return torch.nn.functional.normalize(self.local[:, 0], dim=-1)


@dataclass(frozen=True)
class Redrawn:
    """Structures after a span was redrawn.

    Attributes:
        poses: (B, L).
        changed: (B,) whether any drawing was left.
        log_likelihood: (B,) of the codes that were drawn, nats.
        of_parts: (B,) the same under each of the parts that were joined, by name; see `Told.parts`.
        entropy: (B,) of what they were drawn from, summed, nats.
    """

    poses: Poses
    changed: torch.Tensor
    log_likelihood: torch.Tensor
    of_parts: dict[str, torch.Tensor]
    entropy: torch.Tensor


def redraw(
    base: Base,
    knowledge: Knowledge,
    molecule: Molecule,
    before: Poses,
    codes: torch.Tensor,
    span: range,
    settings: ProposalSettings,
    uniforms: torch.Tensor,
) -> Redrawn:
    """Redraw `span` of structures (B, L), the residues before and after it held.

    Args:
        before: poses (B, L); codes: their codes (B, L).
        span: residues within one stretch, the first residue of it not among them.
        settings: `temperature` of the draws; `sharpness` b, see the head of this module; `farthest_nm`,
            the largest RMSD of CA of the whole from what it was, not superposed.
        uniforms: (B, M, span + 2) in [0, 1): for M drawings of the span and the step after it, and to choose.
    """
    structures, drawings = uniforms.shape[:2]
    flat = Poses(*(part.repeat_interleave(drawings, 0) for part in (before.rotation, before.origin)))
    old = codes.repeat_interleave(drawings, 0)
    draws = uniforms.flatten(0, 1)
    held_end = span.stop < codes.shape[1] and not bool(molecule.starts[span.stop])
    seen = torch.ones_like(old, dtype=torch.bool)
    seen[:, span.start : span.stop] = False
    hidden = torch.as_tensor(base.hidden)
    known = torch.where(seen & ~molecule.starts, old, hidden)
    new_codes, built = torch.where(molecule.starts, hidden, old), flat.clone()
    log_likelihood, entropy = torch.zeros(2, len(old), dtype=torch.float64)
    of_parts: dict[str, torch.Tensor] = defaultdict(partial(torch.zeros, len(old), dtype=torch.float64))
    types = molecule.residue_types.expand_as(old)
    steps = Poses(torch.from_numpy(base.steps.rotation), torch.from_numpy(base.steps.origin))
    for number, residue in enumerate(range(span.start, span.stop + held_end)):
        row = torch.full((len(old),), residue)
        view = partial(views, row, built, new_codes, flat, known, seen, types, base.hidden)
        told = knowledge(view, residue)
        log_p = told.log_probabilities.expand(len(old), -1)
        tempered = (log_p / settings.temperature).softmax(-1)
        cumulative = tempered.cumsum(-1)
        target = draws[:, number, None] * cumulative[:, -1:]
        code = torch.searchsorted(cumulative, target, right=True).clamp(max=base.hidden - 1)
        log_likelihood += log_p.gather(1, code)[:, 0]
        for name, alone in told.parts.items():
            of_parts[name] += alone.gather(1, code)[:, 0]
        entropy += torch.special.entr(log_p.exp()).sum(1)
        code = code[:, 0]
        new_codes[:, residue] = code
        built[:, residue] = compose(built[:, residue - 1], compose(steps[code], of_vectors(told.offsets(code))))

    score = settings.sharpness * log_likelihood
    if held_end:
        part = slice(span.start - 1, span.stop + 1)
        closed = close(built[:, part], flat[:, span.stop], molecule.n_direction[part])
        built[:, part] = closed.poses
        built[:, span.stop] = flat[:, span.stop]
        score = score - closed.squared_change / (2.0 * _TORSION_RAD**2)
        score = score.masked_fill(closed.miss > _MISS_NM, -torch.inf)
    shift = (built.origin - flat.origin).square().sum(-1).mean(1).sqrt()
    impossible = clashes(built, molecule, span) | isomerized(built, flat, span) | (shift > settings.farthest_nm)
    score = score.masked_fill(impossible, -torch.inf).unflatten(0, (structures, drawings))
    weight = torch.exp(score - score.amax(1, keepdim=True)).nan_to_num(0.0)  # all minus infinity: none is left
    total = weight.cumsum(1)
    target = uniforms[:, 0, -1:] * total[:, -1:]
    chosen = torch.searchsorted(total, target, right=True).clamp(max=drawings - 1)[:, 0]
    changed = total[:, -1] > 0
    row = torch.arange(structures) * drawings + chosen
    kept = changed[:, None, None]
    return Redrawn(
        Poses(
            torch.where(kept[..., None], built.rotation[row], before.rotation),
            torch.where(kept, built.origin[row], before.origin),
        ),
        changed,
        log_likelihood[row] * changed,
        {name: alone[row] * changed for name, alone in of_parts.items()},
        entropy[row] * changed,
    )


def isomerized(poses: Poses, before: Poses, span: range) -> torch.Tensor:
    """Whether (B,) a peptide bond of the span, or to the residue after it, has changed between trans and cis."""
    part = slice(span.start - 1, span.stop + 1)
    near = [(x.origin[:, part].diff(dim=1).norm(dim=-1) < _CIS_NM) for x in (poses, before)]
    return (near[0] != near[1]).any(1)


def clashes(poses: Poses, molecule: Molecule, span: range) -> torch.Tensor:
    """Whether (B,) an atom of the span comes too near to one of another residue."""
    beta = torch.tensor(BETA_CARBON_NM, dtype=molecule.local.dtype).expand(len(molecule.local), 1, 3)
    atoms = poses.to_atoms(torch.cat([molecule.local, beta], dim=1))
    own = atoms[:, span.start : span.stop].flatten(1, 2)
    distance = torch.cdist(own, atoms.flatten(1, 2)).unflatten(1, (len(span), 4)).unflatten(3, (-1, 4))
    nearest = distance.amin((2, 4))
    residue = torch.arange(atoms.shape[1])
    apart = (residue[span.start : span.stop, None] - residue).abs() >= _APART
    return ((nearest < _CLASH_NM) & apart).flatten(1).any(1)
