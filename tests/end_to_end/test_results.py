"""The results of the demo in Python, by `mdllm.load` and by the notebook of the documentation."""

from importlib.util import find_spec

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

import mdllm
from mdllm import cli
from mdllm.core.errors import InputError
from project import ROOT

FRAMES = 1000  # of which the model was trained on 442 to 898


@pytest.fixture(scope="module")
def results(finished):
    return mdllm.load(finished.folder / "results" / "trp_cage" / "main")


def test_structures_and_tables_are_those_of_the_run(results):
    assert (results.system, results.variant) == ("trp_cage", "main")
    assert len(results.md.trajectory) == len(results.md_frames) == 4999
    assert len(results.generated.trajectory) == len(results.generated_frames) == 4 * 16
    assert len(results.null("frequencies").trajectory) == 4 * 16
    assert len(results.null("residue_types").trajectory) == 10 * 8  # of SMALL
    cvs = results.tables["cvs"]
    assert set(cvs["source"]) == {"md", "model", "roundtrip", "frequencies", "residue_types", "synonyms"}
    assert results.tables["summary"] == results.summary
    assert "kinetics" not in results.tables
    assert all(path.suffix == ".pdb" for path in results.new_structures)


def test_codes_tokenizer_and_model_belong_together(results):
    codes = results.codes["codes"]
    decoded = results.tokenizer.decode(codes[:3])
    assert decoded.shape == (3, 20, 3, 3)
    np.testing.assert_array_equal(results.tokenizer.encode(decoded)[0].shape, codes[0].shape)
    assert results.generated_codes["codes"].shape == (4, 16, 20)
    assert results.model.num_parameters() == results.summary["training"]["parameters"]


def test_the_likelihood_of_a_trajectory(finished, results, tmp_path, capsys):
    """Of prepared frames, which the model was trained on in part."""
    prepared, table = finished.folder / "results" / "trp_cage" / "frames", tmp_path / "likelihood.csv"
    files = [str(prepared / "topology.pdb"), str(tmp_path / "part.xtc")]
    results.md.atoms.write(files[1], frames=results.md.trajectory[:FRAMES])
    with pytest.raises(SystemExit) as ended:
        cli.main(["likelihood", str(results.folder), *files, "--output", str(table)])
    assert not ended.value.code
    found = pd.read_csv(table)
    assert len(found) == FRAMES
    assert found["forward_nats"].isna().sum() == found["backward_nats"].isna().sum() == 4 * found["segment"].nunique()
    training = np.isin(results.md_frames["frame"][:FRAMES], results.codes["frame"])
    assert found["forward_nats"][training].mean() > found["forward_nats"][~training].mean()
    assert "entropy production" in capsys.readouterr().out


def test_what_another_variant_provides_is_found_there(finished):
    of_b = mdllm.load(finished.folder / "results" / "trp_cage" / "from_b")
    assert of_b.place("train", "model").parent.name == "from_b"
    with pytest.raises(InputError, match="kinetics does not apply to trp_cage/from_b"):
        of_b.place("kinetics", "kinetics/mfpt.csv")


def test_a_wrong_name_is_told_what_there_is(finished, results):
    with pytest.raises(InputError, match=r"holds no summary.json; finished are .*trp_cage/from_b, .*trp_cage/main"):
        mdllm.load(finished.folder / "results" / "trp_cage" / "mian")
    with pytest.raises(KeyError, match="there is no table 'cv'; there are cvs"):
        results.tables["cv"]
    with pytest.raises(InputError, match="choose roundtrip, frequencies, residue_types, synonyms"):
        results.null("none")


def test_the_widget(results):
    if find_spec("nglview"):
        assert results.view().n_components == 1
    else:
        with pytest.raises(InputError, match="pip install nglview"):
            results.view()


def test_the_notebook_runs(finished, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    notebook = nbformat.read(ROOT / "docs" / "results.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(finished.folder)}}).execute()
    shown = [cell.outputs[-1].data["text/plain"] for cell in notebook.cells if cell.cell_type == "code"]
    assert "results of trp_cage, variant main" in shown[0]
    assert "(4, 16, 20)" in shown[4]
