"""Exact kinetics of overdamped Langevin dynamics in a model potential, as its codes show them.

The Fokker-Planck operator is discretized by finite volumes on a square grid of M cells of width h. With the flux
written as -D exp(-beta U) grad(p exp(beta U)), D = 1 / (beta friction), and the gradient as the difference across a
face, the rate from cell i to each of its four neighbours j is D / h^2 exp(-beta (U_face - U_i)). Detailed balance holds
exactly; the error is of order h^2. With S = sqrt(p) Q / sqrt(p), symmetric, the propagator is
exp(Q t) = sqrt(p)^-1 V exp(-rates t) V^T sqrt(p), and modes that are gone after one saving interval are never computed.

What is exact: everything but the grid. Halving the width of 0.125 moves timescales of the 4-state model by 0.01 %. The
box must hold the plateau around the wells too: walkers that have left a pair of wells cross it, and a box of half width
4 in place of 8 makes the slowest timescale 4 % longer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.sparse import coo_array, eye_array, sparray
from scipy.sparse.linalg import LinearOperator, eigsh, splu

from mdllm.analysis.kinetics import tables
from mdllm.analysis.kinetics.markov_models import MarkovModel
from mdllm.config.settings.kinetics import KineticsSettings
from mdllm.config.settings.system import Observables
from mdllm.ensembles.names import EXACT
from mdllm.observables.collective_variables import column
from mdllm.observables.states import States
from mdllm.simulation.potentials.potentials import POTENTIALS
from mdllm.simulation.potentials.settings import PotentialSource
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.discretizers.base import Frames

# A mode that has decayed to this part of itself within the shortest time asked for is left out.
_GONE = 1e-6
_FIRST_MODES = 64


@dataclass(frozen=True)
class Propagator:
    """The slow modes of a reversible Markov process in continuous time.

    Attributes:
        populations: equilibrium of the M cells, (M,).
        rates: decay rates of the m slowest modes, ascending, the first 0; (m,).
        modes: orthonormal eigenvectors of the symmetrized generator, (M, m).
    """

    populations: np.ndarray
    rates: np.ndarray
    modes: np.ndarray

    @classmethod
    def of_generator(cls, symmetric: sparray, populations: np.ndarray, shortest: float) -> "Propagator":
        """From the symmetrized generator sqrt(p) Q / sqrt(p), sparse (M, M), good for times of at least `shortest`."""
        rates, modes = _slowest(-symmetric, -np.log(_GONE) / shortest)
        return cls(populations, rates, modes)

    def timescales(self, processes: int) -> np.ndarray:
        """Slowest first, (processes,); NaN beyond the known modes."""
        known = 1 / self.rates[1 : processes + 1]
        return np.r_[known, np.full(processes - len(known), np.nan)]

    def markov_model(self, code: np.ndarray, time: float) -> MarkovModel:
        """What a Markov model of the codes becomes with endless data at a lag of `time`.

        Args:
            code: of each cell, (M,) integers; a code without a cell is no state of the model.
        """
        codes, member = np.unique(code, return_inverse=True)
        share = np.zeros((len(codes), len(self.rates)))
        np.add.at(share, member, np.sqrt(self.populations)[:, None] * self.modes)
        flux, populations = (share * np.exp(-self.rates * time)) @ share.T, np.bincount(member, self.populations)
        return MarkovModel(flux / flux.sum(1, keepdims=True), populations, codes, time)

    def mfpt(self, start: np.ndarray, end: np.ndarray, interval: float) -> float:
        """Mean time from equilibrium within `start` to the first of the instants k `interval`, k >= 1, in `end`.

        Masks over cells, (M,); NaN where one of them is empty. On the complement of `end` the times T solve
        (1 - P) T = interval, with P of rank m, so that one (m, m) matrix is inverted (Woodbury).
        """
        if not start.any() or not end.any():
            return np.nan
        outside, root = ~end, np.sqrt(self.populations)
        decay, modes = np.exp(-self.rates * interval), self.modes[outside]
        # (1 - V d V^T)^-1 = 1 + V (1/d - V^T V)^-1 V^T, kept finite where d is tiny.
        half = np.sqrt(decay)
        inner = np.eye(len(decay)) - half[:, None] * (modes.T @ modes) * half
        projected = half * (modes.T @ root[outside])
        times = root[outside] + modes @ (half * np.linalg.solve(inner, projected))  # symmetrized, in intervals
        weight = np.where(start, root, 0)[outside]
        return float(interval * (weight @ times) / self.populations[start].sum())


def _slowest(matrix: sparray, fastest: float) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues up to `fastest`, ascending, and eigenvectors of a positive semidefinite matrix (M, M)."""
    size, wanted, shift = matrix.shape[0], _FIRST_MODES, -1e-6 * fastest
    factors = None
    while 2 * wanted < size:
        factors = factors or splu((matrix - shift * eye_array(size)).tocsc())
        inverse = LinearOperator(matrix.shape, factors.solve)
        start = np.ones(size)  # a random one would change the last digits from run to run
        rates, modes = eigsh(matrix, wanted, sigma=shift, OPinv=inverse, v0=start)
        if rates.max() > fastest:
            order = np.argsort(rates)[: np.count_nonzero(rates <= fastest)]
            return rates[order], modes[:, order]
        wanted *= 2
    return eigh(matrix.toarray(), subset_by_value=(-np.inf, fastest))


def solve(source: PotentialSource, shortest: float) -> tuple[np.ndarray, Propagator]:
    """Centres of the grid's cells, (M, 2), and the propagator for times of at least `shortest`."""
    potential = POTENTIALS[source.name]
    side = round(2 * potential.box / source.grid)
    axis = (np.arange(side) + 0.5) * (2 * potential.box / side) - potential.box
    cells = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    energy, number = potential.energy(cells.T), np.arange(side**2).reshape(side, side)
    # Pairs of neighbours, across and along.
    i = np.r_[number[1:].ravel(), number[:, 1:].ravel()]
    j = np.r_[number[:-1].ravel(), number[:, :-1].ravel()]
    rate = 1 / (source.beta * source.friction * (2 * potential.box / side) ** 2)
    face = potential.energy((cells[i] + cells[j]).T / 2)
    forth, back = (rate * np.exp(-source.beta * (face - energy[cell])) for cell in (i, j))
    leaving = np.bincount(i, forth, side**2) + np.bincount(j, back, side**2)
    every, pairs = np.arange(side**2), np.sqrt(forth * back)
    entries = np.r_[pairs, pairs, -leaving], (np.r_[i, j, every], np.r_[j, i, every])
    boltzmann = np.exp(-source.beta * (energy - energy.min()))
    return cells, Propagator.of_generator(coo_array(entries).tocsc(), boltzmann / boltzmann.sum(), shortest)


def encoder(tokenizer: Path, observables: Observables) -> Callable[[np.ndarray], np.ndarray]:
    """The codes (M,) that a fitted discretizer gives to positions (M, 2), x and y."""
    fitted = load_tokenizer(tokenizer)
    states = States(observables.states, observables.collective_variables)

    def encode(points: np.ndarray) -> np.ndarray:
        axes = dict(zip(("x", "y"), points.T, strict=True))
        values = {column(key, cv): axes[cv.axis] for key, cv in observables.collective_variables.items()}
        return fitted.encode(Frames.of(pd.DataFrame({**values, "state": states.label(values)}), observables, None))

    return encode


def exact_tables(
    source: PotentialSource,
    encode: Callable[[np.ndarray], np.ndarray],
    codebook: pd.DataFrame,
    settings: KineticsSettings,
    output: Path,
) -> None:
    """Write `populations.csv`, `timescales.csv` and `mfpt.csv` into `output`, columns as `kinetics_tables` says.

    Rows with method `exact` belong to the dynamics itself: timescales of the generator (no lag), and first passage
    times as observed at the saving interval. Rows with method `msm` are what a Markov model of the codes would give
    with endless data: the projected transition matrix at each lag.

    Args:
        encode: codes (M,) of positions (M, 2).
        codebook: `codebook.csv` of the discretizer, for the states.

    Raises:
        InputError: fewer than two states hold a code.
    """
    interval = source.save_interval
    cells, propagator = solve(source, interval)
    code, states = encode(cells), tables.state_masks(codebook)
    populations = np.bincount(code, propagator.populations, len(codebook))
    timescales = [tables.timescale_rows(EXACT, EXACT, np.nan, propagator.timescales(settings.processes))]
    pairs = list(permutations(states, 2))
    mfpt = []
    for start, end in pairs:
        time = propagator.mfpt(states[start][code], states[end][code], interval)
        mfpt.append(tables.mfpt_row(EXACT, EXACT, np.nan, start, end, time))
    for lag in sorted({*settings.lags, settings.lag}):
        model = propagator.markov_model(code, lag * interval)
        timescales.append(
            tables.timescale_rows(EXACT, tables.MSM, model.lag_ps, model.timescales_ps(settings.processes))
        )
        for start, end in pairs:
            time = model.mfpt_ps(states[start], states[end])
            mfpt.append(tables.mfpt_row(EXACT, tables.MSM, model.lag_ps, start, end, time))
    output.mkdir(parents=True, exist_ok=True)
    tables.exact_populations(EXACT, codebook, populations).to_csv(output / "populations.csv", index=False)
    pd.concat(timescales).to_csv(output / "timescales.csv", index=False)
    pd.DataFrame(mfpt).to_csv(output / "mfpt.csv", index=False)
