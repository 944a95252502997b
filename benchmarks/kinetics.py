"""Generation of sequences: states/s of one chain and of many replicas at once. Writes records/kinetics.json.

Four codes as in config/systems/four_state.yaml, contexts as in alanine_psi.yaml; weights are random, since speed does
not depend on them.
"""

import os
import time

import numpy as np
import torch
from record import write_record

from mdllm.config.settings.stages import RolloutSettings
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import build_model
from mdllm.models.rollout.generation import frame_generator
from mdllm.models.rollout.sampling import FrameUniforms
from mdllm.models.settings import LstmSettings, MarkovSettings, NanoGptSettings

CODES, CONTEXT, KEEP = 4, 32, 16
REPLICAS = (1, 16, 64, 250, 500)
SECONDS = 4.0
MODELS = {
    "nanogpt": NanoGptSettings(name="nanogpt", hidden_size=32, heads=2),
    "nanogpt_gpt2": NanoGptSettings(name="nanogpt", decoder="gpt2", hidden_size=32, heads=2),
    "lstm": LstmSettings(name="lstm"),
    "lstm_1024": LstmSettings(name="lstm", embedding_size=128, hidden_size=1024),
    "markov": MarkovSettings(name="markov"),
}


def states_per_s(network, vocabulary: Vocabulary, replicas: int) -> float:
    """Over whole cycles of the growing context, after one cycle of warming up."""
    settings = RolloutSettings(keep_frames=KEEP, top_k=CODES, top_p=1.0)
    generator = frame_generator(network, vocabulary, CONTEXT, settings, 0)
    context = np.random.default_rng(0).integers(0, CODES, (replicas, CONTEXT, 1))
    uniforms = FrameUniforms(0, np.arange(replicas), 1)
    frame, made, started = 0, 0, None
    while True:
        for _ in range(generator.period):
            codes = generator.next_frame(context, uniforms.of(frame)).codes
            context = np.concatenate([context[:, 1:], codes[:, None]], axis=1)
            frame += 1
        if started is None:
            started = time.perf_counter()
            continue
        made += generator.period * replicas
        if time.perf_counter() - started > SECONDS:
            return made / (time.perf_counter() - started)


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(0)
    vocabulary = Vocabulary.from_scratch(1, CODES)
    results = {}
    for name, settings in MODELS.items():
        network = build_model(settings, vocabulary, CONTEXT + 1).eval()
        speeds = {count: round(states_per_s(network, vocabulary, count)) for count in REPLICAS}
        results[name] = {"states_per_s": speeds, "ratio_to_one_chain": round(max(speeds.values()) / speeds[1], 1)}
    write_record("kinetics", results)


if __name__ == "__main__":
    main()
