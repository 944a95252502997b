"""What a run will take: time, memory and disk of each stage, from the sizes of the system, before it starts.

Times are those of one thread and of small models: each rate is a measurement (EPYC; `benchmarks/records`) of the work
that its formula counts. They tell minutes from hours, and no more. Of pretrained models and of simulations, those of
`verify` among them, the time limits of the cluster's profile are the bound (`mdllm estimate`).

Symbols: F frames of MD, L residues, T tokens of a window, V tokens in all, P parameters, R replicas.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from mdllm.bases.cost import tuning_seconds
from mdllm.bases.settings import ProposalSettings
from mdllm.config.systems import System, Variant
from mdllm.core.records import read_json
from mdllm.prepare.run import first_whole
from mdllm.sources.cache import cache_folder
from mdllm.sources.raw import inspect_trajectory

_START_S = 4.0  # of a job: Snakemake, Python, imports
_FLOPS = 25e9  # per second, in training and in prefilling
_STEP_S = 2.5e-3  # of a rollout: one code of every replica of a batch
_RESIDUES_PER_S = {"prepare": 1e5, "tokenize": 4e4, "fidelity": 5e4, "decode": 1e5, "analyze": 5e4, "dynamics": 8e4}
_REDRAWN_S = 9.2e-3, 6.3e-5  # of one structure, and more for each residue: its chain is closed, and it is compared
_ASKED_S = 3.5e-4  # of one code of a span, drawn by a base for one of the drawings
_TUNING_MB = 400  # the copy, its gradients and moments, and the Trainer
_NOVELTY_PER_S = 3e7  # pairs of a generated and a training frame, times residues
_CLUSTERED_PER_S = 1e7  # pairs of new frames, times residues
_READ_PER_S = 2e8  # bytes of raw files, for their checksums
_LIBRARIES_MB = {"train": 450, "rollout": 400}
_XTC_BYTES = 20  # of four backbone atoms
_FIGURES_S, _FIGURES_MB = 6.0, 320


@dataclass(frozen=True)
class Size:
    """Of a system.

    Attributes:
        frames: of MD, after the stride.
        residues: L.
        raw_bytes: of the raw files.
    """

    frames: int
    residues: int
    raw_bytes: int


@dataclass(frozen=True)
class Cost:
    """Of one stage of one variant."""

    variant: str
    stage: str
    seconds: float
    memory_mb: float


def size_of(system: System, project: Path) -> Size | None:
    """From the prepared frames, or from the raw files where these are at hand; None: of a simulation not yet made."""
    record = project / "results" / system.name / "frames" / "provenance.json"
    if record.is_file():
        made = read_json(record)
        return Size(made["frames"], made.get("residues", 1), 0)
    if system.simulation is not None or system.frames_are != "atoms" or not system.decoded:
        return None
    source = system.settings.source
    topology, trajectories = source.load()(source, cache_folder())
    formats = source.formats()
    listed = [
        {"path": str(path), "format": formats[1], **inspect_trajectory(topology, path, *formats)}
        for path in trajectories
    ]
    sources = {"topology": {"path": str(topology), "format": formats[0]}, "trajectories": listed}
    atoms = first_whole(sources, system.settings.selection, None, skip_damaged=True)
    prepared = next(iter(system.variants.values())).settings.prepare
    total = sum(file["frames"] for file in listed)
    kept = total if prepared.frames is None else sum(last - first + 1 for first, last in prepared.frames)
    raw = sum(Path(path).stat().st_size for path in (topology, *trajectories))
    return Size(-(-kept // prepared.stride), len(atoms.residues), raw)


def known(variant: Variant) -> bool:
    """Whether the formulas hold: residues are coded; a small transformer is trained from scratch, or a base redraws."""
    return variant.decoded and (variant.settings.model.name == "mistral" or variant.settings.model.redraws)


def costs(system: System, size: Size) -> list[Cost]:
    """Of every stage of every variant that is `known`, those that variants share once."""
    found = [
        Cost("", "acquire", _START_S + size.raw_bytes / _READ_PER_S, 170),
        Cost("", "prepare", _START_S + size.frames * size.residues / _RESIDUES_PER_S["prepare"], 200),
    ]
    for name, variant in ((name, variant) for name, variant in system.variants.items() if known(variant)):
        for stage, cost in _of_variant(variant, size).items():
            if system.runs(name, stage) and system.provider(name, stage) == name:
                found.append(Cost(name, stage, _START_S + cost[0], cost[1]))
        found.append(Cost(name, "figures", 2 * (_START_S + _FIGURES_S), _FIGURES_MB))
    return found


def disk_mb(system: System, size: Size) -> float:
    """What the results will take."""
    variants = [variant for variant in system.variants.values() if known(variant)]
    rollouts = [variant.settings.rollout for variant in variants]
    generated = sum(3 * rollout.replicas * rollout.frames for rollout in rollouts)
    trained = [variant for variant in variants if variant.continues]
    models = sum(12 * _parameters(variant, size) for variant in trained)  # and checkpoints meanwhile
    return ((size.frames + generated) * size.residues * _XTC_BYTES + models) / 1e6 + 20 * len(rollouts)


def _of_variant(variant: Variant, size: Size) -> dict[str, tuple[float, float]]:
    """Seconds and MB of each stage."""
    settings, residues = variant.settings, size.residues
    rollout = settings.rollout
    generated = rollout.replicas * rollout.frames
    coded = size.frames * residues
    compared = generated * min(size.frames, settings.novelty.training_frames)
    clustered = min(generated, settings.novelty.cluster_frames) ** 2 / 2  # if all are new
    moving = min(size.frames, settings.dynamics.frames) + 4 * min(generated, settings.dynamics.frames)
    learned = {"train": _training(variant, size), "rollout": _rollout(variant, size)} if variant.continues else {}
    return {
        "tokenize": (min(size.frames, 5000) * residues / _RESIDUES_PER_S["tokenize"], 220 + coded * 96 / 1e6),
        "fidelity": (coded / _RESIDUES_PER_S["fidelity"], 210 + coded * 96 / 1e6),
        **learned,
        "redraw": _redrawing(variant, size),
        "decode": (4 * generated * residues / _RESIDUES_PER_S["decode"], 210),
        "analyze": ((coded + 4 * generated * residues) / _RESIDUES_PER_S["analyze"], 360 + coded * 96 / 1e6),
        "novelty": ((4 * compared / _NOVELTY_PER_S + clustered / _CLUSTERED_PER_S) * residues, 400 + coded * 96 / 1e6),
        "dynamics": (moving * residues / _RESIDUES_PER_S["dynamics"], 230 + moving * residues * 300 / 1e6),
        "summarize": (0.0, 170),
    }


def _redrawing(variant: Variant, size: Size) -> tuple[float, float]:
    """Of the null of residue types, and where the model is a base, of its own structures and of code frequencies.

    A copy of the base that is tuned first is asked beside it.
    """
    settings, one = variant.settings, _REDRAWN_S[0] + _REDRAWN_S[1] * size.residues
    null = settings.redraw.null_groups * ProposalSettings().group
    memory = 400 + null * size.residues * 36 / 1e6
    if variant.continues:
        return null * one, memory
    spans, made = settings.model.spans, settings.rollout.replicas * settings.rollout.frames
    codes = spans.moves * spans.drawings * (spans.shortest_span + spans.longest_span) / 2
    tuning = settings.model.tuning
    learning = 0.0 if tuning is None else tuning_seconds(settings.model.base, tuning, size.residues)
    asked = codes * _ASKED_S * (1 if tuning is None else 2)
    return learning + made * (3 * spans.moves * one + asked), memory + (100 if tuning is None else _TUNING_MB)


def _training(variant: Variant, size: Size) -> tuple[float, float]:
    settings = variant.settings
    training, model = settings.training, settings.model
    tokens = (settings.language.context_frames + 1) * size.residues
    windows = training.max_steps * training.batch_size * training.accumulation
    attention = 12 * model.layers * model.hidden_size * tokens**2
    flops = windows * (6 * _parameters(variant, size) * tokens + attention)
    logits = training.batch_size * tokens * _tokens_in_all(variant, size) * 4
    return flops / _FLOPS, _LIBRARIES_MB["train"] + (4 * logits + 16 * _parameters(variant, size)) / 1e6


def _rollout(variant: Variant, size: Size) -> tuple[float, float]:
    settings = variant.settings
    rollout = settings.rollout
    batches = math.ceil(rollout.replicas / rollout.batch)
    context = settings.language.context_frames * size.residues
    prefilled = rollout.frames * rollout.replicas * context
    seconds = batches * rollout.frames * size.residues * _STEP_S + 2 * _layers(variant) * prefilled / _FLOPS
    return seconds, _LIBRARIES_MB["rollout"] + 4 * _parameters(variant, size) / 1e6


def _layers(variant: Variant) -> float:
    """Parameters without embeddings, of a transformer."""
    model = variant.settings.model
    return model.layers * (4 * model.hidden_size**2 + 3 * model.hidden_size * model.intermediate_size)


def _tokens_in_all(variant: Variant, size: Size) -> int:
    """V: every residue has its own K."""
    return size.residues * getattr(variant.settings.tokenizer, "codebook_size", 256)


def _parameters(variant: Variant, size: Size) -> float:
    """P; embeddings and output layer are one."""
    return _layers(variant) + _tokens_in_all(variant, size) * variant.settings.model.hidden_size
