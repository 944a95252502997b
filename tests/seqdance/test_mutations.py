"""Effects of mutations: scores worked out by hand, a scan, readers, and how they are compared with measurements."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from transformers import EsmForMaskedLM

from mdllm.cli import main
from mdllm.core.errors import InputError
from mdllm.seqdance.families import PAIR, RESIDUE
from mdllm.seqdance.model import Dance
from mdllm.seqdance.mutations.benchmark import correlations, medians, regression
from mdllm.seqdance.mutations.changes import (
    CHANGES,
    changes_of,
    geometric_mean,
    quantile_normalised,
    relative_changes,
    scores,
)
from mdllm.seqdance.mutations.measured import read_measured
from mdllm.seqdance.mutations.mutants import mutate, revert, single_mutants
from mdllm.seqdance.mutations.references import blosum62, hydrophobicity, masked_likelihood
from mdllm.seqdance.network import encoder_config
from mdllm.seqdance.settings import SeqDanceNetworkSettings
from mdllm.seqdance.tokens import encode

SEQUENCE = "MKTAYIAKQRQISF"
RNG = np.random.default_rng(0)


def test_there_are_23_changes():
    assert len(CHANGES) == 23
    assert CHANGES[:3] == ("sasa_mean_nm2", "sasa_std_nm2", "rmsf_nm")
    assert CHANGES[6:10] == ("dssp", "chi1", "phi", "psi")
    assert CHANGES[10:] == PAIR


def test_changes_by_hand():
    """Two residues between special tokens."""
    wild_type, mutant = torch.zeros(1, 4, 50), torch.zeros(1, 4, 50)
    wild_type[0, :, 0] = torch.tensor([9.0, 1.0, 0.0, 9.0])
    mutant[0, :, 0] = torch.tensor([0.0, 1.5, 0.02, 9.0])
    helix = RESIDUE.index("dssp_H")
    wild_type[0, 1, helix], mutant[0, 1, helix] = 0.5, 0.25
    pair, mutant_pair = torch.zeros(1, 4, 4, 13), torch.zeros(1, 4, 4, 13)
    pair[0, 1, 2, 9], mutant_pair[0, 1, 2, 9], mutant_pair[0, 2, 2, 9] = -0.5, 0.5, 0.3
    found = relative_changes(mutant, mutant_pair, wild_type, pair, all_tokens=False)[0]
    assert found[0].item() == pytest.approx((0.5 / 1.01 + 0.02 / 0.01) / 2)
    assert found[6].item() == pytest.approx(0.25 / 0.51 / 2 / 8)  # two residues, eight classes
    assert found[10 + 9].item() == pytest.approx((1 / 0.51 + 0) / 2)  # (1, 2) and (2, 1), without the diagonal
    found = relative_changes(mutant, mutant_pair, wild_type, pair, all_tokens=True)[0]
    assert found[0].item() == pytest.approx((9 / 9.01 + 0.5 / 1.01 + 0.02 / 0.01 + 0) / 4)
    assert found[10 + 9].item() == pytest.approx((1 / 0.51 + 0.3 / 0.01) / 16)


def test_scores_by_hand():
    """Three mutants, two properties of which one is ten times the other: ranks decide."""
    values = np.array([[1.0, 30.0], [2.0, 10.0], [4.0, 20.0]])
    # Means of the sorted columns: (1 + 10) / 2, (2 + 20) / 2, (4 + 30) / 2.
    normalised = quantile_normalised(values)
    assert normalised.tolist() == [[5.5, 17.0], [11.0, 5.5], [17.0, 11.0]]
    np.testing.assert_allclose(geometric_mean(normalised), np.sqrt([5.5 * 17, 11 * 5.5, 17 * 11]))
    tied = quantile_normalised(np.array([[1.0, 1.0], [1.0, 2.0], [4.0, 3.0]]))
    assert tied[:2, 0].tolist() == [1.25, 1.25]  # of ranks 1 and 2: 1 and 1.5
    table = pd.DataFrame(values, index=["a", "b", "c"])
    found = scores(table, table * 2)
    np.testing.assert_allclose(found["paper"], -np.sqrt([5.5 * 17, 11 * 5.5, 17 * 11]))
    np.testing.assert_allclose(found["residues"], 2 * found["paper"])
    np.testing.assert_allclose(found["independent"], -np.sqrt([4 * 30, 4 * 20, 4 * 80]))


def test_the_independent_score_does_not_ask_who_else_is_there(network):
    all_tokens, residues = changes_of(Dance(network, {}), SEQUENCE, single_mutants(SEQUENCE)[:40])
    alone = changes_of(Dance(network, {}), SEQUENCE, single_mutants(SEQUENCE)[:3])
    whole, few = scores(all_tokens, residues), scores(*alone)
    np.testing.assert_allclose(few["independent"], whole["independent"][:3], rtol=1e-3)
    assert not np.allclose(few["paper"], whole["paper"][:3], rtol=1e-2)
    # What a mutant changes is what the network says of it and of the wild type.
    wild_type, mutant = (network(torch.from_numpy(encode([s]))[None]) for s in (SEQUENCE, mutate(SEQUENCE, "M1A")))
    own = relative_changes(mutant.residue, mutant.pair, wild_type.residue, wild_type.pair, all_tokens=True)
    np.testing.assert_allclose(all_tokens.loc["M1A"], own[0].detach(), rtol=1e-3, atol=1e-6)


def test_what_a_model_was_not_trained_on_changes_no_score(network):
    dance = Dance(
        network, {"untrained": ["sasa_mean_nm2", "vdw", "dssp_H", *(f"phi_{edge}" for edge in range(-180, 180, 30))]}
    )
    _, found = changes_of(dance, SEQUENCE, ["M1A", "K2L"])
    assert set(CHANGES) - set(found) == {"sasa_mean_nm2", "vdw", "phi"}  # dssp_E and others are known
    _, whole = changes_of(Dance(network, {}), SEQUENCE, ["M1A", "K2L"])
    pd.testing.assert_frame_equal(found, whole[list(found)])


def test_mutants():
    assert mutate("MKTA", "K2L:A4G") == "MLTG"
    assert revert("MLTG", "K2L:A4G") == "MKTA"
    assert len(single_mutants("MKXA")) == 57
    for mutant, message in (
        ("A2G", "A2G, but position 2 is K"),
        ("K9G", "but the sequence has 4 residues"),
        ("K2L:K2G", "changes a position twice"),
        ("ins2G", "is no substitution such as A12G"),
    ):
        with pytest.raises(InputError, match=message):
            mutate("MKTA", mutant)


def test_references_by_hand():
    assert blosum62(["A1G", "W2L:I3V"]).tolist() == [0.0, -2.0 + 3.0]
    assert hydrophobicity(["A1R", "I1V:A2A"]).tolist() == pytest.approx([-(1.8 + 4.5), -(4.5 - 4.2)])
    torch.manual_seed(0)
    model = EsmForMaskedLM(
        encoder_config(SeqDanceNetworkSettings(layers=1, heads=2, width=16, feed_forward=16, dropout=0.0))
    ).eval()
    tokens = torch.from_numpy(encode([SEQUENCE]))[None]
    expected = 0.0
    for position, old, new in ((3, 11, 5), (6, 12, 4)):  # T3A, I6L by their tokens
        masked = tokens.clone()
        masked[0, position] = 32
        logits = model(masked).logits[0, position].log_softmax(-1)
        expected += (logits[new] - logits[old]).item()
    assert masked_likelihood(model, SEQUENCE, ["T3A:I6L"])[0] == pytest.approx(expected, abs=1e-5)


def test_mega_scale_and_proteingym_are_read(tmp_path):
    mega = pd.DataFrame(
        {
            "name": "x",
            "WT_name": "1ABC.pdb",
            "mut_type": ["wt", "K2L", "K2L", "T3A", "ins2G", "M1A:A4G", "T3G"],
            "aa_seq": ["MKTA", "MLTA", "MLTA", "MKAA", "MGKTA", "AKTG", "MKGA"],
            "ddG_ML": ["0", "-1.0", "-2.0", "0.5", "-3", "-2.5", "-"],
        }
    )
    mega.to_csv(tmp_path / "mega.csv", index=False)
    gym = pd.DataFrame({"mutant": ["G1A"], "mutated_sequence": ["AW"], "DMS_score": [3.0], "DMS_score_bin": [1]})
    gym.to_csv(tmp_path / "GYM_HUMAN.csv", index=False)
    found = read_measured([tmp_path / "mega.csv", tmp_path / "GYM_HUMAN.csv"])
    assert found.to_numpy().tolist() == [
        ["1ABC", "MKTA", "K2L", -1.5],
        ["1ABC", "MKTA", "T3A", 0.5],
        ["1ABC", "MKTA", "M1A:A4G", -2.5],
        ["GYM_HUMAN", "GW", "G1A", 3.0],
    ]


def test_files_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / "x.csv"
    for text, message in (
        ("a,b\n1,2\n", "known are those of the mega-scale"),
        ("mutant,mutated_sequence,DMS_score\nK2L,MKTA,1\n", "L2K, but position 2 is K"),
        ("mutant,mutated_sequence,DMS_score\nwt,MKTA,1\n", "has no substitution, such as A12G, with a number"),
        ("protein,sequence,mutant,value\np,MK,K2L,1\np,MKT,T3A,2\n", "p: its mutants have 2 different wild types"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_measured([path])
    with pytest.raises(InputError, match=r"gone\.csv does not exist"):
        read_measured([tmp_path / "gone.csv"])


def scored(proteins: int = 6, mutants: int = 30) -> pd.DataFrame:
    """Made-up scores: `good` follows the values, `bad` does not; one change carries them, linearly in its logarithm."""
    rng = np.random.default_rng(1)
    size = proteins * mutants
    values = rng.normal(size=size)
    table = pd.DataFrame(
        {
            "protein": np.repeat([f"p{i}" for i in range(proteins)], mutants),
            "sequence": "MK",
            "mutant": "K2L",
            "value": values,
            "good": values + 0.5 * rng.normal(size=size),
            "bad": rng.normal(size=size),
        }
    )
    changes = pd.DataFrame(np.exp(rng.normal(size=(size, 23))), columns=[f"change_{name}" for name in CHANGES])
    changes["change_psi"] = np.exp(-values + 0.1 * rng.normal(size=size))
    return pd.concat([table, changes], axis=1)


def test_rank_correlations_have_intervals():
    table = scored()
    found = correlations(table).set_index(["score", "protein"])
    own = table[table["protein"] == "p2"]
    row = found.loc[("good", "p2")]
    assert row["spearman"] == pytest.approx(spearmanr(own["good"], own["value"]).statistic)
    assert row["low"] < row["spearman"] < row["high"]
    assert row["low"] > 0.5
    assert set(found.index.get_level_values("score")) == {"good", "bad"}
    summary = medians(found.reset_index()).set_index("score")
    assert summary.loc["good", "median_spearman"] == pytest.approx(found.loc["good"]["spearman"].median())
    assert summary.loc["bad", "low"] < 0.2 < summary.loc["good", "low"]
    with pytest.raises(InputError, match="no protein has 5 mutants"):
        correlations(table[:4])


def test_a_regression_is_judged_on_proteins_held_out():
    table, errors = regression(scored())
    assert errors["mean_absolute_error"] < 0.2 < 0.6 < errors["mean_absolute_error_of_the_mean"]
    assert errors["folds"] == 5
    # Values of the protein alone, and changes that tell which protein it is: no other protein helps.
    told = scored()
    told["value"] = np.repeat([0.0, 3.0, 1.0, 5.0, 2.0, 4.0], 30)
    for number, name in enumerate(CHANGES):
        told[f"change_{name}"] = np.where(np.repeat(np.arange(6), 30) == number, 10.0, 1.0)
    assert regression(told)[1]["mean_absolute_error"] > 1
    with pytest.raises(InputError, match="at least two proteins"):
        regression(scored(1))
    assert len(table) == 180


def test_a_scan_from_the_command_line(model, tmp_path, capsys):
    out = tmp_path / "scan"
    with pytest.raises(SystemExit) as ended:
        main(["dance-scan", SEQUENCE, "--model", str(model), "--output", str(out)])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{out}: 266 mutants\n"
    table = pd.read_parquet(out / "scan.parquet")
    assert len(table) == 14 * 19
    assert set(table.columns) >= {"paper", "residues", "independent", "blosum62", *(f"change_{c}" for c in CHANGES)}
    assert (table["paper"] < 0).all()
    assert sorted(path.name for path in (out / "figures").iterdir()) == ["scan.csv", "scan.pdf", "scan.png"]


@pytest.mark.slow
def test_a_benchmark_from_the_command_line(model, tmp_path, capsys):
    measured, proteins = tmp_path / "own.csv", tmp_path / "proteins.csv"
    rows = [
        (protein, sequence, mutant, RNG.normal())
        for protein, sequence in (("a", SEQUENCE * 2), ("b", "GSHWKLVDEC" * 3))
        for mutant in single_mutants(sequence)[:12]
    ]
    pd.DataFrame(rows, columns=["protein", "sequence", "mutant", "value"]).to_csv(measured, index=False)
    proteins.write_text(f"name,sequence,group,split\nk,{SEQUENCE * 2},md,train\nl,KLKL,md,validation\n")
    out = tmp_path / "benchmark"
    arguments = ["dance-benchmark", str(measured), "--model", str(model), "--output", str(out)]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--trained-on", str(proteins)])
    assert ended.value.code == 0
    assert "median_spearman" in capsys.readouterr().out
    found = pd.read_csv(out / "spearman.csv")
    assert set(found["score"]) == {
        *("paper", "residues", "independent", "sasa_mean_nm2_alone", "psi_alone", "blosum62", "hydrophobicity")
    }
    assert found.groupby("protein")["homolog_in_training"].first().to_dict() == {"a": True, "b": False}
    counts = pd.read_csv(out / "medians.csv").groupby("of")["proteins"].max().to_dict()
    assert counts == {"all": 2, "no homolog from 0.3 identity on": 1}
    assert len(pd.read_csv(out / "regression.csv")) == 24


def test_what_cannot_be_scanned(model, network, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["dance-scan", "MK:MK", "--model", str(model), "--output", str(tmp_path / "o")])
    assert "has 2 chains; effects of mutations are of one chain" in capsys.readouterr().err
    with pytest.raises(InputError, match="are of chains of 2 to 1022"):
        changes_of(Dance(network, {}), "M" * 1023, ["M1A"])
