"""What a base learns by: the likelihood of codes, and of where steps lie as seen from them.

Axes: W windows, B rows of them.
"""

import torch

from mdllm.bases.network import BaseNetwork
from mdllm.bases.rows import ViewsOfRows
from mdllm.tokenizers.chain.codebook import Codebook

_OFFSET_WEIGHT = 0.25  # of their likelihood beside that of codes


class Judged(torch.nn.Module):
    """A network as the Trainer wants it: the loss of a batch, and what its windows add up to (W, 4).

    These are sums over the rows of a window: the nats of the code; how far the offset is from the one that was told, nm
    and radian; and one each, for the mean. So processes that validate together have as many of them as windows, which
    they share evenly, as they do not share rows. Offsets are learned by the likelihood of Laplace's distribution, whose
    centre outliers do not move; its widths are the network's parameters.
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
        errors = [losses, missed[:, :3].norm(dim=1), missed[:, 3:].norm(dim=1), torch.ones_like(losses)]
        sums = torch.zeros(len(batch["disturbed"]), len(errors), device=losses.device)
        sums = sums.index_add(0, batch["window"], torch.stack(errors, dim=1).detach())
        return {"loss": losses.mean() + _OFFSET_WEIGHT * wide.mean(), "logits": sums}
