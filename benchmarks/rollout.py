"""Rollout against `generate` called frame by frame, one replica after another. Writes records/rollout.json.

Both sides have the same model (preset `cpu`, random weights, the size of Trp-cage at 128 codes), the same sampling, the
same number of frames and one thread, and take turns; the ratio of frames per second is what counts.
"""

import statistics
import time

import numpy as np
import torch
from record import write_record

from mdllm.config.settings.stages import StageSettings
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import build_model
from mdllm.models.rollout.generation import FrameGenerator
from mdllm.models.rollout.sampling import frame_uniforms

RESIDUES, CODEBOOK_SIZE = 20, 128
FRAMES, ROUNDS, THREADS, SEED = 4, 5, 1, 0


def by_batch(model, vocabulary: Vocabulary, start: np.ndarray, settings) -> np.ndarray:
    """Codes (R, T, L) by the library: all replicas of `start` (R, N, L) at once, the prefix computed once per frame."""
    generator = FrameGenerator(model, vocabulary, start.shape[1], settings)
    context, frames = start, []
    for frame in range(FRAMES):
        uniforms = frame_uniforms(SEED, np.arange(len(start)), frame, RESIDUES)
        frames.append(generator.next_frame(context, uniforms).codes[:, None])
        context = np.concatenate([context[:, 1:], frames[-1]], axis=1)
    return np.concatenate(frames, axis=1)


def by_generate(model, vocabulary: Vocabulary, start: np.ndarray, settings) -> np.ndarray:
    """Codes (R, T, L) by one call of transformers' `generate` for each frame of each replica."""
    allowed = vocabulary.ids.tolist()
    replicas = []
    for context in start:
        history = context
        for _ in range(FRAMES):
            tokens = torch.tensor(vocabulary.encode(history[-start.shape[1] :]))[None]
            output = model.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=RESIDUES,
                do_sample=True,
                temperature=settings.temperature,
                top_k=settings.top_k,
                top_p=settings.top_p,
                prefix_allowed_tokens_fn=lambda _, row: allowed[len(row) % RESIDUES],
            )
            history = np.concatenate([history, vocabulary.decode(output[0, -RESIDUES:].numpy())])
        replicas.append(history[start.shape[1] :])
    return np.stack(replicas)


def frames_per_s(rollout, *arguments) -> float:
    started = time.monotonic()
    codes = rollout(*arguments)
    return codes.shape[0] * codes.shape[1] / (time.monotonic() - started)


def main() -> None:
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    stages = StageSettings()
    context_frames, settings = stages.language.context_frames, stages.rollout
    vocabulary = Vocabulary.from_scratch(RESIDUES, CODEBOOK_SIZE)
    model = build_model(stages.model, vocabulary, (context_frames + 1) * RESIDUES).eval()
    start = np.random.default_rng(SEED).integers(0, CODEBOOK_SIZE, (settings.batch, context_frames, RESIDUES))
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(frames_per_s(by_batch, model, vocabulary, start, settings))
        theirs.append(frames_per_s(by_generate, model, vocabulary, start, settings))
    write_record(
        "rollout",
        {
            "threads": THREADS,
            "replicas": settings.batch,
            "frames_per_replica": FRAMES,
            "context_frames": context_frames,
            "residues": RESIDUES,
            "parameters": model.num_parameters(),
            "rollout_frames_per_s": round(statistics.median(ours), 1),
            "generate_frames_per_s": round(statistics.median(theirs), 1),
            "ratio_median": round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 1),
            "ratio_lowest": round(min(a / b for a, b in zip(ours, theirs, strict=True)), 1),
        },
    )


if __name__ == "__main__":
    main()
