"""What the file of a page holds."""

import json
import re
from html.parser import HTMLParser

import pytest

from mdllm.core.errors import InputError
from mdllm.figures.looks import LOOKS, RESTART_LOOKS
from mdllm.figures.registry import TABLES
from mdllm.page import build as building
from mdllm.page.build import build
from mdllm.page.charts import DARK, SHORT
from mdllm.page.registry import SECTIONS
from page.conftest import applies_to, tables_of


class Read(HTMLParser):
    """Ids, references to them, addresses that a browser would load, and content of scripts."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.targets, self.loads, self.scripts, self._script = [], [], [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._script = given.get("id", "code") if tag == "script" else None
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and given["href"].startswith("#"):
            self.targets.append(given["href"][1:])
        self.loads += [given[name] for name in ("src", "srcset", "data") if name in given]
        if tag == "link":
            self.loads.append(given["href"])

    def handle_data(self, data):
        if self._script:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data

    def handle_endtag(self, tag):
        self._script = None


@pytest.fixture(scope="module")
def page(results) -> Read:
    return Read((results / "trp_cage" / "report.html").read_text())


def test_it_is_one_file_whose_anchors_exist(page):
    assert page.loads == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)
    own = [anchor for anchor in page.targets if not anchor.startswith("again-")]
    assert own[: own.index("main-downloads") + 1] == [anchor for anchor in page.ids if anchor in own]
    assert {"main-explorer", "main-novelty", "main-discovery", "main-quality", "main-methods", "again-downloads"} <= {
        *page.ids
    }


def test_every_section_that_applies_is_shown_and_others_are_not(page):
    assert "main-verification" not in page.ids
    assert "kinetics" not in page.ids
    assert "variants" in page.ids


def test_charts_have_no_colour_that_a_dark_page_lacks(page):
    charts = json.loads(page.scripts["data-of-main"])
    colors = set(
        re.findall(r"#[0-9A-Fa-f]{6}", json.dumps([charts["charts"], charts["parts"]["main-explorer-0"]["map"]]))
    )
    assert colors
    assert colors <= DARK.keys()


def test_words_of_a_user_cannot_end_a_script(run, tmp_path):
    tables = tables_of(run)
    hostile = "</script><script>alert(1)</script>"
    tables.summary["about"] = hostile
    build("x", {"main": tables}, applies_to(tables, "main"), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_page_that_grows_too_large_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "MOST_BYTES", 1_000_000)
    tables = tables_of(run)
    with pytest.raises(InputError, match=r"the page of x would have .* MB"):
        build("x", {"main": tables}, applies_to(tables, "main"), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_the_index_leads_to_every_variant(results):
    text = (results / "index.html").read_text()
    assert 'href="trp_cage/report.html"' in text
    for variant in ("main", "again"):
        assert f'href="trp_cage/report.html#{variant}"' in text
    assert text.count("In 320 generated frames") == 2


def test_sections_name_tables_and_functions_that_exist():
    for section in SECTIONS:
        assert set(section.needs) <= TABLES.keys()
        assert callable(__import__(section.module, fromlist=["build"]).build)
    assert set(SHORT) == LOOKS.keys() | RESTART_LOOKS.keys()
