"""Models that are estimated from counts rather than trained by gradients: a Markov model of the codes.

Axes: F frames, L residues, K codebook size, W windows.
"""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mdllm.config.choices import ModelSettings
from mdllm.core.records import write_json
from mdllm.language.baselines import Baselines
from mdllm.language.forms import Language
from mdllm.language.series import CodeSeries
from mdllm.language.windows import Split
from mdllm.models.base import keep_kind


def estimate(
    settings: ModelSettings,
    network,
    series: CodeSeries,
    parts: Split,
    baseline: Baselines,
    language: Language,
    folder: Path,
) -> dict:
    """Estimate a model on the training side, judge it as trained models are judged, and write it into `folder`/model.

    Returns:
        the content of `training.json`; the loss is in nats per code.
    """
    stretches = series.stretches()
    started = time.monotonic()
    notes = network.estimate(series.codes[: parts.training_frames], stretches[: parts.training_frames])
    report = {
        "validation_loss": validation_loss(network, series, parts),
        **baseline.report(),
        "steps": 0,
        "best_step": 0,
        "training_frames": parts.training_frames,
        "context_frames": 1,
        "frames_per_step": network.frames_per_step,
        "parameters": network.log_transition.numel(),
        "device": "cpu",
        "processes": 1,
        "training_seconds": round(time.monotonic() - started, 1),
        **notes,
    }
    network.save_pretrained(folder / "model")
    keep_kind(settings, folder / "model")
    language.save(folder / "model" / "vocabulary.json")
    columns = ["step", "epoch", "training_loss", "validation_loss", "learning_rate"]
    log = pd.DataFrame([[0, 0.0, np.nan, report["validation_loss"], np.nan]], columns=columns)
    log.to_csv(folder / "training_log.csv", index=False)
    write_json(folder / "model" / "training.json", report)
    return report


@torch.inference_mode()
def validation_loss(network, series: CodeSeries, parts: Split) -> float:
    """Nats per code of the judged frames, each given the frame that stands before it by the lag.

    A transition that training never saw would cost an infinity; so every row counts one transition more, shared out
    by the stationary distribution. What is generated is not smoothed.
    """
    lag, stretches = network.frames_per_step, series.stretches()
    judged = parts.judged.ravel()
    judged = judged[stretches[np.maximum(judged - lag, 0)] == stretches[judged]]
    before, after = series.codes[judged - lag], series.codes[judged]
    residues = np.arange(series.residues)
    rows = np.stack(
        [np.bincount(column, minlength=series.codebook_size) for column in series.codes[: parts.training_frames].T]
    )[residues, before]
    transition = network.log_transition.exp().numpy()[residues, before, after]
    stationary = network.log_stationary.exp().numpy()[residues, after]
    smoothed = (rows * transition + np.maximum(stationary, 1 / len(series.codes))) / (rows + 1)
    return float(-np.log(smoothed).mean())
