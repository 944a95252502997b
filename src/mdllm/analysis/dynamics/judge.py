"""Judge motion: from trajectories of MD, model and nulls to tables of how each moves, and how alike that is to MD."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.analysis.dynamics.agreement import COMPARISONS, compare, compare_with_error, nearer, profiles_of
from mdllm.analysis.dynamics.backbones import PROFILES, Chain, Sums, far_in_sequence, sums_of
from mdllm.analysis.dynamics.normal_modes import anisotropic_network, gaussian_network
from mdllm.analysis.dynamics.properties import RESIDUE_PROPERTIES, columns
from mdllm.analysis.dynamics.statistics import jackknife
from mdllm.analysis.novelty.residues import residue_names
from mdllm.analysis.quality.geometry import bonded_neighbours
from mdllm.config.settings.dynamics import DynamicsSettings
from mdllm.core.bootstrap import blocks_of_series
from mdllm.core.errors import InputError
from mdllm.core.geometry import CA
from mdllm.core.records import read_npz, write_json, write_npz
from mdllm.ensembles.names import GENERATED, HALVES, MD, MODEL, NULLS, TRAINING
from mdllm.ensembles.sources import Ensemble, open_ensembles, spread
from mdllm.prepare.training_set import JOINED

logger = logging.getLogger(__name__)
NETWORKS = ("gnm", "anm")
_CERTAIN = 2  # combined standard errors that make a difference


@dataclass(frozen=True)
class DynamicsInputs:
    """Files of the stages before.

    Attributes:
        topology, trajectory, frames: `frames/topology.pdb`, `trajectory.xtc` and `frames.parquet`.
        codes: `tokens/codes.npz`, for the raw numbers of the training frames.
        ensembles: decoded trajectories by source, and `index`, `ensemble/frames.parquet`.
    """

    topology: Path
    trajectory: Path
    frames: Path
    codes: Path
    ensembles: dict[str, Path]
    index: Path


def judge_dynamics(inputs: DynamicsInputs, *, settings: DynamicsSettings, output: Path) -> dict:
    """Write the tables of `dynamics/` into `output`.

    `residues.csv`: source, residue (from 1), chain, resid, resname, property, unit, value, standard_error; of md,
    md_training, model and nulls the RMSF and the shares of bins and classes, by the names of
    `mdllm.analysis.dynamics.properties`, of the elastic networks `rmsf_relative`. `agreement.csv`: see `_agreement`.
    `matrices.npz`: `{source}_contacts` and `{source}_correlation` (L, L), of networks the latter alone, and their
    `_error`. `dynamics.json`: what was compared with what.

    Networks are those of the first training frame, which is all that they know of the protein.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: a trajectory and its table differ.
    """
    ensembles = open_ensembles(
        inputs.topology,
        (inputs.trajectory, inputs.frames),
        inputs.index,
        inputs.ensembles,
        read_npz(inputs.codes)["frame"],
    )
    md = ensembles[MD]
    residues = md.universe.residues
    letters = residue_names(md.universe)["chain"].to_numpy()
    number = np.concatenate([[0], np.cumsum(letters[1:] != letters[:-1])])
    chain = Chain(residues.resnames.astype(str), bonded_neighbours(md.universe), number)
    pairs = far_in_sequence(number)
    training = np.flatnonzero(md.table["training"])
    of_trajectory = {source: np.flatnonzero(own.table[JOINED] == 0) for source, own in ensembles.items()}
    chosen = {source: spread(rows, settings.frames) for source, rows in of_trajectory.items()}
    if not np.array_equal(training, of_trajectory[MD]):
        chosen = {MD: chosen.pop(MD), TRAINING: spread(training, settings.frames), **chosen}
    of_source = {TRAINING: md, **ensembles}
    sums, halves = {}, {}
    for source, rows in chosen.items():
        ensemble = of_source[source]
        backbone, cluster = ensemble.pick(rows), _clusters(ensemble, rows, settings.blocks)
        sums[source] = sums_of(backbone, cluster, chain, settings.contact_nm)
        logger.info("%s: %d frames in %d clusters", source, len(rows), cluster.max() + 1)
        if ensemble is md:
            parts = np.array_split(np.arange(len(rows)), 2)
            halves[source] = [
                sums_of(backbone[part], np.zeros(len(part), int), chain, settings.contact_nm) for part in parts
            ]
    networks = _networks(md.pick(training[:1])[0, :, CA], settings.network_modes)
    table = _agreement(sums, halves, networks, pairs)
    output.mkdir(parents=True, exist_ok=True)
    _residues(sums, networks, residue_names(md.universe)).to_csv(output / "residues.csv", index=False)
    table.to_csv(output / "agreement.csv", index=False)
    write_npz(output / "matrices.npz", **_matrices(sums, networks))
    frames = {source: len(rows) for source, rows in chosen.items()}
    clusters = {source: len(own.count) for source, own in sums.items()}
    modes = {"network_modes": settings.network_modes, "networks": list(networks)}
    write_json(
        output / "dynamics.json",
        {"frames": frames, "clusters": clusters, "contact_nm": settings.contact_nm, **modes},
    )
    return {"frames": frames}


def _clusters(ensemble: Ensemble, rows: np.ndarray, blocks: int) -> np.ndarray:
    """Replica or block of each frame (F,), numbered from 0."""
    table = ensemble.table.iloc[rows]
    replicas = np.unique(table["replica"], return_inverse=True)[1]
    if ensemble.source in GENERATED and replicas.any():
        return replicas
    return blocks_of_series(table["segment"].to_numpy(), blocks)


def _networks(ca: np.ndarray, modes: int) -> dict[str, dict[str, np.ndarray]]:
    """Profiles of the elastic networks; none where they fall apart, with a warning."""
    try:
        found = {"gnm": gaussian_network(ca), "anm": anisotropic_network(ca)}
    except InputError as error:
        logger.warning("elastic networks are left out: %s", error)
        return {}
    slow = slice(modes)
    return {
        name: {"rmsf_nm": np.sqrt(network.msf(slow)), "correlation": network.correlation(slow)}
        for name, network in found.items()
    }


def _agreement(sums: dict[str, Sums], halves: dict, networks: dict, pairs: np.ndarray) -> pd.DataFrame:
    """Rows (quantity, measure, reference, source): value, standard_error, headline, meaning; of the model also what it
    is nearer_than and farther_than by more than two combined standard errors.

    `reference` is md, or md_training, the frames that the model was trained on. `md_halves` is the first half of the
    reference beside its second. Networks have no scale, and no ratio.
    """
    rows = []
    for reference in halves:
        profiles = profiles_of(sums[reference].total())
        first, second = (profiles_of(half.total()) for half in halves[reference])
        for comparison in COMPARISONS:
            found = {HALVES: (compare(comparison, first, second, pairs), np.nan)}
            for source in sums.keys() - {MD, reference}:
                found[source] = compare_with_error(comparison, sums[source], profiles, pairs)
            if comparison.measure != "ratio":
                found |= {name: (compare(comparison, own, profiles, pairs), np.nan) for name, own in networks.items()}
            order = [name for name in (HALVES, TRAINING, MODEL, *NULLS, *NETWORKS) if name in found]
            rows += [
                {
                    "quantity": comparison.quantity,
                    "measure": comparison.measure,
                    "headline": comparison.headline,
                    "reference": reference,
                    "source": source,
                    "value": found[source][0],
                    "standard_error": found[source][1],
                    **(_beside(comparison, found, order) if source == MODEL else {}),
                    "meaning": comparison.meaning,
                }
                for source in order
                if np.isfinite(found[source][0])
            ]
    return pd.DataFrame(rows)


def _beside(comparison, found: dict, order: list[str]) -> dict[str, str]:
    value, error = found[MODEL]
    words = {"nearer_than": [], "farther_than": []}
    for source in order:
        other = found[source]
        apart = abs(value - other[0]) > _CERTAIN * np.hypot(np.nan_to_num(error), np.nan_to_num(other[1]))
        if source != MODEL and apart:
            words["nearer_than" if nearer(comparison, value, other[0]) else "farther_than"].append(source)
    return {key: " ".join(sources) for key, sources in words.items()}


def _residues(sums: dict[str, Sums], networks: dict, about: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for source, own in sums.items():
        for profile, group in (("rmsf_nm", "rmsf"), ("dssp", "dssp"), ("phi", "phi"), ("psi", "psi")):
            value, error = _profile(profile, own)
            entries = RESIDUE_PROPERTIES[columns(RESIDUE_PROPERTIES, group)]
            for number, entry in enumerate(entries):
                column = (x if x.ndim == 1 else x[:, number] for x in (value, error))
                parts.append(_rows(about, source, entry.name, entry.unit, *column))
    for name, own in networks.items():
        relative = own["rmsf_nm"] / own["rmsf_nm"].mean()
        parts.append(_rows(about, name, "rmsf_relative", "1", relative, np.full(len(relative), np.nan)))
    return pd.concat(parts, ignore_index=True)


def _rows(about: pd.DataFrame, source: str, name: str, unit: str, value: np.ndarray, error: np.ndarray) -> pd.DataFrame:
    table = about.assign(property=name, unit=unit, value=value, standard_error=error)
    table.insert(0, "source", source)
    return table


def _matrices(sums: dict[str, Sums], networks: dict) -> dict[str, np.ndarray]:
    found = {f"{name}_correlation": own["correlation"].astype(np.float32) for name, own in networks.items()}
    for source, own in sums.items():
        for profile in ("contacts", "correlation"):
            value, error = _profile(profile, own)
            found[f"{source}_{profile}"] = value.astype(np.float32)
            found[f"{source}_{profile}_error"] = error.astype(np.float32)
    return found


def _profile(name: str, sums: Sums) -> tuple[np.ndarray, np.ndarray]:
    """A profile and its standard error."""
    return jackknife(lambda *total: PROFILES[name](Sums(*total)), *sums)
