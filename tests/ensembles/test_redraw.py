"""Training frames with spans redrawn, by the base that is shipped and by nulls."""

from pathlib import Path

import numpy as np
import pytest

from mdllm.bases.settings import BaseModelSettings, SpanSettings, TuningSettings
from mdllm.config.settings.stages import RedrawSettings, RolloutSettings
from mdllm.config.settings.system import TrainingSet
from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.core.records import read_json, read_npz, write_npz
from mdllm.core.trajectories import read_backbone
from mdllm.ensembles.redraw import RECORD, STRUCTURES, Taught, as_often, redraw

pytestmark = pytest.mark.slow

SPANS = SpanSettings(drawings=4, longest_span=6)


@pytest.fixture(scope="module")
def training(trp_cage_prepared, tmp_path_factory):
    """Frames 442 to 481, their codes not those of any tokenizer."""
    frames = np.arange(442, 482)
    path = tmp_path_factory.mktemp("codes") / "codes.npz"
    codes = np.random.default_rng(0).integers(512, size=(len(frames), 20)).astype(np.int32)
    write_npz(path, codes=codes, frame=frames, segment=np.zeros(len(frames), int), codebook_size=np.int32(512))
    return path, read_backbone(trp_cage_prepared.universe(), frames)[:, :, :3]


def run(prepared, codes, output, model=None, seed=0, joined=0, taught=None):
    rollout = RolloutSettings(replicas=3, frames=4)
    table = prepared.frames.assign(round=(prepared.frames["frame"] > 481 - joined).astype(int))
    redraw(
        prepared.topology,
        prepared.trajectory,
        table if joined else prepared.frames,
        codes,
        model,
        rollout,
        RedrawSettings(null_groups=2),
        seed,
        output,
        taught=taught,
    )
    return read_npz(output / STRUCTURES), read_json(output / RECORD)


def test_a_base_and_its_nulls_redraw_the_same_spans_of_training_frames(trp_cage_prepared, training, tmp_path):
    codes, frames = training
    made, record = run(trp_cage_prepared, codes, tmp_path, BaseModelSettings(name="base", spans=SPANS))
    assert {key: value.shape for key, value in made.items()} == {
        **dict.fromkeys(("model", "frequencies", "residue_types"), (3, 4, 20, 3, 3)),
        **{"codes": (3, 4, 20), "log_likelihood": (3, 4), "entropy": (3, 4)},
    }
    alpha = {source: made[source][:, :, :, 1] for source in ("model", "frequencies", "residue_types")}  # CA
    held = np.linalg.norm(alpha["model"][:, :, None] - frames[None, None, :, :, 1], axis=-1) < 1e-4  # (R, T, F, L)
    start = held.sum(-1).argmax(-1)
    moved = ~np.take_along_axis(held, start[..., None, None], 2)[:, :, 0]
    for null in ("frequencies", "residue_types"):
        apart = np.linalg.norm(alpha[null] - frames[start][:, :, :, 1], axis=-1) > 1e-4
        assert not apart[~moved.any(1, keepdims=True).repeat(4, 1)].any()  # outside of what any of its group moved
        assert not np.allclose(made[null], made["model"])
    assert moved.any()
    assert ((made["log_likelihood"] < 0) == moved.any(-1)).all()
    assert ((made["entropy"] > 0) == moved.any(-1)).all()
    assert record["base"] == "medium"
    assert record["validation_loss"] < record["baseline_pairs_of_types"] < record["baseline_residue_types"]
    assert record["not_redrawn"]["model"] == (~moved.any(-1)).sum()


def test_a_product_keeps_the_likelihood_under_each_of_its_parts(trp_cage_prepared, training, tmp_path):
    """One step of tuning and a weight of zero: what is drawn is what the base says."""
    tuning = TuningSettings(steps=1, weight=0.0)
    model = BaseModelSettings(name="base", spans=SPANS, tuning=tuning)
    made, _ = run(trp_cage_prepared, training[0], tmp_path, model)
    np.testing.assert_allclose(made["log_likelihood_base"], made["log_likelihood"])
    drawn = made["log_likelihood"] < 0
    assert drawn.any()
    assert (made["log_likelihood_tuned"][drawn] != made["log_likelihood"][drawn]).all()
    assert (made["log_likelihood_tuned"][~drawn] == 0).all()


def test_a_model_that_continues_frames_has_the_null_alone(trp_cage_prepared, training, tmp_path):
    codes, frames = training
    made, _ = run(trp_cage_prepared, codes, tmp_path)
    assert list(made) == ["residue_types"]
    assert made["residue_types"].shape == (2, 8, 20, 3, 3)
    nearest = np.min([rmsd(made["residue_types"].reshape(-1, 20, 3, 3), frame) for frame in frames], axis=0)
    assert 0.01 < np.median(nearest) < 0.5


def test_a_base_of_other_codes_than_the_tokenizer_is_refused(trp_cage_prepared, training, tmp_path):
    given = read_npz(training[0])
    path = tmp_path / "codes.npz"
    write_npz(path, **{**given, "codebook_size": np.int32(1024)})
    model = BaseModelSettings(name="base")
    with pytest.raises(InputError, match=r"speaks of 512 codes, and tokenizer\.codebook_size is 1024; set it to 512"):
        run(trp_cage_prepared, path, tmp_path, model)
    with pytest.raises(InputError, match="base nowhere: not one that comes with mdllm"):
        run(trp_cage_prepared, training[0], tmp_path, model.model_copy(update={"base": "nowhere"}))


def test_frames_that_joined_are_as_often_a_start_as_those_of_the_trajectory(trp_cage_prepared, training, tmp_path):
    codes, frames = training
    model = BaseModelSettings(name="base", spans=SPANS)
    made, _ = run(trp_cage_prepared, codes, tmp_path, model, joined=2)  # 12 structures of 38 frames, and of 2
    held = np.linalg.norm(made["residue_types"][:, :, None, :, 1] - frames[None, None, :, :, 1], axis=-1) < 1e-4
    start = held.sum(-1).argmax(-1)
    assert (start >= 38).mean() > 0.25
    assert (start < 38).any()
    assert np.bincount(as_often(np.array([0] * 10 + [1] * 2 + [2]))).tolist() == [1] * 10 + [5, 5, 10]


def test_frames_of_another_system_teach_as_its_own_would(trp_cage_prepared, training, tmp_path):
    tuning = TuningSettings(steps=3, learning_rate=3e-3, weight=1.0, gated=False)
    model = BaseModelSettings(name="base", spans=SPANS, tuning=tuning)
    trp_cage_prepared.frames.to_parquet(tmp_path / "frames.parquet")
    files = (trp_cage_prepared.topology, trp_cage_prepared.trajectory, tmp_path / "frames.parquet")

    def taught_by(*ranges):
        taught = Taught(*files, TrainingSet(frames=list(ranges)))
        return run(trp_cage_prepared, training[0], tmp_path, model, taught=taught)[0]

    own, same, other = run(trp_cage_prepared, training[0], tmp_path, model)[0], taught_by((442, 481)), taught_by((0, 9))
    np.testing.assert_array_equal(own["log_likelihood_tuned"], same["log_likelihood_tuned"])
    np.testing.assert_array_equal(own["model"], same["model"])
    assert (own["log_likelihood_tuned"] != other["log_likelihood_tuned"]).any()
    np.testing.assert_array_equal(own["residue_types"], other["residue_types"])


def test_a_teacher_that_is_not_alike_is_refused_where_it_has_to_support(trp_cage_prepared, training, tmp_path):
    lines = Path(trp_cage_prepared.topology).read_text().splitlines()
    unlike = [line[:17] + "UNK" + line[20:] if line.startswith("ATOM") else line for line in lines]
    (tmp_path / "unlike.pdb").write_text("\n".join(unlike))
    trp_cage_prepared.frames.to_parquet(tmp_path / "frames.parquet")
    files = (tmp_path / "unlike.pdb", trp_cage_prepared.trajectory, tmp_path / "frames.parquet")
    taught = Taught(*files, TrainingSet(frames=[(442, 445)]))
    tuning = TuningSettings(steps=1, system="elsewhere")
    model = BaseModelSettings(name="base", spans=SPANS, tuning=tuning)
    with pytest.raises(InputError, match=r"no residue of system elsewhere lies on one .* say gated: false"):
        run(trp_cage_prepared, training[0], tmp_path, model, taught=taught)
