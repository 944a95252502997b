"""Small settings of a pretrained model in both languages; the counterpart of `models.small`.

Run as a script, it trains: ``python pretrained_small.py codes|text FOLDER``, with base and everything else in FOLDER.
"""

import signal
import sys
from pathlib import Path

from mdllm.config.settings.stages import LanguageSettings, RolloutSettings, TrainingSettings
from mdllm.models.settings import PretrainedSettings
from models.small import interrupt

TRAINING = TrainingSettings(
    precision="bfloat16",
    optimizer="adamw_8bit",
    batch_size=2,
    accumulation=2,
    max_steps=6,
    evaluate_every=2,
    learning_rate=2e-3,
    validation_share=0.1,
)
ROLLOUT = RolloutSettings(frames=6, replicas=3, batch=2, checkpoint_every=2)
SEED = 5


def language(form: str) -> LanguageSettings:
    return LanguageSettings(form=form, context_frames=3, time_reversed=False)


def model(folder: Path, **changes) -> PretrainedSettings:
    return PretrainedSettings(name="pretrained", base=str(folder / "base"), device="cpu", **changes)


def run_training(form: str, folder: Path, training: TrainingSettings = TRAINING, **changes) -> dict:
    from mdllm.models.training.train import train

    return train(
        folder / "codes.npz",
        language(form),
        model(folder, **changes),
        training,
        SEED,
        folder / "out",
        folder / "work_train",
        threads=1,
    )


def interrupt_training(form: str, folder: Path, number: signal.Signals) -> tuple[int, str]:
    """Send the signal to a training in a process of its own, after its first checkpoint: exit status and messages."""
    return interrupt(form, folder, "work_train/checkpoint-2/complete", number, __file__)


def run_rollout(form: str, folder: Path) -> dict:
    from mdllm.models.rollout.run import rollout

    return rollout(
        folder / "codes.npz",
        folder / "out" / "model",
        language(form),
        ROLLOUT,
        SEED,
        folder / "rollout.npz",
        folder / "work_rollout",
        threads=1,
    )


if __name__ == "__main__":
    run_training(sys.argv[1], Path(sys.argv[2]))
