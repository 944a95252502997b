"""What encode->decode loses: measured, summarized, and held against the limits."""

import numpy as np
import pytest

from mdllm.config.settings.stages import FidelitySettings
from mdllm.core.errors import InputError
from mdllm.core.geometry import backbone_torsions, circular_difference, rmsd
from mdllm.core.records import read_npz
from mdllm.core.trajectories import read_backbone
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.fidelity import check, measure, summarize
from mdllm.tokenizers.multiscale.settings import MultiscaleSettings
from mdllm.tokenizers.tokenize import tokenize_residues


@pytest.fixture(scope="module")
def tokens(trp_cage_prepared, tmp_path_factory):
    """Folder with codes of part of state A, and the training frames."""
    folder = tmp_path_factory.mktemp("tokens")
    training = trp_cage_prepared.training("A", (442, 700), (4000, 4100))
    settings = MultiscaleSettings(codebook_size=64, fit_frames=200)
    counts = tokenize_residues(trp_cage_prepared.topology, trp_cage_prepared.trajectory, training, settings, 0, folder)
    assert counts["fitted_frames"] == 200
    return folder, training


@pytest.fixture(scope="module")
def table(trp_cage_prepared, tokens):
    folder, training = tokens
    return measure(
        load_tokenizer(folder / "tokenizer"),
        trp_cage_prepared.universe(),
        trp_cage_prepared.frames,
        training.index,
        trp_cage_prepared.bound(),
        unseen_frames=300,
    )


def test_codes_are_those_of_the_training_frames(trp_cage_prepared, tokens):
    folder, training = tokens
    written = read_npz(folder / "codes.npz")
    backbone = read_backbone(trp_cage_prepared.universe(), training.index)[:, :, :3]
    assert (written["codes"] == load_tokenizer(folder / "tokenizer").encode(backbone)).all()
    assert written["codes"].shape == (360, 20)
    assert written["frame"].tolist() == [*range(442, 701), *range(4000, 4101)]
    assert np.unique(written["segment"]).tolist() == [0, 1]
    assert written["codebook_size"] == 64


def test_the_table_equals_an_independent_round_trip(trp_cage_prepared, tokens, table):
    row = table[table["frame"] == 500].iloc[0]
    backbone = read_backbone(trp_cage_prepared.universe(), np.array([500]))[:, :, :3]
    tokenizer = load_tokenizer(tokens[0] / "tokenizer")
    decoded = tokenizer.decode(tokenizer.encode(backbone))
    assert row["rmsd_nm"] == pytest.approx(rmsd(decoded, backbone)[0], abs=1e-6)
    psi_11 = backbone_torsions(decoded)[1][0, 10]
    assert circular_difference(row["psi11_rad_after"], psi_11) == pytest.approx(0, abs=1e-4)
    assert bool(row["training"])
    assert (table["training"].sum(), len(table)) == (360, 660)


def test_the_summary_counts_what_the_table_holds(table, tokens):
    codes = read_npz(tokens[0] / "codes.npz")
    fidelity = summarize(table, codes["codes"], codes["segment"], load_tokenizer(tokens[0] / "tokenizer"))
    unseen = table[~table["training"] & (table["state"] == "B")]
    kept = fidelity["unseen"]["state_kept"]["B"]
    assert kept == {
        "frames": len(unseen),
        "kept": int((unseen["state_after"] == "B").sum()),
        "share": (unseen["state_after"] == "B").mean(),
    }
    assert list(fidelity["training"]["state_kept"]) == ["A"]
    assert fidelity["training"]["rmsd_nm"]["median"] == pytest.approx(table[table["training"]]["rmsd_nm"].median())
    within = codes["segment"][1:] == codes["segment"][:-1]
    equal = codes["codes"][1:][within] == codes["codes"][:-1][within]
    assert fidelity["codes_equal_consecutive"] == pytest.approx(equal.mean())
    one = np.bincount(codes["codes"][:, 3]) / 360
    assert fidelity["entropy_per_residue_nats"][3] == pytest.approx(
        -(one[one > 0] * np.log(one[one > 0])).sum(), abs=1e-4
    )


def test_a_failed_limit_says_which_and_what_to_change(table, tokens):
    codes = read_npz(tokens[0] / "codes.npz")
    fidelity = summarize(table, codes["codes"], codes["segment"], load_tokenizer(tokens[0] / "tokenizer"))
    check(fidelity, FidelitySettings(), "A")
    with pytest.raises(
        InputError, match=r"fidelity\.training_rmsd_nm is 0\.001, the codes reach 0\.\d+.*codebook_size"
    ):
        check(fidelity, FidelitySettings(training_rmsd_nm=0.001), "A")
    fidelity["training"]["state_kept"]["A"]["share"] = 0.5
    with pytest.raises(InputError, match=r"training_state_kept is 0\.9, the codes reach 0\.500"):
        check(fidelity, FidelitySettings(), "A")
