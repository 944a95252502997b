"""Overdamped Langevin dynamics of independent walkers in a model potential, all walkers at once.

Axes: W walkers, T frames of each. Reduced units; one unit of time stands as 1 ps in the table.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from mdllm.config.settings.system import Observables
from mdllm.observables.collective_variables import column
from mdllm.observables.states import States
from mdllm.simulation.potentials.potentials import POTENTIALS
from mdllm.simulation.potentials.settings import PotentialSource


def simulate_walkers(source: PotentialSource, observables: Observables) -> pd.DataFrame:
    """The table `frames.parquet`: frame, time_ps, segment (one per walker), state, and the coordinates.

    Args:
        source: potential, conditions, lengths and seed.
        observables: names the coordinates, and the states as regions of them.

    Each well is the start of as many walkers as any other, so that the populations of the start are not those of
    equilibrium: only transitions can tell these. The scheme is that of Heun, which for additive noise has weak order 2
    (Kloeden & Platen, Numerical Solution of Stochastic Differential Equations, 1992, section 15.1): rates as well as
    the distribution are off by the square of the step only.
    """
    potential = POTENTIALS[source.name]
    rng = np.random.default_rng([source.seed, 0])
    points = np.resize(list(potential.wells.values()), (source.walkers, 2)).T.astype(np.float32)
    drift = np.float32(source.time_step / source.friction)
    spread = np.float32(np.sqrt(2 * source.time_step / (source.beta * source.friction)))
    noise = np.empty_like(points)
    steps = round(source.save_interval / source.time_step)
    before = round(source.equilibration / source.time_step)
    saved = np.empty((source.frames, 2, source.walkers), np.float32)

    def advance(count: int) -> None:
        nonlocal points, noise
        for _ in range(count):
            rng.standard_normal(out=noise, dtype=np.float32)
            noise *= spread
            here = potential.force(points)
            points += noise
            there = potential.force(points + drift * here)
            there += here
            there *= drift / 2
            points += there

    advance(before)
    for frame in tqdm(range(source.frames), desc="simulate", unit="frame", mininterval=1):
        advance(steps)
        saved[frame] = points
    axes = dict(zip(("x", "y"), saved.transpose(1, 2, 0).reshape(2, -1).astype(np.float64), strict=True))
    coordinates = {column(key, cv): axes[cv.axis] for key, cv in observables.collective_variables.items()}
    return pd.DataFrame(
        {
            "frame": np.arange(source.walkers * source.frames),
            "time_ps": np.tile(source.save_interval * np.arange(1, source.frames + 1), source.walkers),
            "segment": np.repeat(np.arange(source.walkers, dtype=np.int32), source.frames),
            "state": States(observables.states, observables.collective_variables).label(coordinates),
            **coordinates,
        }
    )
