"""Overdamped Langevin dynamics of independent walkers in a model potential, all walkers at once.

Axes: W walkers, T frames of each. Reduced units; one unit of time stands as 1 ps in the table.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from mdllm.core.kinetics_settings import PotentialSource
from mdllm.core.potentials import POTENTIALS


def simulate_walkers(source: PotentialSource, columns: dict[str, str]) -> pd.DataFrame:
    """The table `frames.parquet`: frame, time_ps, segment (one per walker), and the coordinates.

    Args:
        source: potential, conditions, lengths and seed.
        columns: axis, x or y, by name of the column.

    Each well is the start of as many walkers as any other, so that the populations of the start are not those of
    equilibrium: only transitions can tell these. The step is that of Leimkuhler & Matthews (Appl. Math. Res. Express
    2013, 34), whose noise is the mean of two successive draws: its distribution is correct to second order.
    """
    potential = POTENTIALS[source.name]
    rng = np.random.default_rng([source.seed, 0])
    points = np.resize(list(potential.wells.values()), (source.walkers, 2)).T.astype(np.float32)
    drift = np.float32(source.time_step / source.friction)
    spread = np.float32(np.sqrt(source.time_step / (2 * source.beta * source.friction)))
    noise, following = rng.standard_normal((2, *points.shape), dtype=np.float32)
    steps = round(source.save_interval / source.time_step)
    before = round(source.equilibration / source.time_step)
    saved = np.empty((source.frames, 2, source.walkers), np.float32)

    def advance(count: int) -> None:
        nonlocal points, noise, following
        for _ in range(count):
            rng.standard_normal(out=following, dtype=np.float32)
            step = potential.force(points)
            step *= drift
            points += step
            noise += following
            noise *= spread
            points += noise
            noise, following = following, noise

    advance(before)
    for frame in tqdm(range(source.frames), desc="simulate", unit="frame", mininterval=1):
        advance(steps)
        saved[frame] = points
    x, y = saved.transpose(1, 2, 0).reshape(2, -1)
    return pd.DataFrame(
        {
            "frame": np.arange(source.walkers * source.frames),
            "time_ps": np.tile(source.save_interval * np.arange(1, source.frames + 1), source.walkers),
            "segment": np.repeat(np.arange(source.walkers, dtype=np.int32), source.frames),
            **{name: {"x": x, "y": y}[axis].astype(np.float64) for name, axis in columns.items()},
        }
    )
