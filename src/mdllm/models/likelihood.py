"""A model's conditional over what may stand at a position: its logits, restricted to the ids that are admitted there.

Axes: R replicas or windows, L residues, K codebook size, V token ids.
"""

import numpy as np
import torch

from mdllm.language.text.language import TextLanguage
from mdllm.language.windows import IGNORED


def code_log_probabilities(logits: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (..., K) in nats of the ids `allowed` (K,), from `logits` (..., V); no other token exists."""
    return logits[..., allowed].float().log_softmax(-1)


def token_log_probabilities(logits: torch.Tensor, tokens: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Log-probability (R, T) in nats of each token among those that may stand at its position.

    Args:
        logits: (R, T, V), row t from the position before token t.
        tokens: (R, T) token ids.
        allowed: (T, K) ids that may stand at each position.
    """
    candidates = logits.gather(-1, allowed.expand(len(logits), -1, -1)).float()
    chosen = logits.gather(-1, tokens[..., None])[..., 0].float()
    return chosen - candidates.logsumexp(-1)


def window_loss(
    logits: torch.Tensor, labels: torch.Tensor, ids: torch.Tensor, counted: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Negative log-probability in nats per code of a batch of windows, each label predicted one position earlier.

    This is the usual loss of a causal language model, except that only codes compete for a position: what else the
    vocabulary holds is neither trained nor ever drawn.

    Args:
        logits: (R, T, V).
        labels: (R, T) token ids of whole frames, `IGNORED` where the loss does not count.
        ids: (L, K) allowed ids of each residue; T is a multiple of L.
        counted: number of labels to divide by, if not those of this batch (accumulated gradients).
    """
    allowed = ids.repeat(labels.shape[1] // len(ids), 1)[1:]
    labels = labels[:, 1:]
    counts = labels != IGNORED
    log_p = token_log_probabilities(logits[:, :-1], labels.where(counts, 0), allowed)
    return -(log_p * counts).sum() / (counts.sum() if counted is None else counted)


def symbol_log_probabilities(
    logits: torch.Tensor, states: np.ndarray, ends: np.ndarray, language: TextLanguage
) -> torch.Tensor:
    """Log-probabilities (T, 11), float64, nats, of the symbols of the grammar; minus infinity where one may not stand.

    The probability of a frame is the product over its symbols: as every path through the grammar ends in a
    well-formed frame, the probabilities of all frames sum to one.

    Args:
        logits: (T, V), each from the position before the symbol.
        states: (T,) states of the grammar before each symbol.
        ends: (T,) token ids that would end the code at hand.
        language: grammar and token ids.
    """
    digits = torch.as_tensor(language.digits, device=logits.device)
    last = torch.as_tensor(ends, device=logits.device)[:, None]
    candidates = torch.cat([logits[:, digits], logits.gather(-1, last)], dim=-1).double()
    allowed = torch.as_tensor(language.grammar.allowed[states], device=logits.device)
    return candidates.masked_fill(~allowed, -torch.inf).log_softmax(-1)
