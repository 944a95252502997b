"""Proposals from a base: what a structure, or frames of a trajectory, might look like elsewhere, without any MD.

A proposal is a start structure in which spans of residues were redrawn, one after the other, each at a random place.
Proposals come in groups: those of a group redraw the same spans of different starts. A group is drawn from its own
seed, so that groups can be made in any order and by several processes. Nothing is said of where to look.

Axes: P proposals, L residues, G proposals of a group, M drawings.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from mdllm.bases.base import Base
from mdllm.bases.poses import of_backbone
from mdllm.bases.proteins import residue_types_of
from mdllm.bases.settings import ProposalSettings
from mdllm.bases.spans import Knowledge, Molecule, of_base, redraw
from mdllm.core.errors import InputError
from mdllm.tokenizers.chain.settings import ChainSettings
from mdllm.tokenizers.chain.tokenizer import coder_of
from mdllm.tokenizers.rigid.poses import local_atoms
from mdllm.tokenizers.rigid.reference import align


@dataclass(frozen=True)
class Proposals:
    """A group of proposals.

    Attributes:
        backbone: (G, L, 3, 3) N, CA, C in nm.
        start: (G,) index of the structure that each began from.
        first, last: (moves,) residues of the spans, last included.
        changed: (G,) number of spans that were redrawn; the others could not be closed without a clash.
        log_likelihood: (G,) of all codes drawn, nats, at temperature 1.
        of_parts: (G,) the same under each of the parts that were joined, by name; see `mdllm.bases.base.Told`.
        entropy: (G,) of what they were drawn from, summed, nats.
    """

    backbone: np.ndarray
    start: np.ndarray
    first: np.ndarray
    last: np.ndarray
    changed: np.ndarray
    log_likelihood: np.ndarray
    of_parts: dict[str, np.ndarray]
    entropy: np.ndarray


class Proposer:
    """Makes proposals for one molecule.

    Args:
        base: what knows proteins.
        backbone: start structures (F, L, 3, 3), N, CA, C in nm.
        sequence: (L) one-letter codes.
        settings: how spans are redrawn.

    Raises:
        InputError: the base speaks another language than the tokenizer `chain`, the sequence is not that of the
            structures, or no stretch without a gap is long enough for a span.
    """

    def __init__(self, base: Base, backbone: np.ndarray, sequence: str, settings: ProposalSettings):
        self.base, self.settings, self.starts = base, settings, backbone
        self.coder = coder_of(backbone, ChainSettings(name="chain", codebook_size=base.hidden))
        if not np.array_equal(self.coder.steps.vectors(), base.steps.vectors()):
            raise InputError(
                f"the base was trained on other codes than those of the tokenizer chain with {base.hidden} codes; make "
                "it anew (snakemake base_NAME), or take the version of mdllm that made it"
            )
        stretches, residues = self.coder.starts, backbone.shape[1]
        if len(sequence) != residues:
            raise InputError(f"a sequence of {len(sequence)} residues for structures of {residues}")
        self.molecule = Molecule(
            torch.from_numpy(residue_types_of(sequence)),
            torch.from_numpy(local_atoms(align(backbone, self.coder.reference))),
            torch.from_numpy(np.isin(np.arange(residues), stretches)),
        )
        # The first residue of a stretch holds its place; so does the last one, unless ends are free.
        held = 0 if settings.free_ends else 1
        ends = [end - held for end in (*stretches[1:], residues)]
        self.stretches = [(first + 1, end) for first, end in zip(stretches, ends, strict=True)]
        if all(end - first < settings.shortest_span for first, end in self.stretches):
            raise InputError(f"no stretch of chain has {settings.shortest_span} residues that may move (shortest_span)")

    def spans(self, rng: np.random.Generator) -> list[range]:
        """Random spans, one for each move: length first, then the place, among all where it fits."""
        chosen = []
        for _ in range(self.settings.moves):
            length = rng.integers(self.settings.shortest_span, self.settings.longest_span + 1)
            length = min(length, max(end - first for first, end in self.stretches))
            places = [place for first, end in self.stretches for place in range(first, end - length + 1)]
            place = places[rng.integers(len(places))]
            chosen.append(range(place, place + length))
        return chosen

    def group(self, number: int, seed: int, knowledge: Knowledge | None = None) -> Proposals:
        """Group `number`; `knowledge` replaces that of the base, for a null. The spans are the same whatever it is."""
        settings = self.settings
        rng = np.random.default_rng([seed, number])
        spans = self.spans(rng)
        start = rng.integers(len(self.starts), size=settings.group)
        poses = of_backbone(self.starts[start])
        changed = np.zeros(settings.group, int)
        log_likelihood, entropy = np.zeros((2, settings.group))
        of_parts: dict[str, np.ndarray] = defaultdict(partial(np.zeros, settings.group))
        for span in spans:
            codes = self.base.steps.nearest(poses.to_atoms(self.molecule.local).numpy())
            uniforms = torch.from_numpy(rng.random((settings.group, settings.drawings, len(span) + 2)))
            made = redraw(
                self.base,
                knowledge or of_base(self.base),
                self.molecule,
                poses,
                torch.from_numpy(codes),
                span,
                settings,
                uniforms,
            )
            poses = made.poses
            changed += made.changed.numpy()
            log_likelihood += made.log_likelihood.numpy()
            for name, alone in made.of_parts.items():
                of_parts[name] += alone.numpy()
            entropy += made.entropy.numpy()
        return Proposals(
            poses.to_atoms(self.molecule.local).numpy(),
            start,
            np.array([span.start for span in spans]),
            np.array([span.stop - 1 for span in spans]),
            changed,
            log_likelihood,
            dict(of_parts),
            entropy,
        )
