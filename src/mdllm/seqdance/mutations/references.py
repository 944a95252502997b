"""What a score of mutations has to beat: substitution matrices, hydrophobicity, and ESM2's own likelihood.

Each is the larger the better a mutation is thought to be. Axes: M mutants, T tokens.
"""

from collections.abc import Sequence

import numpy as np
import torch
from Bio.Align import substitution_matrices
from Bio.SeqUtils.ProtParamData import kd
from tqdm import tqdm
from transformers import EsmForMaskedLM

from mdllm.seqdance.mutations.mutants import substitutions
from mdllm.seqdance.tokens import MASK, VOCABULARY, encode

_BATCH_TOKENS = 2**14


def blosum62(mutants: Sequence[str]) -> np.ndarray:
    """Sum (M,) of BLOSUM62 over the substitutions."""
    matrix = substitution_matrices.load("BLOSUM62")
    return np.array([sum(matrix[old, new] for old, _, new in substitutions(mutant)) for mutant in mutants])


def hydrophobicity(mutants: Sequence[str]) -> np.ndarray:
    """Minus the sum (M,) of the changes of hydropathy (Kyte & Doolittle, J. Mol. Biol. 157, 105, 1982), in size."""
    return np.array([-sum(abs(kd[new] - kd[old]) for old, _, new in substitutions(mutant)) for mutant in mutants])


@torch.inference_mode()
def masked_likelihood(model: EsmForMaskedLM, sequence: str, mutants: Sequence[str]) -> np.ndarray:
    """Sum (M,) of log p(new) - log p(old) at each changed position, which is masked in the wild type, in nats.

    Masked marginals of Meier et al., NeurIPS 34 (2021), for several substitutions added up.
    """
    tokens = torch.from_numpy(encode([sequence]))
    positions = sorted({position for mutant in mutants for _, position, _ in substitutions(mutant)})
    each = max(1, _BATCH_TOKENS // len(tokens))
    found = {}
    for first in tqdm(range(0, len(positions), each), desc="likelihoods", unit="batch", mininterval=1):
        own = positions[first : first + each]
        rows = tokens.repeat(len(own), 1)
        rows[torch.arange(len(own)), own] = MASK
        logits = model(rows.to(model.device)).logits[torch.arange(len(own)), own].log_softmax(-1).double().cpu().numpy()
        found |= dict(zip(own, logits, strict=True))
    return np.array(
        [
            sum(
                found[p][VOCABULARY.index(new)] - found[p][VOCABULARY.index(old)]
                for old, p, new in substitutions(mutant)
            )
            for mutant in mutants
        ]
    )
