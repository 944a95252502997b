"""Tokenize a system whose kinetics are learned: one code per frame, and a table of what each code stands for.

Axes: F frames, K codebook size, V collective variables, A atoms.
"""

import logging
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd

from mdllm.config.settings.kinetics import KineticSystemSettings
from mdllm.config.settings.sequence import BinsSettings, KCentersSettings, OneDimensional
from mdllm.core.errors import InputError
from mdllm.core.records import write_npz
from mdllm.core.trajectories import read_trajectory
from mdllm.observables.collective_variables import column
from mdllm.observables.states import States
from mdllm.prepare.frames import frame_interval
from mdllm.tokenizers.base import tokenizer_class

logger = logging.getLogger(__name__)


def tokenize_series(
    frames: pd.DataFrame,
    atoms: tuple[Path, Path] | None,
    system: KineticSystemSettings,
    settings: OneDimensional,
    seed: int,
    output: Path,
) -> dict:
    """Write `tokenizer/`, `codes.npz` and `codebook.csv` into `output`.

    Args:
        frames: the table `frames.parquet`.
        atoms: topology and trajectory of the kept atoms; None for a model potential, which has none.
        system: names the collective variables and the states.
        settings: the config section `tokenizer`.
        seed: root of the tokenizer's random draws.

    `codes.npz` has the arrays of `mdllm.tokenizers.tokenize.tokenize`, with codes (F, 1). `codebook.csv` has a row per
    code: code, count, state in which its representative lies (or "none"), and the representative's variables.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: a variable is not defined, a state has no visited code, or no frame follows another.
    """
    kept = frames[frames.groupby("segment").cumcount() % settings.stride == 0]
    tokenizer = tokenizer_class(settings.name)
    if isinstance(settings, KCentersSettings):
        values = _coordinates(atoms, kept.index.to_numpy(), settings.selection)
    else:
        names = [settings.variable] if isinstance(settings, BinsSettings) else settings.variables
        columns = [_column(name, system) for name in names]
        values = kept[columns].to_numpy()
    fitted = tokenizer.fit(values, settings, seed)
    fitted.save(output / "tokenizer")
    codes = fitted.encode(values)
    if isinstance(settings, KCentersSettings):
        columns = [_column(name, system) for name in system.collective_variables]
        known = kept[columns].iloc[fitted.rows].reset_index(drop=True)
    else:
        known = pd.DataFrame(fitted.representatives, columns=columns)
    book = _codebook(np.bincount(codes[:, 0], minlength=fitted.codebook_size), known, system)
    book.to_csv(output / "codebook.csv", index=False)
    interval_ps = frame_interval(kept.iloc[:1000])
    write_npz(
        output / "codes.npz",
        codes=codes,
        frame=kept["frame"].to_numpy(),
        index=kept.index.to_numpy(),
        segment=kept["segment"].to_numpy(),
        codebook_size=np.int32(fitted.codebook_size),
        interval_ps=np.float64(f"{interval_ps:.4g}"),  # XTC holds times in single precision
    )
    return {"frames": len(kept), "codes_used": int((book["count"] > 0).sum()), **fitted.values()}


def _column(name: str, system: KineticSystemSettings) -> str:
    if name not in system.collective_variables:
        raise InputError(
            f"tokenizer: '{name}' is no collective variable; defined are {', '.join(system.collective_variables)}"
        )
    return column(name, system.collective_variables[name])


def _coordinates(atoms: tuple[Path, Path], rows: np.ndarray, selection: str) -> np.ndarray:
    """Coordinates (F, A, 3) in nm, float32, of the atoms of `selection` in the frames `rows`."""
    topology, trajectory = atoms
    universe = mda.Universe(str(topology), str(trajectory))
    try:
        chosen = universe.select_atoms(selection)
    except mda.SelectionError as error:
        raise InputError(f"tokenizer.selection: MDAnalysis cannot read '{selection}': {error}") from error
    if len(chosen) < 3:
        raise InputError(
            f"tokenizer.selection: '{selection}' matches {len(chosen)} atoms of {topology}; an RMSD after "
            "superposition needs 3"
        )
    return read_trajectory(universe, rows, chosen)


def _codebook(counts: np.ndarray, known: pd.DataFrame, system: KineticSystemSettings) -> pd.DataFrame:
    for state, regions in system.states.items():
        for region in regions if isinstance(regions, list) else [regions]:
            for name in region:
                if _column(name, system) not in known:
                    raise InputError(
                        f"states.{state}: a code of this tokenizer has no {name}; use "
                        f"{', '.join(known.columns)}, or another tokenizer"
                    )
    values = {name: known[name].to_numpy() for name in known}
    state = States(system.states, system.collective_variables).label(values)
    visited = set(state[counts > 0])
    for name in system.states:
        if name not in visited:
            raise InputError(
                f"states.{name}: no frame has a code in this state, so its kinetics cannot be learned; widen the "
                "region, or simulate longer"
            )
    if (counts == 0).any():
        logger.info("%d of %d codes are never visited", (counts == 0).sum(), len(counts))
    return pd.DataFrame({"code": np.arange(len(counts)), "count": counts, "state": state, **values})
