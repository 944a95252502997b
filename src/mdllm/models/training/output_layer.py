"""The output layer brought to the optimum of its loss after training, as far as noise of the updates kept it away.

With all layers below fixed, the output layer is a multinomial logistic regression on their hidden states: its loss is
convex, and all training frames can be seen at once. At the optimum the sum over frames of h (p_c - [c follows]) is zero
for every feature h and code c: in no context that the features tell apart is a code expected more or less often than it
follows. Updates on small batches leave such differences where they cost little likelihood, as at a barrier between two
states, and it is these that shift the populations of a rollout.

Axes: W windows, n judged frames, H hidden features (one of them constant where the layer has a bias), K codes.
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from mdllm.config.settings.stages import LanguageSettings
from mdllm.language.series import CodeSeries
from mdllm.language.vocabulary import Vocabulary
from mdllm.language.windows import Split, Windows, window_starts
from mdllm.models.base import load_model
from mdllm.models.training.objective import CodeObjective

_BATCH, _ROWS = 512, 100_000
_MOST_VALUES = 2**27


def refit_saved(
    folder: Path, series: CodeSeries, parts: Split, language: LanguageSettings, vocabulary: Vocabulary, steps: int
) -> dict:
    """Fit the output layer of the model in `folder` to windows that judge every training frame once, and write it.

    Where their hidden states would take more than half a gigabyte, every n-th window does.

    Returns:
        what becomes of `training.json`: the validation loss, and both losses of the judged training frames.
    """
    model = load_model(folder)
    length = language.context_frames + 1
    starts = window_starts(series.stretches()[: parts.training_frames], length, language.judged_frames)
    directions = 2 if language.time_reversed else 1
    values = directions * len(starts) * language.judged_frames * series.residues
    starts = starts[:: -(-values * model.get_output_embeddings().in_features // _MOST_VALUES)]
    shared = (series.codes, vocabulary, language.context_frames)
    training = Windows(*shared, starts, "all", language.time_reversed)
    before, after = refit(model, vocabulary, _tokens(training), language.judged_frames, steps)
    model.save_pretrained(folder)
    validation = _tokens(Windows(*shared, parts.validation, "all", time_reversed=False))
    aim = CodeObjective(vocabulary, model.device, language.judged_frames)
    with torch.no_grad():
        judged = [aim.judged(model(batch).logits, batch) for batch in validation.to(model.device).split(_BATCH)]
    return {
        "validation_loss": -torch.cat(judged).double().mean().item(),
        "training_loss_before_refit": before,
        "training_loss_after_refit": after,
        "parameters": model.num_parameters(),
    }


def _tokens(windows: Windows) -> torch.Tensor:
    """Token ids (W, T) of all windows."""
    return torch.stack([torch.as_tensor(window["input_ids"]) for window in windows])


def refit(
    model: PreTrainedModel, vocabulary: Vocabulary, tokens: torch.Tensor, judged_frames: int, steps: int
) -> tuple[float, float]:
    """Fit the output layer of `model` to the last `judged_frames` frames of each window, in place.

    Steps are those of L-BFGS (Liu & Nocedal, Math. Program. 45, 503, 1989), from the weights that are there, in
    coordinates in which the features are uncorrelated. Half the squared change of the weights there, divided by n, is
    added to the loss, so that a code that never follows keeps finite weights. An output matrix that was the embedding
    as well becomes one of its own.

    Args:
        tokens: windows (W, T).
        steps: at most; fewer if the gradient vanishes first.

    Returns:
        losses of these frames before and after, in nats per code.
    """
    layer = _own_output_layer(model)
    hidden = _hidden_states(model, layer, tokens, judged_frames * vocabulary.residues)
    following = tokens[:, -hidden.shape[1] :].to(hidden.device)
    losses = []
    for residue, ids in enumerate(torch.as_tensor(vocabulary.ids, device=hidden.device)):
        features = hidden[:, residue :: vocabulary.residues].flatten(0, 1)
        codes = (following[:, residue :: vocabulary.residues].flatten()[:, None] == ids).int().argmax(1)
        losses.append(_fit_rows(layer, ids, features, codes, steps))
    before, after = torch.tensor(losses, dtype=torch.float64).mean(0).tolist()
    return before, after


def _own_output_layer(model: PreTrainedModel) -> nn.Linear:
    """The output layer, with a matrix that no other layer uses."""
    layer = model.get_output_embeddings()
    layer.weight = nn.Parameter(layer.weight.detach().clone())
    model.config.tie_word_embeddings = False
    return layer


@torch.no_grad()
def _hidden_states(model: PreTrainedModel, layer: nn.Linear, tokens: torch.Tensor, last: int) -> torch.Tensor:
    """What enters the output layer, (W, `last`, H), at the positions from which the last tokens are predicted."""
    kept = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0][:, -last - 1 : -1].float()))
    model.eval()
    for batch in tokens.split(_BATCH):
        model(batch.to(model.device))
    hook.remove()
    hidden = torch.cat(kept)
    return hidden if layer.bias is None else torch.cat([hidden, torch.ones_like(hidden[..., :1])], dim=-1)


def _fit_rows(
    layer: nn.Linear, ids: torch.Tensor, features: torch.Tensor, codes: torch.Tensor, steps: int
) -> tuple[float, float]:
    """Fit the rows `ids` (K,) of the layer to `codes` (n,) after `features` (n, H): loss before and after."""
    count, size = features.shape
    moments = sum(part.double().T @ part.double() for part in features.split(_ROWS)) / count
    factor = torch.linalg.cholesky(moments + 1e-6 * moments.diagonal().mean() * torch.eye(size, device=moments.device))
    features = torch.linalg.solve_triangular(factor.to(features.dtype), features.T, upper=False).T
    rows = layer.weight.detach()[ids]
    if layer.bias is not None:
        rows = torch.cat([rows, layer.bias.detach()[ids, None]], dim=1)
    start = rows @ factor.to(rows.dtype)
    weights = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weights],
        max_iter=steps,
        max_eval=2 * steps,
        tolerance_change=0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )
    losses = []

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        nats = functional.cross_entropy(features @ weights.T, codes)
        losses.append(nats.item())
        (total := nats + (weights - start).square().sum() / (2 * count)).backward()
        return total

    optimizer.step(loss)
    after = functional.cross_entropy(features @ weights.detach().T, codes).item()
    fitted = torch.linalg.solve_triangular(factor, weights.detach().double(), upper=False, left=False).to(rows.dtype)
    with torch.no_grad():
        layer.weight[ids] = fitted[:, : layer.in_features]
        if layer.bias is not None:
            layer.bias[ids] = fitted[:, -1]
    return losses[0], after
