"""The page in a real browser: offline, from the file system, by mouse and by keyboard, for people who do not see it."""

import io
import re

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest
from MDAnalysis.analysis.rms import rmsd

from browser import Opened
from mdllm.core.trajectories import open_backbone, read_backbone

pytestmark = pytest.mark.slow
EXPLORER = "mdllmPage.explorers.main"
SERIOUS = ("serious", "critical")
LONELY = """() => {
  const explorer = mdllmPage.explorers.main, view = explorer.map;
  const place = (row) => [view.scale("x")(row.x), view.scale("y")(row.y)];
  const places = explorer.shown.map(place);
  let best = null, widest = -1;
  explorer.shown.forEach((row, i) => {
    if (row.key !== "model" || row.id === explorer.chosen) return;
    const [x, y] = places[i];
    if (x < 5 || y < 5 || x > view.width() - 5 || y > view.height() - 5) return;
    let room = Infinity;
    places.forEach(([a, b], j) => { if (j !== i) room = Math.min(room, Math.hypot(a - x, b - y)); });
    if (room > widest) [widest, best] = [room, [row.id, x, y]];
  });
  const [[dx, dy], { left, top }] = [view.origin(), view.padding()];
  return [best[0], best[1] + dx + left, best[2] + dy + top];
}"""
DRAWN = f"{EXPLORER}.draw()"  # a promise that is kept when the viewers show the chosen frame
CA_OF_VIEWER = """() => mdllmPage.viewers[0].selectedAtoms({atom: "CA"}).map((a) => [a.x, a.y, a.z])"""


@pytest.fixture(scope="module")
def frames(run) -> pd.DataFrame:
    return pd.read_parquet(run / "output" / "page" / "frames.parquet")


@pytest.fixture(scope="module")
def backbone(run, frames, trp_cage_prepared):
    """Backbone (L, 4, 3) in nm of a generated frame, from the ensemble itself."""
    universe = open_backbone(trp_cage_prepared.topology, run / "ensemble.xtc")

    def of(row: int) -> np.ndarray:
        place = int(frames["replica"][row]) * 40 + int(frames["frame"][row])
        return read_backbone(universe, np.array([place]))[0]

    return of


def test_it_opens_offline_without_a_word_of_complaint(opened):
    assert opened.complaints == []
    assert opened.requests == []
    assert opened.page.locator("svg.marks").count() >= 4
    answer = opened.page.locator(".answer:visible").inner_text()
    assert answer.startswith("In 320 generated frames the model leaves state A in 25.00 %")
    assert "it finds state B, which it was not shown, in " in answer


def test_a_click_on_a_frame_shows_its_structure(opened, backbone):
    page = opened.page
    canvas, stage = page.locator(".map canvas").first, page.locator(".stage").first
    canvas.scroll_into_view_if_needed()
    before = stage.screenshot()
    row, x, y = page.evaluate(LONELY)
    canvas.click(position={"x": x, "y": y})
    assert page.evaluate(f"{EXPLORER}.chosen") == row
    page.wait_for_selector(f'[data-drawn="{row}"]')
    shown = np.array(page.evaluate(CA_OF_VIEWER))
    assert rmsd(shown, 10 * backbone(row)[:, 1], superposition=True) < 0.05
    assert stage.screenshot() != before


def test_beside_it_stands_the_nearest_training_frame(opened, frames):
    page, row = opened.page, 100 + int(np.flatnonzero(frames["source"] == "model")[0])
    page.evaluate(f"{EXPLORER}.choose({row})")
    near = int(frames["nearest"][row])
    assert frames["source"][near] == "training"
    assert page.locator(".nearest-name").first.inner_text().endswith(f"MD frame {frames['frame'][near]}")
    page.get_by_label("on top of each other").first.check()
    page.evaluate(DRAWN)
    assert page.evaluate("mdllmPage.viewers[0].selectedAtoms({atom: 'CA'}).length") == 40
    page.get_by_label("on top of each other").first.uncheck()
    page.evaluate(DRAWN)
    assert page.evaluate("mdllmPage.viewers[0].selectedAtoms({atom: 'CA'}).length") == 20


def test_filters_choose_what_the_map_shows(opened, frames):
    page = opened.page
    form = page.locator(".filters").first
    shown = frames["source"].isin(["model", "training", "md"])

    def count() -> int:
        return int(re.match(r"[\d,]+", form.locator(".count").inner_text())[0].replace(",", ""))

    assert count() == shown.sum()
    form.locator('[value="md"]').uncheck()
    assert count() == (shown & (frames["source"] != "md")).sum()
    form.get_by_label("State").select_option("B")
    in_b = frames["source"].isin(["model", "training"]) & (frames["state"] == "B")
    assert count() == in_b.sum() > 0
    assert page.evaluate(f"{EXPLORER}.map.data('frames').length") == in_b.sum()
    form.get_by_label("State").select_option("")
    form.get_by_label("Cluster").select_option("new")
    assert count() == (shown & (frames["source"] != "md") & frames["new"]).sum() > 0
    form.get_by_label("Cluster").select_option("")
    form.locator('[value="md"]').check()


def test_arrow_keys_walk_over_the_map(opened):
    page = opened.page
    page.locator(".map").first.focus()
    for key, sign in (("ArrowRight", 1), ("ArrowLeft", -1)):
        before = page.evaluate(f"{EXPLORER}.rows[{EXPLORER}.chosen].x")
        page.keyboard.press(key)
        assert sign * (page.evaluate(f"{EXPLORER}.rows[{EXPLORER}.chosen].x") - before) > 0


def test_a_replica_is_a_movie(opened, frames):
    page = opened.page
    page.locator('[name="replica"]').first.select_option("5")
    name = page.locator(".chosen-name").first
    assert name.inner_text() == "model: replica 5, frame 0"
    page.get_by_role("button", name="Next frame").first.click()
    assert name.inner_text() == "model: replica 5, frame 1"
    slider = page.locator('[name="frame"]').first
    slider.fill("20")
    assert name.inner_text() == "model: replica 5, frame 20"
    assert slider.get_attribute("aria-valuetext") == "replica 5, frame 20"
    play = page.locator('[name="play"]').first
    play.click()
    page.wait_for_function(f"{EXPLORER}.rows[{EXPLORER}.chosen].frame > 21")
    play.click()
    assert play.inner_text() == "Play"


def test_saved_structures_are_those_of_the_ensemble(opened, frames, backbone):
    page, row = opened.page, 57 + int(np.flatnonzero(frames["source"] == "model")[0])
    page.evaluate(f"{EXPLORER}.choose({row})")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PDB").first.click()
    universe = mda.Universe(str(download.value.path()), format="PDB")
    assert len(universe.trajectory) == 2
    assert list(universe.residues.resnames[:3]) == ["ASN", "LEU", "TYR"]
    model, near = (step.positions.copy() for step in universe.trajectory)
    assert rmsd(model, 10 * backbone(row).reshape(-1, 3), superposition=True) < 0.05
    chosen = universe.select_atoms("name N CA C").ix
    apart = rmsd(model[chosen], near[chosen], superposition=False)  # they lie on each other as they are saved
    assert apart == pytest.approx(10 * frames["rmsd_nm"][row], abs=0.05)


def test_tables_can_be_taken_as_they_are(opened, run):
    with opened.page.expect_download() as download:
        opened.page.get_by_role("button", name="discovery.csv").first.click()
    assert download.value.path().read_text() == (run / "output" / "analysis" / "discovery.csv").read_text()
    with opened.page.expect_download() as download:
        opened.page.get_by_role("button", name="Frames of the map").first.click()
    table = pd.read_csv(io.StringIO(download.value.path().read_text()))
    assert table["source"].value_counts()["model"] == 320


def test_a_variant_is_chosen_by_the_menu_and_by_the_address(browser, results, opened):
    again = Opened(browser, results / "index.html")
    again.page.get_by_role("link", name="again").click()
    again.page.wait_for_selector(".answer:visible")
    assert again.page.evaluate("mdllmPage.variant") == "again"
    assert again.page.locator(".of-variant:visible").first.get_attribute("data-variant") == "again"
    again.page.locator("#variant").select_option("main")
    assert again.page.locator(".of-variant:visible").first.get_attribute("data-variant") == "main"
    assert again.drawn().complaints == []
    again.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
def test_it_is_readable_and_fits(browser, results, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    one = Opened(browser, results / "trp_cage" / "report.html", width, scheme).drawn()
    one.page.evaluate(
        "document.querySelectorAll('details').forEach((fold) => { fold.open = !fold.closest('.vega-embed'); })"
    )
    found = axe.run(one.page).response["violations"]
    serious = {
        rule["id"]: [node["html"][:200] for node in rule["nodes"]] for rule in found if rule["impact"] in SERIOUS
    }
    assert serious == {}
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    one.context.close()


def test_the_theme_is_changed_by_its_button(opened):
    page = opened.page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Change between light and dark").click()
    opened.drawn()
    assert page.evaluate(ground) != light
    assert page.evaluate("document.querySelector('#main-training-1 svg').outerHTML.includes('#6AA6E0')")
    page.get_by_role("button", name="Change between light and dark").click()
    opened.drawn()
    assert page.evaluate(ground) == light
    assert opened.complaints == []


def test_printed_it_has_neither_controls_nor_hidden_rows(opened):
    opened.page.emulate_media(media="print")
    assert not opened.page.locator(".filters").first.is_visible()
    assert opened.page.locator(".answer").first.is_visible()
    assert opened.page.evaluate("getComputedStyle(document.querySelector('.scroll')).maxHeight") == "none"
    opened.page.emulate_media(media="screen")
