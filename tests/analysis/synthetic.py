"""A finished run to analyze, made of real MD frames: what the stages before the analysis would have left.

The "model" copies training frames with noise and, in half of its replicas, frames of the other state from the middle
on, so that the truth about discovery is known.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.analysis.discovery.analyze import AnalysisInputs, analyze
from mdllm.analysis.dynamics.judge import DynamicsInputs, judge_dynamics
from mdllm.analysis.novelty.find import NoveltyInputs, find_novelty
from mdllm.config.settings.dynamics import DynamicsSettings
from mdllm.config.settings.stages import AnalysisSettings, NoveltySettings
from mdllm.core.records import write_json, write_npz
from mdllm.core.trajectories import TrajectoryWriter, read_backbone
from mdllm.ensembles.sources import ensemble_files
from mdllm.report.summarize import SummaryInputs, summarize
from mdllm.tokenizers.multiscale.settings import MultiscaleSettings
from mdllm.tokenizers.multiscale.tokenizer import Multiscale

REPLICAS, FRAMES = 8, 40
NOISE_NM = 0.004


def write_run(folder: Path, prepared) -> AnalysisInputs:
    """Write all inputs of `analyze` for the demo system, trained on A."""
    rng = np.random.default_rng(0)
    universe = prepared.universe()
    training = prepared.training("A", (442, 898), (3983, 4998))
    index = training.index[::3]
    other = np.flatnonzero(prepared.frames["state"] == "B")
    model = rng.choice(index, (REPLICAS, FRAMES))
    model[: REPLICAS // 2, FRAMES // 2 :] = rng.choice(other, (REPLICAS // 2, FRAMES // 2))
    chosen = {"model": model, "roundtrip": index[None]}
    chosen |= {null: rng.choice(index, (REPLICAS, FRAMES)) for null in ("frequencies", "residue_types", "synonyms")}
    tables = []
    for source, rows in chosen.items():
        backbone = read_backbone(universe, rows.ravel())
        backbone += rng.normal(scale=NOISE_NM, size=backbone.shape)
        with TrajectoryWriter(ensemble_files(folder)[source]) as writer:
            writer.write(backbone, np.arange(len(backbone)))
        frame = prepared.frames["frame"].to_numpy()[index] if source == "roundtrip" else np.arange(FRAMES)
        tables.append(
            pd.DataFrame(
                {
                    "source": source,
                    "replica": np.repeat(np.arange(len(rows)), rows.shape[1]),
                    "frame": np.tile(frame, len(rows)),
                    "sample": 0,
                    **{
                        f"log_likelihood{of}_nats": value if source == "model" else np.nan
                        for of, value in (("", -50.0), ("_base", -60.0), ("_tuned", -40.0))
                    },
                    "entropy_nats": 60.0 if source == "model" else np.nan,
                }
            )
        )
    pd.concat(tables, ignore_index=True).to_parquet(folder / "index.parquet")
    residues = len(universe.residues)
    frame, codes = prepared.frames["frame"].to_numpy()[index], np.zeros((len(index), residues), np.int32)
    write_npz(folder / "codes.npz", frame=frame, codes=codes, codebook_size=np.int32(128))
    write_npz(
        folder / "rollout.npz",
        codes=np.zeros((REPLICAS, FRAMES, residues), np.int32),
        log_likelihood=np.full((REPLICAS, FRAMES), -50.0),
        entropy=np.tile(40.0 + np.arange(FRAMES), (REPLICAS, 1)),
    )
    write_json(folder / "fidelity.json", _fidelity(residues, len(index)))
    write_json(folder / "training.json", _TRAINING)
    _training_log().to_csv(folder / "training_log.csv", index=False)
    _fidelity_table(prepared, index, rng).to_csv(folder / "fidelity.csv", index=False)
    return AnalysisInputs(
        topology=prepared.topology,
        trajectory=prepared.trajectory,
        frames=prepared.folder / "frames.parquet",
        slow=prepared.folder / "slow.npz",
        codes=folder / "codes.npz",
        losses=folder / "training.json",
        ensembles=ensemble_files(folder),
        index=folder / "index.parquet",
    )


_TRAINING = {
    "validation_loss": 2.4,
    "baseline_frequencies": 2.6,
    "baseline_persistence": 2.5,
    "persistence_weight": 0.1,
    "steps": 100,
    "best_step": 80,
    "parameters": 1000,
    "device": "cpu",
    "training_seconds": 12.0,
}
CONDITIONS = {
    "round": 1,
    "preset": "cpu", "tokenizer": "multiscale", "model": "mistral", "form": "codes", "context_frames": 5,
    "temperature": 1.0, "hold_entropy": False, "top_k": 100, "top_p": 0.95, "epsilon_cutoff": 0.0, "seed": 0,
    "training_states": ["A"],
}  # fmt: skip


def _fidelity(residues: int, frames: int) -> dict:
    group = {
        "frames": frames,
        "rmsd_nm": {"median": 0.02, "p95": 0.03, "max": 0.05},
        "state_kept": {"A": {"frames": frames, "kept": frames - 1, "share": (frames - 1) / frames}},
        "cv_error": {"psi11_rad": {"median": 0.1, "p95": 0.2, "max": 0.3}},
    }
    return {
        "tokenizer": "multiscale",
        "codebook_size": 128,
        "training": group,
        "unseen": {**group, "state_kept": {**group["state_kept"], "B": {"frames": 10, "kept": 9, "share": 0.9}}},
        "codes_equal_consecutive": 0.3,
        "entropy_per_residue_nats": [2.0] * residues,
        "codes_used": 120,
    }


def _training_log() -> pd.DataFrame:
    step = np.arange(0, 101, 5)
    validation = np.where(step % 20 == 0, 2.4 + 2.4 * np.exp(-step / 25), np.nan)
    return pd.DataFrame(
        {
            "step": step,
            "epoch": step / 30,
            "training_loss": 2.3 + 2.5 * np.exp(-step / 22),
            "validation_loss": validation,
            "learning_rate": 1e-3 * (1 - step / 100),
        }
    )


def _fidelity_table(prepared, training: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    universe, bound = prepared.universe(), prepared.bound()
    rows = np.sort(np.concatenate([training, np.flatnonzero(prepared.frames["state"] == "B")[::5]]))
    backbone = read_backbone(universe, rows)
    before, state = bound.measure(backbone, rows)
    after, state_after = bound.measure(backbone + rng.normal(scale=NOISE_NM, size=backbone.shape), rows)
    state_after[::40] = "none"  # some frames leave their state
    return pd.DataFrame(
        {
            "frame": prepared.frames["frame"].to_numpy()[rows],
            "training": np.isin(rows, training),
            "state": state,
            "state_after": state_after,
            "rmsd_nm": np.abs(rng.normal(0.02, 0.005, len(rows))),
            **before,
            **{f"{column}_after": values for column, values in after.items()},
        }
    )


def analyze_run(folder: Path, prepared) -> Path:
    """Analyze the run of `write_run`, with fewer resamples; the output folder, inputs beside it."""
    inputs = write_run(folder, prepared)
    find_states(inputs, prepared, folder / "output" / "analysis")
    seek_novelty(folder, prepared, inputs, folder / "output" / "novelty")
    given = {name: getattr(inputs, name) for name in DynamicsInputs.__dataclass_fields__}
    judge_dynamics(DynamicsInputs(**given), settings=DynamicsSettings(), output=folder / "output" / "dynamics")
    write_json(folder / "output" / "summary.json", _summary(folder, prepared))
    return folder / "output"


def find_states(inputs: AnalysisInputs, prepared, output: Path) -> None:
    """The tables of `analyze` in the analysed run."""
    analyze(
        inputs,
        system="trp_cage",
        variant="main",
        about=prepared.system.description,
        plane=prepared.system.plane,
        observables=prepared.observables,
        training_states=["A"],
        settings=AnalysisSettings(resamples=500),
        seed=0,
        output=output,
    )


def seek_novelty(folder: Path, prepared, inputs: AnalysisInputs, output: Path, states=("A",), **settings) -> None:
    """Look for what is new in the analysed run of `write_run`."""
    backbone = read_backbone(prepared.universe(), prepared.training("A", (442, 898), (3983, 4998)).index[::3])
    Multiscale.fit(backbone[:, :, :3], MultiscaleSettings(codebook_size=64), 0).save(folder / "tokenizer")
    given = {name: getattr(inputs, name) for name in inputs.__dataclass_fields__ if name != "slow"}
    analysis, description = folder / "output" / "analysis", folder / "description.json"
    write_json(description, {"training_states": list(states)})
    find_novelty(
        NoveltyInputs(
            **given,
            tokenizer=folder / "tokenizer",
            description=description,
            quality=analysis / "quality.csv",
            quality_frames=analysis / "quality_frames.parquet",
        ),
        settings=NoveltySettings(**settings),
        analysis=AnalysisSettings(resamples=500),
        seed=0,
        output=output,
    )


def _summary(folder: Path, prepared) -> dict:
    files = SummaryInputs(
        codes=folder / "codes.npz",
        trainings=[folder / "training.json"],
        rollout=folder / "rollout.npz",
        fidelity=folder / "fidelity.json",
        analysis=folder / "output" / "analysis",
        novelty=folder / "output" / "novelty",
        dynamics=folder / "output" / "dynamics",
    )
    names = {"system": "trp_cage", "variant": "main", "about": prepared.system.description}
    return summarize(files, **names, confidence=0.95, conditions=CONDITIONS)
