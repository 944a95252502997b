"""Small settings, a code file, and subprocesses that can be killed: the parts that the model tests share.

Run as a script, it performs one stage: ``python small.py finetune|rollout FOLDER``, with everything inside FOLDER.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from mdllm.core.records import write_npz
from mdllm.core.settings import LanguageSettings, RolloutSettings, ScratchModel, TrainingSettings

LANGUAGE = LanguageSettings(context_frames=3)
MODEL = ScratchModel(layers=2, hidden_size=32, heads=2, key_value_heads=1, intermediate_size=48, dropout=0.1)
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


def run_finetune(folder: Path) -> dict:
    from mdllm.models.training import finetune

    return finetune(
        folder / "codes.npz", LANGUAGE, MODEL, TRAINING, SEED, folder / "out", folder / "work_finetune", threads=1
    )


def run_rollout(folder: Path) -> dict:
    from mdllm.models.rollout import rollout

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


def start(stage: str, folder: Path) -> subprocess.Popen:
    """The stage in a process of its own."""
    paths = [str(Path(__file__).resolve().parents[2] / "src"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, __file__, stage, str(folder)], env=environment, stderr=subprocess.PIPE)


def interrupt(stage: str, folder: Path, checkpoint: str, number: signal.Signals) -> tuple[int, str]:
    """Start the stage, send the signal once a file that matches `checkpoint` exists: exit status and messages.

    A stage that ends before it is hit has shown nothing, and fails.
    """
    process = start(stage, folder)
    while not any(folder.glob(checkpoint)):
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.002)
    process.send_signal(number)
    _, messages = process.communicate()
    return process.returncode, messages.decode()


if __name__ == "__main__":
    {"finetune": run_finetune, "rollout": run_rollout}[sys.argv[1]](Path(sys.argv[2]))
