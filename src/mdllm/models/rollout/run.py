"""Rollout: a trained model continues the last training frames, as many replicas, frame after frame.

Axes: R replicas, T generated frames, L residues, N context frames. Replicas are computed in batches of fixed size and
every draw is seeded by (seed, replica, frame); so neither an interruption nor the division of batches among processes
changes a byte.
"""

import logging
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from mdllm.config.settings.stages import LanguageSettings, RolloutSettings
from mdllm.core.errors import InputError
from mdllm.core.records import read_json, read_npz, write_json, write_npz
from mdllm.language.forms import Language, load_language
from mdllm.language.series import CodeSeries
from mdllm.language.text.language import TextLanguage
from mdllm.language.windows import window_starts
from mdllm.models.base import load_model
from mdllm.models.rollout.entropy import entropy_after, next_temperature
from mdllm.models.rollout.generation import FrameGenerator, frame_generator
from mdllm.models.rollout.sampling import FrameUniforms
from mdllm.models.rollout.text_generation import TextFrameGenerator
from mdllm.run.preemption import Preemption, watch_for_preemption

logger = logging.getLogger(__name__)

_KEYS = ("codes", "log_likelihood", "entropy")
_KEYS_OF_HELD = ("temperature", "tempered_entropy")
_HELD = "held_entropy.json"


def rollout(
    codes_file: Path,
    model_folder: Path,
    language: LanguageSettings,
    settings: RolloutSettings,
    seed: int,
    output_file: Path,
    work_folder: Path,
    threads: int,
) -> dict:
    """Generate `settings.frames` frames of `settings.replicas` replicas and write them to `output_file` (npz).

    The file holds `codes` (R, T, L) int32, `log_likelihood` (R, T) and `entropy` (R, T), float64 in nats, as
    `GeneratedFrame` defines them; where the entropy of frames is held also `temperature` and `tempered_entropy` (R, T),
    and `held_entropy` (), what is held, in nats per code.

    Args:
        codes_file: npz that `CodeSeries.load` reads; the source of the first contexts (`start_frames`).
        model_folder: the folder `model` of `mdllm.models.training.train.train`.
        language, settings: config sections `language` and `rollout`.
        seed: root of all draws.
        work_folder: where checkpoints lie; it must belong to exactly these arguments.
        threads: CPU threads; another number may round differently.

    Returns:
        counts and speed for the provenance record.

    Raises:
        InputError: fewer than N contiguous frames at the end of the training frames, or `hold_entropy` of a model that
            is sure of every code.
        SystemExit: SIGTERM arrived; a checkpoint has been written.
    """
    started = time.monotonic()
    batches = range(-(-settings.replicas // settings.batch))
    made, device = run_batches(batches, codes_file, model_folder, language, settings, seed, work_folder, threads)
    result = merged(batches, work_folder)
    write_npz(output_file, **result)
    seconds = time.monotonic() - started
    return {
        "replicas": settings.replicas,
        "frames": settings.frames,
        "frames_per_s": round(made / seconds, 2),
        "mean_log_likelihood_per_code": float(result["log_likelihood"].mean() / result["codes"].shape[-1]),
        "mean_entropy_per_code": float(result["entropy"].mean() / result["codes"].shape[-1]),
        **temperatures(result),
        "device": device,
        "threads": threads,
    }


def merged(batches: range, work_folder: Path) -> dict[str, np.ndarray]:
    """What the file of `rollout` holds, from the finished batches in `work_folder`."""
    parts = [Chunks(work_folder, batch).read() for batch in batches]
    result = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    if "temperature" in result:
        result["held_entropy"] = np.array(read_json(work_folder / _HELD)["entropy_per_code_nats"])
    return result


def temperatures(result: dict[str, np.ndarray]) -> dict[str, float]:
    """Of the frames of a rollout whose entropy is held, for its record; otherwise nothing."""
    if "temperature" not in result:
        return {}
    found = result["temperature"]
    return {
        "held_entropy_per_code": float(result["held_entropy"]),
        "mean_temperature": float(found.mean()),
        "lowest_temperature": float(found.min()),
        "highest_temperature": float(found.max()),
    }


def run_batches(
    batches: range,
    codes_file: Path,
    model_folder: Path,
    language: LanguageSettings,
    settings: RolloutSettings,
    seed: int,
    work_folder: Path,
    threads: int,
) -> tuple[int, str]:
    """Complete `batches` in `work_folder`: frames made here, and the device. Processes may share the folder.

    Batch b is replicas b B to (b + 1) B - 1, with B = `settings.batch`. The arguments are those of `rollout`.
    """
    torch.set_num_threads(threads)
    model = load_model(model_folder)
    form = load_language(model_folder / "vocabulary.json")
    series = CodeSeries.load(codes_file)
    starts = start_frames(series, language.context_frames, settings)
    held = None
    if settings.hold_entropy:
        held = _held_entropy(model, form, series, model_folder, language, settings, seed, work_folder)
    made = 0
    with watch_for_preemption() as preemption:
        for batch in batches:
            first = batch * settings.batch
            replicas = np.arange(first, min(first + settings.batch, settings.replicas))
            chunks = Chunks(work_folder, batch)
            done = chunks.read()
            first = 0 if done is None else done["codes"].shape[1]
            if isinstance(form, TextLanguage):
                generator = TextFrameGenerator(model, form, language.context_frames, settings)
            else:
                generator = frame_generator(model, form, language.context_frames, settings, first)
            context = starts[replicas]
            if done is not None:
                context = np.concatenate([context, done["codes"]], axis=1)[:, -language.context_frames :]
            made += _continue(generator, chunks, first, replicas, context, settings, seed, preemption, held)
    return made, str(model.device)


def _held_entropy(
    model: PreTrainedModel,
    form: Language,
    series: CodeSeries,
    model_folder: Path,
    language: LanguageSettings,
    settings: RolloutSettings,
    seed: int,
    work_folder: Path,
) -> float:
    """What is held, nats per code: the mean of frames that follow contexts of the model's validation frames."""
    path, context = work_folder / _HELD, language.context_frames
    if not path.exists():
        kind = TextFrameGenerator if isinstance(form, TextLanguage) else FrameGenerator
        first = read_json(model_folder / "training.json")["training_frames"] + context
        windows = first + window_starts(series.stretches()[first:], context + 1, 1)
        contexts = series.codes[windows[:, None] + np.arange(context)]
        found = entropy_after(kind(model, form, context, settings), contexts, seed)
        if not found:
            raise InputError(
                "rollout.hold_entropy has no effect: after validation frames the model is sure of every code, which no "
                "temperature changes; remove it"
            )
        work_folder.mkdir(parents=True, exist_ok=True)
        write_json(path, {"entropy_per_code_nats": found})
        logger.info("frames are held at the entropy of those after validation frames, %.4f nats per code", found)
    return read_json(path)["entropy_per_code_nats"]


def start_frames(series: CodeSeries, context_frames: int, settings: RolloutSettings) -> np.ndarray:
    """Codes (R, N, L) that each replica continues.

    They are the last N training frames that follow one another, or, for `starts: spread`, windows evenly spread over
    all training frames, in a shuffled order, so that any group of replicas is spread as well.

    Raises:
        InputError: fewer than N contiguous frames.
    """
    if settings.starts == "last":
        return np.repeat(series.last_frames(context_frames)[None], settings.replicas, axis=0)
    windows = window_starts(series.stretches(), context_frames, 1)
    if not len(windows):
        raise InputError(
            f"a rollout starts from {context_frames} contiguous frames (language.context_frames), but every contiguous "
            "stretch of training frames is shorter; lower language.context_frames or give longer trajectories"
        )
    even = windows[np.linspace(0, len(windows) - 1, settings.replicas).round().astype(int)]
    shuffled = np.random.default_rng(settings.replicas).permutation(even)
    return series.codes[shuffled[:, None] + np.arange(context_frames)]


class Chunks:
    """The frames that one batch has so far, as files of consecutive frames named by their first frame."""

    def __init__(self, work_folder: Path, batch: int):
        self.folder = work_folder / f"batch-{batch:05d}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[str, np.ndarray] | None:
        """The arrays (R, t, ...) of `rollout` of the frames made; None before the first."""
        chunks = []
        frames = 0
        while (path := self._path(frames)).exists():
            chunks.append(read_npz(path))
            frames += chunks[-1]["codes"].shape[1]
        return {key: np.concatenate([chunk[key] for chunk in chunks], axis=1) for key in chunks[0]} if chunks else None

    def write(self, first: int, arrays: dict[str, np.ndarray]) -> None:
        """Add frames from number `first` on; a kill leaves either all or nothing of them."""
        write_npz(self._path(first), **arrays)

    def _path(self, first: int) -> Path:
        return self.folder / f"frames-{first:08d}.npz"


def _continue(
    generator: FrameGenerator | TextFrameGenerator,
    chunks: Chunks,
    first: int,
    replicas: np.ndarray,
    context: np.ndarray,
    settings: RolloutSettings,
    seed: int,
    preemption: Preemption,
    held: float | None,
) -> int:
    """Bring a batch from frame `first`, before which `context` stands, to `settings.frames`: the number made.

    Args:
        held: entropy of frames that is held, nats per code; None: none is.
    """
    uniforms = FrameUniforms(seed, replicas, generator.draws)
    keys = _KEYS if held is None else _KEYS + _KEYS_OF_HELD
    temperature = None if held is None else np.ones(len(replicas))
    if held is not None and first:
        done = chunks.read()
        last = done["tempered_entropy"][:, -1] / context.shape[-1]
        temperature = next_temperature(done["temperature"][:, -1], last, held)
    pending = []
    with tqdm(
        total=settings.frames * len(replicas),
        initial=first * len(replicas),
        desc=f"rollout, replicas {replicas[0]}-{replicas[-1]}",
        unit="frame",
        mininterval=1,
    ) as progress:
        for frame in range(first, settings.frames):
            made = generator.next_frame(context, uniforms.of(frame), temperature)
            if held is not None:
                temperature = next_temperature(temperature, made.tempered_entropy / context.shape[-1], held)
            context = np.concatenate([context[:, 1:], made.codes[:, None]], axis=1)
            pending.append(made)
            progress.update(len(replicas))
            last = frame + 1 == settings.frames
            if len(pending) == settings.checkpoint_every or last or preemption.requested:
                arrays = {key: np.stack([getattr(entry, key) for entry in pending], axis=1) for key in keys}
                chunks.write(frame + 1 - len(pending), arrays)
                pending = []
            if preemption.requested and not last:
                preemption.leave(f"frame {frame + 1} of replicas {replicas[0]}-{replicas[-1]}")
    return (settings.frames - first) * len(replicas)
