"""A system file that defines nothing: the prepared frames have a plane and states all the same."""

import numpy as np
import pandas as pd

from mdllm.config.settings.system import Observables
from mdllm.core.trajectories import open_backbone
from mdllm.observables.bound import bind
from mdllm.observables.slow import SlowCoordinates
from mdllm.prepare.run import prepare
from mdllm.sources.acquire import acquire
from mdllm.sources.files import FilesSource


def test_frames_get_states_and_every_later_stage_gives_them_the_same(trp_cage_files, tmp_path):
    source = FilesSource(type="files", topology=str(trp_cage_files[0]), trajectories=[str(trp_cage_files[1])])
    nothing = Observables()
    options = {"residues": "protein", "atoms": None, "frame_interval_ps": None, "stride": 5}
    counts = prepare(acquire(source, tmp_path), **options, observables=nothing, output=tmp_path, slow=True)
    table = pd.read_parquet(tmp_path / "frames.parquet")
    assert counts["frames_per_state"] == table["state"].value_counts().to_dict()
    assert set(table["state"]) == {f"S{n}" for n in range(1, table["state"].nunique() + 1)}
    universe = open_backbone(tmp_path / "topology.pdb", tmp_path / "trajectory.xtc")
    bound = bind(universe, nothing, slow=SlowCoordinates.load(tmp_path / "slow.npz"))
    backbone = universe.trajectory[7].positions.reshape(1, -1, 4, 3) / 10
    values, state = bound.measure(backbone, np.array([7]))
    assert state[0] == table.loc[7, "state"]
    np.testing.assert_allclose(values["slow_1"], table.loc[7, "slow_1"], atol=1e-4)
    assert bound.states.names == sorted(set(table["state"]))
    without = bind(universe, nothing)
    assert without.measure(backbone, np.array([7]))[1][0] == "none"
