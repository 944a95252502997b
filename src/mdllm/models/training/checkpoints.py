"""Checkpoints of a training run that survive a kill at any moment.

A checkpoint counts only with the mark `complete`, which is made after all else is written and removed before anything
else is deleted. From any complete checkpoint the run continues to the same weights.
"""

import shutil
from pathlib import Path

from accelerate import PartialState
from transformers import TrainerCallback, TrainerState

_MARK = "complete"
_PREFIX = "checkpoint-"


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(_PREFIX))


def _remove(checkpoint: Path) -> None:
    (checkpoint / _MARK).unlink(missing_ok=True)
    shutil.rmtree(checkpoint)


def newest_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint of the highest step in `folder`, or None; incomplete ones are removed."""
    complete = []
    for checkpoint in folder.glob(f"{_PREFIX}*"):
        if (checkpoint / _MARK).exists():
            complete.append(checkpoint)
        else:
            _remove(checkpoint)
    return max(complete, key=_step, default=None)


def best_checkpoint(folder: Path, state: TrainerState) -> Path:
    """The checkpoint with the lowest validation loss."""
    return folder / f"{_PREFIX}{state.best_global_step}"


def read_state(checkpoint: Path) -> TrainerState:
    """Step, log and best step of a complete checkpoint."""
    return TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))


class KeepBestAndNewest(TrainerCallback):
    """Mark a new checkpoint as complete, then remove all others but the best; of several processes the first does."""

    def on_save(self, args, state, control, **kwargs):
        PartialState().wait_for_everyone()
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir)
        newest = folder / f"{_PREFIX}{state.global_step}"
        (newest / _MARK).touch()
        for checkpoint in set(folder.glob(f"{_PREFIX}*")) - {newest, best_checkpoint(folder, state)}:
            _remove(checkpoint)
