"""A rollout spread over several jobs: each computes some of the batches, then one puts them together in fixed order.

Batches are the same however many jobs there are, and so is every byte of the result (see `mdllm.models.rollout.run`).
"""

from pathlib import Path

from mdllm.config.settings.stages import RolloutSettings
from mdllm.core.records import write_npz
from mdllm.models.rollout.run import merged, temperatures


def batches_of(settings: RolloutSettings) -> range:
    """Numbers of all batches of a rollout."""
    return range(-(-settings.replicas // settings.batch))


def merge_batches(settings: RolloutSettings, work_folder: Path, output_file: Path) -> dict:
    """Write the file of `mdllm.models.rollout.run.rollout` from the finished batches in `work_folder`.

    Returns:
        counts for the provenance record.
    """
    result = merged(batches_of(settings), work_folder)
    write_npz(output_file, **result)
    return {"replicas": settings.replicas, "frames": settings.frames, **temperatures(result)}
