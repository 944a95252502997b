"""Entropy held: a temperature of each replica, from frame to frame, so that frames stay as uncertain as those after MD.

The mean entropy per code of what a model draws after contexts of MD is held in the rollout, in the spirit of
isoentropic sampling: where a model has led itself into contexts of which it is too sure, or too unsure, the temperature
rises or falls. Codes of a frame are drawn one after the other, so that its entropy is known only when it is drawn;
hence one temperature for a frame, and a controller that corrects it for the next one. A temperature for each code could
be exact, but would make every residue as uncertain as every other, and residues differ for good reason.

    log T' = log T + g (H - h) / H,    0.5 <= T' <= 2

with h the mean entropy per code of the last frame at its own temperature T, g = 0.2, and H what is to be held. The sum
over frames telescopes: unless a limit is met, the mean of h over t frames misses H by at most H log(2) / (g t), which
is 1.7 % of H after 200 frames. Entropies are those before top-k, top-p and the cutoff: where nothing drifts, T stays 1.

Axes: R replicas, W contexts, N context frames, L residues.
"""

import numpy as np

from mdllm.models.rollout.generation import FrameGenerator
from mdllm.models.rollout.text_generation import TextFrameGenerator

GAIN = 0.2
LOWEST, HIGHEST = 0.5, 2.0
_CONTEXTS, _BATCH = 256, 32
_DRAWS = 7  # apart from those of replicas


def next_temperature(temperature: np.ndarray, entropy: np.ndarray, held: float) -> np.ndarray:
    """Temperatures (R,) of the next frame, after one whose codes had the mean entropies (R,) at `temperature` (R,)."""
    return np.clip(temperature * np.exp(GAIN * (held - entropy) / held), LOWEST, HIGHEST)


def entropy_after(generator: FrameGenerator | TextFrameGenerator, contexts: np.ndarray, seed: int) -> float:
    """Mean entropy per code, nats, of the frames that a generator draws after contexts (W, N, L), at temperature 1.

    At most 256 contexts are asked, evenly spread, in batches of one size.
    """
    batch = min(_BATCH, len(contexts))
    count = min(_CONTEXTS, len(contexts)) // batch * batch
    chosen = contexts[np.linspace(0, len(contexts) - 1, count).round().astype(int)]
    uniforms = np.random.default_rng([seed, _DRAWS]).random((count, generator.draws))
    parts = [
        generator.next_frame(chosen[first : first + batch], uniforms[first : first + batch]).entropy
        for first in range(0, count, batch)
    ]
    return float(np.concatenate(parts).mean() / contexts.shape[-1])
