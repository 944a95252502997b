"""What a base learns by: the likelihood of codes, and of where steps lie as seen from them.

Axes: B rows.
"""

import torch

from mdllm.bases.network import BaseNetwork
from mdllm.bases.rows import ViewsOfRows
from mdllm.tokenizers.chain.codebook import Codebook

_OFFSET_WEIGHT = 0.25  # of their likelihood beside that of codes


class Judged(torch.nn.Module):
    """A network as the Trainer wants it: the loss of a batch, and errors (B, 3) of its rows.

    These are the nats of the code, and how far the offset is from the one that was told, nm and radian. Offsets are
    learned by the likelihood of Laplace's distribution, whose centre outliers do not move; its widths are the
    network's parameters.
    """

    def __init__(self, network: BaseNetwork, steps: Codebook):
        super().__init__()
        self.network, self.views = network, ViewsOfRows(steps)
        self.log_width = torch.nn.Parameter(torch.zeros(6))

    def forward(self, **batch: torch.Tensor) -> dict[str, torch.Tensor]:
        view, codes = self.views(batch), batch["labels"]
        logits, state = self.network(view)
        losses = torch.nn.functional.cross_entropy(logits, codes, reduction="none")
        missed = self.network.offsets(view, state, codes) - self.views.offsets(batch)
        wide = (missed.abs() / self.network.offset_scale / self.log_width.exp() + self.log_width).sum(1)
        errors = torch.stack([losses, missed[:, :3].norm(dim=1), missed[:, 3:].norm(dim=1)], dim=1)
        return {"loss": losses.mean() + _OFFSET_WEIGHT * wide.mean(), "logits": errors}
