"""What the Trainer does between steps: early stopping, the progress bar, and SIGTERM."""

import torch
from accelerate.utils import reduce
from tqdm import tqdm
from transformers import TrainerCallback

from mdllm.run.preemption import Preemption


def validation_losses(log_history: list[dict]) -> list[float]:
    """Validation losses in nats per code, in order of time, from a Trainer's log."""
    return [entry["eval_nats_per_code"] for entry in log_history if "eval_nats_per_code" in entry]


def out_of_patience(log_history: list[dict], patience: int) -> bool:
    """True where the last `patience` validations have not improved on the best one before them."""
    losses = validation_losses(log_history)
    return len(losses) > patience and min(losses[-patience:]) >= min(losses[:-patience])


class StopWithoutImprovement(TrainerCallback):
    """Early stopping that keeps no state of its own but reads the log, so that a resumed run decides alike."""

    def __init__(self, patience: int):
        self.patience = patience

    def on_evaluate(self, args, state, control, **kwargs):
        control.should_training_stop |= out_of_patience(state.log_history, self.patience)


class StopWhenPreempted(TrainerCallback):
    """Checkpoint and stop at the step at which SIGTERM is seen, by all processes if by one of them."""

    def __init__(self, preemption: Preemption):
        self.preemption = preemption

    def on_step_end(self, args, state, control, **kwargs):
        if args.world_size > 1:
            seen = torch.tensor([int(self.preemption.requested)], device=args.device)
            self.preemption.requested = bool(reduce(seen, "sum"))
        if self.preemption.requested:
            control.should_save = control.should_training_stop = True


class ProgressBar(TrainerCallback):
    """One line: steps, speed, time left, training and validation loss.

    Args:
        metric: name of the validation loss.
    """

    def __init__(self, metric: str = "nats_per_code"):
        self.metric = f"eval_{metric}"

    def on_train_begin(self, args, state, control, **kwargs):
        self.bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc="train",
            unit="step",
            mininterval=1,
            disable=not state.is_world_process_zero,
        )
        self.losses = {}

    def on_step_end(self, args, state, control, **kwargs):
        self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.losses["loss"] = f"{logs['loss']:.3f}"
        if self.metric in logs:
            self.losses["validation"] = f"{logs[self.metric]:.3f}"
        self.bar.set_postfix(self.losses, refresh=False)

    def on_train_end(self, args, state, control, **kwargs):
        self.bar.close()
