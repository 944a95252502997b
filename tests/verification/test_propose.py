"""Which frames are drawn at random."""

import numpy as np
import pandas as pd

from mdllm.ensembles.sources import Ensemble
from mdllm.verification.propose import _at_random


def ensembles(replicas: int, frames: int) -> dict[str, Ensemble]:
    replica, frame = (grid.ravel() for grid in np.indices((replicas, frames)))
    table = pd.DataFrame({"replica": replica, "frame": frame, "sample": 0})
    return {source: Ensemble(source, None, table) for source in ("model", "roundtrip", "residue_types")}


def drawn(count: int, seed: int = 0, frames: int = 8) -> pd.DataFrame:
    return pd.DataFrame(_at_random(ensembles(20, frames), count, seed))


def test_more_random_frames_go_on_from_fewer():
    few, many = drawn(5), drawn(30)
    pd.testing.assert_frame_equal(few, many.iloc[: len(few)])
    assert many["proposal"].is_unique
    assert many["source"].value_counts().to_dict() == {"model": 30, "residue_types": 30}


def test_every_replica_comes_before_any_comes_twice():
    model = drawn(40).query("source == 'model'")
    for rows in (model[:20], model[20:]):
        assert sorted(rows["replica"]) == list(range(20))
    assert (model["row"] == 8 * model["replica"] + model["frame"]).all()


def test_which_frames_hangs_on_seed_and_source_alone():
    assert not drawn(20)["row"].equals(drawn(20, seed=1)["row"])
    by_source = drawn(20).groupby("source")["row"].apply(list)
    assert by_source["model"] != by_source["residue_types"]


def test_a_source_of_few_frames_gives_all_of_them():
    assert drawn(30, frames=1)["source"].value_counts().to_dict() == {"model": 20, "residue_types": 20}
