"""Causal trace of a nanogpt: corrupt the embeddings of a context, restore one position in one layer, and look what of
the prediction comes back.

The total effect is p - p*, the indirect effect of (position, layer) is p*(restored) - p*, where p is the probability of
the code that follows in MD after the clean context, p* after the corrupted one. Layer 0 is the embedding, layer l the
output of block l.

Source: nano-GPT (J. Chem. Theory Comput. 2025, 10.1021/acs.jctc.5c00180), appendix A.2, after Meng et al., arXiv
2202.05262. Noise, length and choice of windows are ours. Axes: R windows, T tokens, H hidden size, V token ids.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mdllm.config.settings.kinetics import CausalTraceSettings
from mdllm.core.errors import InputError
from mdllm.language.forms import load_language
from mdllm.language.series import CodeSeries
from mdllm.language.windows import window_starts
from mdllm.models.base import load_model
from mdllm.models.nanogpt import NanoGpt, layers

Edit = Callable[[torch.Tensor], torch.Tensor]


def causal_trace(
    codes_file: Path, model_folder: Path, settings: CausalTraceSettings, seed: int, output_file: Path, threads: int
) -> dict:
    """Write the table of effects (CSV): kind (the code stays or moves), layer, position (0 is the last frame),
    indirect_effect and its standard error over windows, total_effect and its standard error, and windows.

    Args:
        codes_file: npz that `CodeSeries.load` reads; windows are taken evenly spread from all frames.
        model_folder: the folder `model` of a nanogpt.
        settings: the config section `causal_trace`.
        seed: of the noise.
        threads: CPU threads.

    Returns:
        windows of each kind, for the provenance record.

    Raises:
        InputError: frames with several codes, a context longer than the model's, or no window that is long enough.
    """
    torch.set_num_threads(threads)
    series, model = CodeSeries.load(codes_file), load_model(model_folder)
    if series.residues != 1:
        raise InputError("causal_trace: frames have several codes; it is made for one code per frame")
    positions = model.config.max_position_embeddings
    if settings.frames > positions:
        raise InputError(f"causal_trace.frames {settings.frames} is more than the {positions} positions of the model")
    vocabulary = load_language(model_folder / "vocabulary.json")
    trace = Trace(model, settings, torch.Generator().manual_seed(seed))
    tables, counts = [], {}
    for kind, codes in chosen_windows(series, settings).items():
        counts[kind] = len(codes)
        if len(codes):
            tokens = torch.as_tensor(vocabulary.encode(codes[..., None]))
            tables.append(trace.effects(tokens[:, :-1], tokens[:, -1]).assign(kind=kind, windows=len(codes)))
    pd.concat(tables, ignore_index=True).to_csv(output_file, index=False)
    return {"windows": counts}


def chosen_windows(series: CodeSeries, settings: CausalTraceSettings) -> dict[str, np.ndarray]:
    """Codes (R, frames + 1) of windows whose last code stays that of the frame before, or moves; evenly spread."""
    starts = window_starts(series.stretches(), settings.frames + 1, 1)
    if not len(starts):
        raise InputError(f"causal_trace.frames {settings.frames}: every contiguous stretch of frames is shorter")
    codes = series.codes[:, 0]
    moves = codes[starts + settings.frames] != codes[starts + settings.frames - 1]
    found = {}
    for kind, of_kind in (("stays", starts[~moves]), ("moves", starts[moves])):
        spread = np.unique(np.linspace(0, len(of_kind) - 1, min(settings.windows, len(of_kind))).round().astype(int))
        found[kind] = codes[of_kind[spread][:, None] + np.arange(settings.frames + 1)]
    return found


class Trace:
    """Runs of one model with edited hidden states.

    Args:
        model: in evaluation mode.
        settings: noise and the share of the context that it falls on.
        generator: of the noise.
    """

    def __init__(self, model: NanoGpt, settings: CausalTraceSettings, generator: torch.Generator):
        self.model, self.settings, self.generator = model, settings, generator
        self.layers = layers(model)

    @torch.inference_mode()
    def effects(self, context: torch.Tensor, following: torch.Tensor) -> pd.DataFrame:
        """Effects of every layer and position, for contexts (R, T) and the tokens (R,) that follow."""
        noise = self.noise(context)
        clean, hidden = self.clean_run(context, following)
        corrupted = self.probabilities(context, following, {0: lambda states: states + noise})
        total = (clean - corrupted).numpy()
        rows = []
        length = context.shape[1]
        for layer in range(len(self.layers)):
            for position in tqdm(range(length), desc=f"layer {layer}", unit="position", mininterval=1):
                restored = self.restored(context, following, noise, hidden, layer, [position])
                indirect = (restored - corrupted).numpy()
                rows.append((layer, position - length + 1, *_mean(indirect), *_mean(total)))
        columns = ["layer", "position", "indirect_effect", "indirect_error", "total_effect", "total_error"]
        return pd.DataFrame(rows, columns=columns)

    def noise(self, context: torch.Tensor) -> torch.Tensor:
        """Noise (R, T, H) on the first positions, zero on the others."""
        weights = self.model.get_input_embeddings().weight
        size = (*context.shape, weights.shape[1])
        drawn = torch.randn(size, generator=self.generator) * self.settings.noise * weights.std()
        drawn[:, round(self.settings.corrupted * context.shape[1]) :] = 0
        return drawn

    def clean_run(self, context: torch.Tensor, following: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Probabilities (R,) of the following tokens, and the hidden states (R, T, H) of every layer."""
        seen: dict[int, torch.Tensor] = {}

        def remember(layer: int) -> Edit:
            return lambda states: seen.setdefault(layer, states)

        p = self.probabilities(context, following, {layer: remember(layer) for layer in range(len(self.layers))})
        return p, [seen[layer] for layer in range(len(self.layers))]

    def restored(
        self,
        context: torch.Tensor,
        following: torch.Tensor,
        noise: torch.Tensor,
        hidden: list[torch.Tensor],
        layer: int,
        positions: list[int],
    ) -> torch.Tensor:
        """Probabilities (R,) after the corrupted context with the clean states of `positions` in `layer`."""

        def restore(states: torch.Tensor) -> torch.Tensor:
            states = states.clone()
            states[:, positions] = hidden[layer][:, positions]
            return states

        if layer == 0:
            return self.probabilities(context, following, {0: lambda states: restore(states + noise)})
        return self.probabilities(context, following, {0: lambda states: states + noise, layer: restore})

    @torch.inference_mode()
    def probabilities(self, context: torch.Tensor, following: torch.Tensor, edits: dict[int, Edit]) -> torch.Tensor:
        """Probabilities (R,) of `following`, where the output of each layer in `edits` is replaced."""
        with ExitStack() as stack:
            for layer, edit in edits.items():
                stack.enter_context(_edited(self.layers[layer], edit))
            logits = self.model(context).logits[:, -1]
        return logits.double().softmax(-1).gather(-1, following[:, None])[:, 0]


@contextmanager
def _edited(module: torch.nn.Module, edit: Edit) -> Iterator[None]:
    handle = module.register_forward_hook(lambda _, __, output: edit(output))
    try:
        yield
    finally:
        handle.remove()


def _mean(values: np.ndarray) -> tuple[float, float]:
    """Mean and its standard error over windows; no error of a single one."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
