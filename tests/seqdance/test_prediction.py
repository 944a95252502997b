"""Predictions of sequences: batches, windows, files, figures, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from mdllm.cli import main
from mdllm.core.errors import InputError
from mdllm.figures.dance import draw_predictions
from mdllm.seqdance.files import open_model, read_sequences, write_predictions
from mdllm.seqdance.model import Dance
from mdllm.seqdance.predict import predict
from mdllm.seqdance.tokens import chains_of, encode

SEQUENCES = {"long": "MKTAYIAKQRQISFVKSHFSRQ", "short": "GSHMK", "complex": "ACDE:KLWYV"}


def test_a_batch_gives_what_each_sequence_alone_does(network):
    found = dict(predict(network, SEQUENCES))
    assert list(found) == ["short", "complex", "long"]
    for name, sequence in SEQUENCES.items():
        chains = chains_of(sequence)
        inside = [i for i, token in enumerate(encode(chains)) if token > 3]
        alone = network(torch.from_numpy(encode(chains))[None])
        np.testing.assert_allclose(found[name].residue, alone.residue[0, inside].detach(), atol=1e-5)
        np.testing.assert_allclose(found[name].pair, alone.pair[0][inside][:, inside].detach(), atol=1e-5)
        np.testing.assert_allclose(found[name].embedding, alone.embedding[0, inside].detach(), atol=1e-5)
        assert found[name].windows == 1


def test_long_sequences_are_means_over_windows(network):
    sequence = SEQUENCES["long"]
    (_, found), *_ = predict(network, {"long": sequence}, window=10)
    assert found.windows == 4  # from residue 1, 6, 11 and 13 of 22
    parts = {start: next(predict(network, {"x": sequence[start : start + 10]}))[1] for start in (0, 5, 10, 12)}
    np.testing.assert_allclose(found.residue[7], (parts[0].residue[7] + parts[5].residue[2]) / 2, atol=1e-5)
    np.testing.assert_allclose(found.pair[6, 8], (parts[0].pair[6, 8] + parts[5].pair[1, 3]) / 2, atol=1e-5)
    assert np.isnan(found.pair[0, 12]).all()
    with pytest.raises(InputError, match="complex is longer than 10 residues and is predicted in windows"):
        next(predict(network, SEQUENCES, window=10, attention=True))
    with pytest.raises(InputError, match="a window of 5000 residues: choose 2 to 1022"):
        next(predict(network, SEQUENCES, window=5000))


def test_files_hold_what_was_predicted(model, tmp_path):
    dance = open_model(str(model))
    proteins = write_predictions(SEQUENCES, dance, tmp_path / "out", embeddings=True, attention=True)
    assert proteins.set_index("protein").loc["complex", ["residues", "chains"]].tolist() == [9, 2]
    found = dict(predict(dance.network, SEQUENCES, attention=True))
    table = pd.read_parquet(tmp_path / "out" / "residues.parquet").set_index("protein")
    assert len(table) == 50 * (22 + 5 + 9)
    own = table.loc["complex"].set_index(["chain", "residue", "property"])
    assert own.loc[(2, 3, "sasa_mean_nm2"), ["letter", "unit"]].tolist() == ["W", "nm2"]
    assert own.loc[(2, 3, "sasa_mean_nm2"), "value"] == pytest.approx(found["complex"].residue[6, 0])
    assert own.loc[(1, 1, "rmsf_relative"), "unit"] == "1"
    with np.load(tmp_path / "out" / "maps" / "long.npz") as maps:
        np.testing.assert_allclose(maps["vdw"], found["long"].pair[..., 0] ** 3, rtol=1e-4)
        np.testing.assert_allclose(maps["correlation"], found["long"].pair[..., 9], rtol=1e-4)
    with np.load(tmp_path / "out" / "embeddings" / "short.npz") as kept:
        np.testing.assert_allclose(kept["embedding"], found["short"].embedding, rtol=1e-5)
    with np.load(tmp_path / "out" / "attention" / "short.npz") as kept:
        assert kept["attention"].shape == (5, 5, 4)
    with pytest.raises(InputError, match="exists; nothing is overwritten"):
        write_predictions(SEQUENCES, dance, tmp_path / "out")


@pytest.mark.slow
def test_the_command_predicts_and_draws(model, tmp_path, capsys):
    fasta = tmp_path / "two.fasta"
    fasta.write_text(">sp|P1|A first\nMKTAYIAKQR\n>second\nGSHMKLV\n")
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        main(["dance", str(fasta), "--model", str(model), "--output", str(out), "--figures", "1"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{out}: 2 proteins, 1 of them drawn\n"
    drawn = sorted(path.name for path in (out / "figures").iterdir())
    assert drawn == [f"second_{kind}.{ending}" for kind in ("maps", "profile") for ending in ("csv", "pdf", "png")]
    assert not (out / "embeddings").exists()
    assert (out / "maps" / "sp_P1_A.npz").is_file()


def test_what_is_no_sequence_is_named(model, tmp_path, capsys):
    def refused(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["dance", *arguments, "--output", str(tmp_path / "out")])
        assert ended.value.code == 1
        return capsys.readouterr().err

    assert "'J' at position 3 is no residue" in refused("MKJ", "--model", str(model))
    assert "gone.fasta does not exist" in refused("gone.fasta", "--model", str(model))
    assert "sha256 has no effect" in refused("MK", "--model", str(model), "--sha256", "0" * 64)
    for text, message in ((">a\nMK\n>a\nML\n", "two sequences are called a"), ("MK\n", "holds no sequence in FASTA")):
        (tmp_path / "x.fasta").write_text(text)
        with pytest.raises(InputError, match=message):
            read_sequences(str(tmp_path / "x.fasta"))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_system_stands_beside_its_md(model, trp_cage_prepared, tmp_path, capsys):
    out = tmp_path / "out"
    frames = trp_cage_prepared.folder
    with pytest.raises(SystemExit) as ended:
        main(["dance", str(frames), "--model", str(model), "--output", str(out)])
    assert ended.value.code == 0, capsys.readouterr().err
    table = pd.read_csv(out / "agreement.csv").set_index(["source", "quantity", "measure"])["value"]
    md = pd.read_parquet(out / "md.parquet").set_index("property")
    rmsf = md.loc["rmsf_nm", "value"].to_numpy()
    assert rmsf.argmin() not in (0, 19)
    for band in ("low", "medium", "high"):  # as in what the model learns
        assert md.loc[f"gnm_{band}", "value"].mean() == pytest.approx(1)
    predicted = pd.read_parquet(out / "residues.parquet").set_index("property").loc["rmsf_relative", "value"]
    assert table["model", "rmsf", "pearson"] == pytest.approx(np.corrcoef(predicted, rmsf)[0, 1], abs=1e-6)
    assert table["gnm", "rmsf", "pearson"] > 0.3  # ends move most, in both
    assert 0 < table["model", "dssp", "jensen_shannon"] < 1
    assert (out / "figures" / "system_profile.png").is_file()
    with np.load(out / "md.npz") as maps:
        assert set(maps.files) == {"correlation", "anm_low", "anm_medium", "anm_high"}
    assert "".join(md.loc["rmsf_nm", "letter"]) == "NLYIQWLKDGGPSSGRPPPS"


@pytest.mark.slow
def test_what_a_model_was_not_trained_on_is_left_out(network, tmp_path):
    names = ["sasa_mean_nm2", "sasa_std_nm2", "rmsf_nm", "vdw", "correlation"]
    dance = Dance(network, {"untrained": names, "seed": 0})
    write_predictions({"x": "MKTAYIAKQR"}, dance, tmp_path / "out")
    table = pd.read_parquet(tmp_path / "out" / "residues.parquet")
    assert len(table) == 10 * 47
    assert not set(table["property"]) & {"sasa_mean_nm2", "rmsf_relative"}
    with np.load(tmp_path / "out" / "maps" / "x.npz") as maps:
        assert len(maps.files) == 11
        assert "vdw" not in maps.files
    assert draw_predictions(tmp_path / "out", ["x"]) == 1
    drawn = pd.read_csv(tmp_path / "out" / "figures" / "x_maps.csv")
    assert list(drawn) == ["residue", "other_residue", "hbbb", "hp", "anm_low", "anm_medium", "anm_high"]
