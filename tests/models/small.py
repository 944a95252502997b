"""Small settings, a code file, and subprocesses that can be killed: the parts that the model tests share.

Run as a script, it performs one stage: ``python small.py train|rollout FOLDER``, with everything inside FOLDER.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

import forked
from mdllm.config.settings.stages import LanguageSettings, RolloutSettings, TrainingSettings
from mdllm.core.records import write_npz
from mdllm.models.settings import MistralSettings

LANGUAGE = LanguageSettings(context_frames=3)
MODEL = MistralSettings(layers=2, hidden_size=32, heads=2, key_value_heads=1, intermediate_size=48, dropout=0.1)
TRAINING = TrainingSettings(batch_size=8, max_steps=60, evaluate_every=10, patience=6, learning_rate=3e-3)
ROLLOUT = RolloutSettings(frames=60, replicas=5, batch=2, top_k=4, top_p=0.9, checkpoint_every=7)
SEED = 5


def write_codes(path: Path, frames: int = 160, residues: int = 4, codebook_size: int = 6) -> None:
    """Codes that follow a hidden two-state chain, with noise."""
    rng = np.random.default_rng(0)
    hidden = np.cumsum(rng.random(frames) < 0.1) % 2
    codes = (3 * hidden[:, None] + rng.integers(0, 3, (frames, residues))) % codebook_size
    write_npz(
        path,
        codes=codes.astype(np.int32),
        frame=np.arange(frames),
        segment=np.zeros(frames, np.int32),
        codebook_size=np.array(codebook_size),
    )


def random_network(size: int):
    """A network over `size` token ids in float32, with weights large enough to have preferences."""
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(3)
    config = MistralConfig(
        vocab_size=size,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        initializer_range=0.3,
    )
    return MistralForCausalLM(config).eval()


def run_training(folder: Path) -> dict:
    from mdllm.models.training.train import train

    return train(
        folder / "codes.npz", LANGUAGE, MODEL, TRAINING, SEED, folder / "out", folder / "work_train", threads=1
    )


def run_rollout(folder: Path) -> dict:
    from mdllm.models.rollout.run import rollout

    return rollout(
        folder / "codes.npz",
        folder / "out" / "model",
        LANGUAGE,
        ROLLOUT,
        SEED,
        folder / "rollout.npz",
        folder / "work_rollout",
        threads=1,
    )


def environment() -> dict[str, str]:
    """Environment of a process that imports the library and these tests."""
    root = Path(__file__).resolve().parents[2]
    paths = [str(root / "src"), str(root / "tests"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


def start(stage: str, folder: Path, script: str = __file__) -> subprocess.Popen:
    """The stage of a script like this one in a process of its own."""
    return subprocess.Popen(
        [forked.python(), script, stage, str(folder)], env=environment(), stderr=subprocess.PIPE, process_group=0
    )


def interrupt(
    stage: str, folder: Path, checkpoint: str, number: signal.Signals, script: str = __file__
) -> tuple[int, str]:
    """Start the stage, send the signal once a file that matches `checkpoint` exists: exit status and messages.

    A stage that ends before it is hit has shown nothing, and fails.
    """
    process = start(stage, folder, script)
    while not any(folder.glob(checkpoint)):
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.002)
    os.killpg(process.pid, number)
    _, messages = process.communicate()
    return process.returncode, messages.decode()


if __name__ == "__main__":
    {"train": run_training, "rollout": run_rollout}[sys.argv[1]](Path(sys.argv[2]))
