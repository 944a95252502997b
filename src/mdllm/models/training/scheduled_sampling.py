"""Scheduled sampling in two passes: the model also learns from windows in which it has replaced tokens itself.

In update i, the token at position t of a window is that of MD with probability epsilon^(t (1 - k^i)), else one drawn
from what the model predicts there in a first pass over the MD tokens. The loss is that of a second pass over the mixed
window, against the MD tokens; both passes share all parameters, and at inference there is the first alone.

Source: nano-GPT (J. Chem. Theory Comput. 2025, 10.1021/acs.jctc.5c00180), Eq. 7 and 8; two passes as in Mihaylova &
Martins, arXiv 1906.07651. Whether predictions are drawn or the most probable ones is not printed; here they are drawn.

Axes: R windows, r of them in which a token is replaced, T tokens, V token ids.
"""

from collections.abc import Callable
from functools import partial

import torch
from transformers import Trainer

from mdllm.models.settings import NanoGptSettings, ScheduledSampling
from mdllm.models.training.objective import CodeObjective


def share_of_md(update: int, tokens: int, settings: ScheduledSampling) -> torch.Tensor:
    """Probability (T,) that each position keeps its MD token in an update, counted from 0; 1 at position 0."""
    positions = torch.arange(tokens, dtype=torch.float64)
    return settings.epsilon ** (positions * (1 - settings.k**update))


def drawn_tokens(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Tokens (R, T - 1) drawn for positions 1 to T - 1 from logits (R, T, V), among the codes `ids` (L, K)."""
    allowed = ids.repeat(-(-logits.shape[1] // len(ids)), 1)[1 : logits.shape[1]]
    candidates = allowed.expand(len(logits), -1, -1)
    chosen = torch.multinomial(logits[:, :-1].gather(-1, candidates).float().softmax(-1).flatten(0, 1), 1)
    return candidates.gather(-1, chosen.view(len(logits), -1, 1))[..., 0]


def replaced(windows: int, share: torch.Tensor) -> torch.Tensor:
    """Which tokens (R, T) of R windows are not MD's, each with probability 1 - `share` (T,)."""
    return torch.rand(windows, len(share), device=share.device, dtype=torch.float64) >= share


def mixed(tokens: torch.Tensor, chosen: torch.Tensor, draw: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Tokens (R, T) with new ones where `chosen` (R, T) says so; never at position 0.

    Args:
        draw: windows (r, T) to tokens (r, T - 1) for positions 1 to T - 1. It sees only windows in which something is
            chosen, few of them while the share of MD is high: most of a first pass is saved.
    """
    chosen = chosen[:, 1:]
    affected = chosen.any(1)
    mixture = tokens.clone()
    if affected.any():
        own = tokens[affected]
        mixture[affected, 1:] = torch.where(chosen[affected], draw(own), own[:, 1:])
    return mixture


class ScheduledSamplingTrainer(Trainer):
    """A Trainer whose training loss is that of the second pass; validation has one pass, over MD tokens."""

    def __init__(self, *args, sampling: ScheduledSampling, ids: torch.Tensor, **kwargs):
        super().__init__(*args, **kwargs)
        self.sampling, self.ids = sampling, ids

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        tokens = inputs["input_ids"]
        share = share_of_md(self.state.global_step, tokens.shape[1], self.sampling).to(tokens.device)
        if model.training and share[-1] < 1:
            # Without the wrapper of several processes, in which all would have to make this pass or none.
            network = self.accelerator.unwrap_model(model)
            chosen = replaced(len(tokens), share)
            inputs = {**inputs, "input_ids": mixed(tokens, chosen, lambda own: self._draw(network, own))}
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    @torch.no_grad()
    def _draw(self, network: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
        return drawn_tokens(network(input_ids=tokens).logits, self.ids)


def trainer(settings: NanoGptSettings, aim: CodeObjective) -> Callable[..., Trainer]:
    """The Trainer of nano-GPT."""
    return partial(ScheduledSamplingTrainer, sampling=settings.scheduled_sampling, ids=aim.ids)
