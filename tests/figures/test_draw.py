"""Every figure: its three files, its size, its fonts, its data, and the same bytes twice."""

import json
import pkgutil
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from figures.artists import draw_into
from figures.conftest import OF_STRUCTURES, OF_SYSTEMS, draw_all
from mdllm.figures import discovery, quality, style
from mdllm.figures.registry import figures
from mdllm.figures.tables import SystemTables, Tables

pytestmark = pytest.mark.slow  # a run is analyzed and drawn first

SINGLE = ("loss",)
FIGURES = [*OF_STRUCTURES, *OF_SYSTEMS]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_its_journal_width_and_resolution(drawn, name):
    with Image.open(drawn / f"{name}.png") as image:
        width_mm = image.width / 300 * 25.4
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert width_mm == pytest.approx(89 if name in SINGLE else 183, abs=0.2)


@pytest.mark.parametrize("name", FIGURES)
def test_text_stays_text_in_the_pdf(drawn, name):
    content = (drawn / f"{name}.pdf").read_bytes()
    assert b"/FontType 42" in content or b"/CIDFontType2" in content
    assert b"/FontType 3" not in content
    assert b"CreationDate" not in content


def test_the_same_tables_give_the_same_bytes(drawn, table_paths, tmp_path):
    draw_all(table_paths, tmp_path)
    for file in sorted(drawn.iterdir()):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_the_data_beside_a_figure_is_what_it_shows(drawn, table_paths):
    cvs = Tables(table_paths).cvs
    plane = pd.read_csv(drawn / "plane.csv")
    assert plane["shown_as"].value_counts()["model"] == (cvs["source"] == "model").sum()
    assert plane["shown_as"].value_counts()["training"] == cvs["training"].sum()
    series = pd.read_csv(drawn / "time_series.csv")
    shown = series[series["source"] == "model"]["distance_11_15_nm"]
    np.testing.assert_allclose(shown, cvs[cvs["source"] == "model"]["distance_11_15_nm"])
    fidelity = pd.read_csv(drawn / "fidelity.csv")
    assert fidelity["error_psi11_rad"].between(0, np.pi).all()
    pd.testing.assert_frame_equal(pd.read_csv(drawn / "discovery.csv"), pd.read_csv(table_paths["discovery"]))


def drawing(name: str, paths: dict):
    """What draws a figure, and the tables that it is given."""
    tables = Tables(paths)
    given = SystemTables({"main": tables, "again": tables}) if name in OF_SYSTEMS else tables
    return pkgutil.resolve_name(figures()[name].draw), given


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_smaller_than_six_points(pictures, name):
    assert min(size for _, size in pictures.texts(name)) >= 6


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("plane", "CA11–CA15 distance (nm)"),
        ("plane", "ψ11 (rad)"),
        ("time_series", "RMSD to first\ntraining frame (nm)"),
        ("loss", "loss (nats per code)"),
        ("fidelity", "backbone RMSD (nm)"),
        ("quality", "bond angle\ndeviation (rad)"),
        (
            "discovery",
            "share of frames found in the state (95 % interval);\n"
            "open: in its region, but not as close as true frames are",
        ),
        ("variants", "frames found in the state (%)\nnever trained on"),
    ],
)
def test_axes_say_what_and_in_which_unit(pictures, name, label):
    assert label in pictures.words(name)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_it_was_made_with(pictures, table_paths, tmp_path, name):
    hot = json.loads(table_paths["summary"].read_text())
    hot["conditions"]["temperature"] = 1.5
    (tmp_path / "hot.json").write_text(json.dumps(hot))
    tables = {**table_paths, "summary": tmp_path / "hot.json"}
    another = draw_into(tmp_path / name, *drawing(name, tables), written=False)
    for picture, temperature in ((pictures, "T 1 "), (another, "T 1.5 ")):
        (small,) = [text for text in picture.words(name) if text.startswith("preset cpu")]
        assert temperature in small.replace("\n", " ")


def test_what_differs_between_variants_is_said_variant_by_variant(table_paths, tmp_path):
    hot = json.loads(table_paths["summary"].read_text())
    hot["conditions"]["temperature"] = 1.5
    (tmp_path / "hot.json").write_text(json.dumps(hot))
    variants = {"main": Tables(table_paths), "hot": Tables({**table_paths, "summary": tmp_path / "hot.json"})}
    line = SystemTables(variants).conditions
    assert "main: T 1 · hot: T 1.5" in line
    assert line.count("K 128") == 1


def test_discovery_says_in_words_that_a_null_does_as_well(table_paths, tmp_path):
    table = pd.read_csv(table_paths["discovery"])
    phrase = "no better than its null (code frequencies)"
    table.loc[(table["state"] == "B") & (table["source"] == "model"), "verdict"] = phrase
    table.to_csv(tmp_path / "discovery.csv", index=False)
    tables = Tables({**table_paths, "discovery": tmp_path / "discovery.csv"})
    picture = draw_into(tmp_path / "discovery", discovery.draw, tables, written=False)
    assert any(phrase in text for text in picture.words("discovery"))


def test_a_state_that_nobody_knows_and_a_single_replica_are_drawn(table_paths, tmp_path):
    """No MD frame and no reference of the state, no interval, and a region in the plane that wraps."""
    tables = Tables(table_paths)
    cvs = tables.cvs[~((tables.cvs["source"] == "md") & (tables.cvs["state"] == "B"))]
    cvs[(cvs["source"] != "model") | (cvs["replica"] == 0)].to_parquet(tmp_path / "cvs.parquet")
    table = tables.discovery.copy()
    unknown = [c for c in table.columns if c.startswith("rmsd_to") or c.endswith(("_low", "_high"))]
    table.loc[table["state"] == "B", unknown] = np.nan
    table.to_csv(tmp_path / "discovery.csv", index=False)
    description = tables.description | {"states": {"A": [{"psi11_rad": [2.5, -1.5]}], "B": [{"phi11_rad": [-3.1, 0]}]}}
    (tmp_path / "description.json").write_text(json.dumps(description))
    changed = {name.split(".")[0]: tmp_path / name for name in ("cvs.parquet", "discovery.csv", "description.json")}
    affected = [name for name in FIGURES if changed.keys() & set(figures()[name].needs)]
    assert {"plane", "time_series", "fidelity", "discovery", "novelty", "variants"} == set(affected)
    for name in affected:
        drawn, tables = drawing(name, {**table_paths, **changed})
        drawn(tables, tmp_path / "drawn" / name)
    assert {file.stem for file in (tmp_path / "drawn").iterdir()} == set(affected)


def test_a_metric_without_a_value_says_none(table_paths, tmp_path):
    table = pd.read_csv(table_paths["quality"])
    lacking = (table["source"] == "model") & (table["metric"] == "omega_deviation_rad")
    table.loc[lacking, ["mean", "median", "p05", "p95", "max", "no_worse"]] = np.nan
    table.to_csv(tmp_path / "quality.csv", index=False)
    tables = Tables({**table_paths, "quality": tmp_path / "quality.csv"})
    picture = draw_into(tmp_path / "quality", quality.draw, tables, written=False)
    assert picture.words("quality").count("none") == 1


def test_sources_differ_in_greyscale_or_in_marker_and_line():
    looks = list(style.LOOKS.values())
    assert len({look.marker for look in looks}) == len(looks)
    grey = {name: np.dot(mpl.colors.to_rgb(look.color), [0.299, 0.587, 0.114]) for name, look in style.LOOKS.items()}
    assert abs(grey["training"] - grey["model"]) > 0.2
    assert abs(grey["training"] - grey["md"]) > 0.2
    assert abs(grey["roundtrip"] - grey["frequencies"]) > 0.2


def test_no_figure_stays_open(drawn):
    assert plt.get_fignums() == []


def test_figures_need_neither_torch_nor_mdanalysis():
    code = "import sys; import mdllm.figures.draw; print({'torch', 'MDAnalysis', 'snakemake'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": _SOURCE})
    assert result.stdout.strip() == "set()", result.stderr


_SOURCE = str(style._STYLE.parents[2])
