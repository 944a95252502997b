"""Analyze: from trajectories of MD, model and nulls to the tables that figures and summary stand on."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mdllm.analysis.discovery.description import describe, reference_table, trained_on
from mdllm.analysis.discovery.measure import closeness_of_states, known_structures, measure
from mdllm.analysis.discovery.table import discovery_table, doubts_about
from mdllm.analysis.quality.table import quality_table
from mdllm.config.settings.stages import AnalysisSettings
from mdllm.config.settings.system import Observables
from mdllm.core.records import read_json, read_npz, write_json
from mdllm.ensembles.names import FREQUENCIES, MD, ROUNDTRIP
from mdllm.ensembles.sources import open_ensembles
from mdllm.observables.bound import bind
from mdllm.observables.slow import SlowCoordinates


@dataclass(frozen=True)
class AnalysisInputs:
    """Files of the stages before.

    Attributes:
        topology, trajectory, frames, slow: `frames/topology.pdb`, `trajectory.xtc`, `frames.parquet` and `slow.npz`.
        codes: `tokens/codes.npz`, for the raw numbers (`frame`) of the training frames.
        losses: `model/training.json`, or `redrawn/redrawn.json` where the model is a base.
        ensembles: decoded trajectories by source, and `index`, `ensemble/frames.parquet`.
    """

    topology: Path
    trajectory: Path
    frames: Path
    slow: Path
    codes: Path
    losses: Path
    ensembles: dict[str, Path]
    index: Path


def analyze(
    inputs: AnalysisInputs,
    *,
    system: str,
    variant: str,
    about: str,
    plane: tuple[str, str] | None,
    observables: Observables,
    training_states: list[str] | None,
    settings: AnalysisSettings,
    seed: int,
    output: Path,
) -> dict:
    """Write the tables of `analysis/` into `output`.

    Args:
        system, variant, about: names and description, for figures.
        plane: keys of the two collective variables of the plane; None: the slowest motions of the backbone.
        training_states: those that the model was trained on; none: those that the training frames visit. Those of
            frames that have joined (`mdllm.verification.rounds`) are among them in any case.
        seed: of the bootstrap.

    Tables: `cvs.parquet`, `quality_frames.parquet` (see `measure`), `references.csv` (see `reference_table`),
    `quality.csv` (see `quality_table`), `discovery.csv` (see `discovery_table`), `description.json` (see `describe`).

    Returns:
        counts for the provenance record.

    Raises:
        InputError: a trajectory and its table differ, a selection is empty, a frame lies in two states, or a
            reference does not align.
    """
    ensembles = open_ensembles(
        inputs.topology,
        (inputs.trajectory, inputs.frames),
        inputs.index,
        inputs.ensembles,
        read_npz(inputs.codes)["frame"],
    )
    md = ensembles[MD]
    first_training = md.table.index[md.table["training"]][:1].to_numpy()
    bound = bind(md.universe, observables, md.pick(first_training)[0], SlowCoordinates.load(inputs.slow))
    training_states = trained_on(md.table, training_states)
    known = known_structures(md, bound)
    measured = [measure(ensemble, bound, known) for ensemble in ensembles.values()]
    cvs, quality_frames = (pd.concat(tables, ignore_index=True) for tables in zip(*measured, strict=True))
    losses = read_json(inputs.losses)
    quality = quality_table(quality_frames, FREQUENCIES if "base" in losses else ROUNDTRIP)
    doubts = doubts_about(losses, quality)
    discovery = discovery_table(cvs, bound.states.names, training_states, doubts, settings, seed)
    description = describe(
        system=system,
        variant=variant,
        about=about,
        plane=plane,
        observables=observables,
        bound=bound,
        training_states=training_states,
        confidence=settings.confidence,
    ) | {"closeness": closeness_of_states(known, md.universe)}
    output.mkdir(parents=True, exist_ok=True)
    cvs.to_parquet(output / "cvs.parquet", index=False)
    quality_frames.to_parquet(output / "quality_frames.parquet", index=False)
    reference_table(bound).to_csv(output / "references.csv", index=False)
    quality.to_csv(output / "quality.csv", index=False)
    discovery.to_csv(output / "discovery.csv", index=False)
    write_json(output / "description.json", description)
    return {"frames": cvs["source"].value_counts().to_dict()}
