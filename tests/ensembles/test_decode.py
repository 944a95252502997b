"""Decoding of the rollout and of its nulls."""

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest

from mdllm.core.geometry import rmsd
from mdllm.core.records import read_npz, write_npz
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.ensembles.decode import decode_ensembles
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.multiscale.settings import MultiscaleSettings
from mdllm.tokenizers.tokenize import tokenize_residues

REPLICAS, FRAMES = 3, 7
GROUPS, GROUP = 2, 5


@pytest.fixture(scope="module")
def tokens(trp_cage_prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    training = trp_cage_prepared.training("A", (442, 600))
    settings = MultiscaleSettings(codebook_size=32)
    tokenize_residues(trp_cage_prepared.topology, trp_cage_prepared.trajectory, training, settings, 0, folder)
    codes = read_npz(folder / "codes.npz")["codes"]
    write_npz(
        folder / "rollout.npz",
        codes=codes[: REPLICAS * FRAMES].reshape(REPLICAS, FRAMES, -1),
        log_likelihood=-np.arange(REPLICAS * FRAMES, dtype=float).reshape(REPLICAS, FRAMES),
        entropy=np.ones((REPLICAS, FRAMES)),
    )
    universe = open_backbone(trp_cage_prepared.topology, trp_cage_prepared.trajectory)
    redrawn = read_backbone(universe, np.arange(2000, 2000 + 3 * GROUPS * GROUP))[:, :, :3]
    model, frequencies, residue_types = redrawn.reshape(3, GROUPS, GROUP, 20, 3, 3)
    write_npz(folder / "null.npz", residue_types=residue_types)
    write_npz(
        folder / "base.npz",
        model=model,
        frequencies=frequencies,
        residue_types=residue_types,
        **{
            f"log_likelihood{of}": by - np.arange(GROUPS * GROUP, dtype=float).reshape(GROUPS, GROUP)
            for of, by in (("", 0), ("_base", -100), ("_tuned", -200))
        },
        entropy=np.ones((GROUPS, GROUP)),
    )
    return folder


def decode(tokens, topology, output, samples=1, rollout="rollout.npz", redrawn="null.npz"):
    output.mkdir()
    made = rollout and tokens / rollout, tokens / redrawn
    decode_ensembles(*made, tokens / "codes.npz", tokens / "tokenizer", topology, samples, 0, output)
    return pd.read_parquet(output / "frames.parquet")


def written(folder, name):
    return read_backbone(open_backbone(folder / "topology.pdb", folder / f"{name}.xtc"))


def test_each_ensemble_is_its_codes_decoded(trp_cage_prepared, tokens, tmp_path):
    table = decode(tokens, trp_cage_prepared.topology, tmp_path / "out")
    counts = {"model": REPLICAS * FRAMES, "roundtrip": 159, "frequencies": REPLICAS * FRAMES}
    counts |= {"residue_types": GROUPS * GROUP, "synonyms": REPLICAS * FRAMES}
    assert table["source"].value_counts().to_dict() == counts
    tokenizer, codes = load_tokenizer(tokens / "tokenizer"), read_npz(tokens / "codes.npz")["codes"]
    null = read_npz(tokens / "null.npz")["residue_types"].reshape(-1, 20, 3, 3)
    for name, expected in (
        ("ensemble", codes[: REPLICAS * FRAMES]),
        ("roundtrip", codes),
        ("residue_types", tokenizer.encode(null.astype(float))),
    ):
        assert rmsd(written(tmp_path / "out", name)[:, :, :3], tokenizer.decode(expected)).max() < 0.001
    assert rmsd(written(tmp_path / "out", "residue_types")[:, :, :3], null).min() > 0.003
    model = table[table["source"] == "model"]
    assert model["replica"].tolist() == np.repeat(range(REPLICAS), FRAMES).tolist()
    assert model["frame"].tolist() == list(range(FRAMES)) * REPLICAS
    assert model["log_likelihood_nats"].tolist() == [-float(n) for n in range(REPLICAS * FRAMES)]
    assert table[table["source"] == "roundtrip"]["frame"].tolist() == list(range(442, 601))
    assert table[table["source"] != "model"]["log_likelihood_nats"].isna().all()
    assert table[["log_likelihood_base_nats", "log_likelihood_tuned_nats"]].isna().all(axis=None)
    assert "temperature" not in table


def test_frames_whose_entropy_is_held_have_their_temperatures(trp_cage_prepared, tokens, tmp_path):
    temperature = 1 + np.arange(REPLICAS * FRAMES).reshape(REPLICAS, FRAMES) / 100
    write_npz(tokens / "held.npz", **read_npz(tokens / "rollout.npz"), temperature=temperature)
    table = decode(tokens, trp_cage_prepared.topology, tmp_path / "out", samples=2, rollout="held.npz")
    model = table["source"] == "model"
    assert table.loc[model, "temperature"].tolist() == np.repeat(temperature, 2).tolist()
    assert table.loc[~model, "temperature"].isna().all()


def test_residues_have_their_names_and_numbers(trp_cage_prepared, tokens, tmp_path, trp_cage_files):
    decode(tokens, trp_cage_prepared.topology, tmp_path / "out")
    written = mda.Universe(str(tmp_path / "out" / "topology.pdb"))
    raw = mda.Universe(str(trp_cage_files[0]))
    assert written.residues.resnames.tolist() == raw.residues.resnames.tolist()
    assert written.residues.resids.tolist() == raw.residues.resids.tolist()
    assert written.atoms.names.tolist() == ["N", "CA", "C", "O"] * 20


@pytest.mark.slow
def test_samples_are_drawn_from_the_uncertainty_and_repeat_by_seed(trp_cage_prepared, tokens, tmp_path):
    table = decode(tokens, trp_cage_prepared.topology, tmp_path / "a", samples=4)
    decode(tokens, trp_cage_prepared.topology, tmp_path / "b", samples=4)
    assert len(table) == 4 * (3 * REPLICAS * FRAMES + 159 + GROUPS * GROUP)
    assert table["sample"].tolist()[:8] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert (tmp_path / "a" / "ensemble.xtc").read_bytes() == (tmp_path / "b" / "ensemble.xtc").read_bytes()
    drawn = read_backbone(open_backbone(tmp_path / "a" / "topology.pdb", tmp_path / "a" / "ensemble.xtc"))
    spread = rmsd(drawn[:4, :, :3], drawn[0, :, :3])[1:]
    assert (spread > 0.002).all()
    assert (spread < 0.2).all()


def test_what_a_base_has_redrawn_is_taken_as_it_is(trp_cage_prepared, tokens, tmp_path):
    table = decode(tokens, trp_cage_prepared.topology, tmp_path / "out", rollout=None, redrawn="base.npz")
    made, size = read_npz(tokens / "base.npz"), GROUPS * GROUP
    for name, source in (("ensemble", "model"), ("frequencies",) * 2, ("residue_types",) * 2):
        assert rmsd(written(tmp_path / "out", name)[:, :, :3], made[source].reshape(size, 20, 3, 3)).max() < 0.001
        assert (table["source"] == source).sum() == size
    model = table[table["source"] == "model"]
    assert model["replica"].tolist() == [0] * GROUP + [1] * GROUP
    assert model["log_likelihood_nats"].tolist() == [-float(n) for n in range(size)]
    assert model["log_likelihood_base_nats"].tolist() == [-100.0 - n for n in range(size)]
    assert model["log_likelihood_tuned_nats"].tolist() == [-200.0 - n for n in range(size)]
    assert table["source"].value_counts()[["roundtrip", "synonyms"]].tolist() == [159, size]
