"""Gallery: pictures of pages of finished runs, and the page of the documentation that shows them.

``python docs/gallery.py [results]`` writes docs/gallery/ and docs/images/page.png from results that are there; `make
gallery` makes these first. Needs Chromium.
"""

import io
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from picture import reduced
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from mdllm.figures.conditions import line
from mdllm.report.answer import PAGE, sentence

DOCS = Path(__file__).resolve().parent
OPTIONS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WIDTH, README_WIDTH, COLORS = 1100, 900, 128
RUN = "snakemake --profile profiles/local --config only="


@dataclass(frozen=True)
class Entry:
    """One picture: a section of the page of a system.

    Attributes:
        words: what a reader sees in it.
        selector: of what is on the picture.
    """

    name: str
    title: str
    words: str
    system: str
    variant: str
    selector: str

    @property
    def picture(self) -> str:
        return f"{self.name}.png"


ENTRIES = (
    Entry(
        "demo",
        "States that nobody named",
        "Trp-cage from state A alone, redrawn by what a base of other proteins knows. The map of two variables, a "
        "frame of the first cluster of new frames, and its nearest training frame beside it.",
        "trp_cage",
        "base",
        "#base-explorer .views",
    ),
    Entry(
        "verified",
        "What MD says of it",
        "Frames of one state of Trp-cage, about which nothing is said, proposals of a base, and short MD of them and "
        "of proposals of the nulls. Where simulations meet, the run calls it a new state: the first one is the state "
        "that it has not seen, as was looked up afterwards.",
        "trp_cage_verified",
        "main",
        "#main-verification",
    ),
    Entry(
        "kinetics",
        "Kinetics beside the exact ones",
        "Walkers in a potential with four states, whose kinetics are known: nano-GPT, LSTM and a Markov model.",
        "four_state",
        "nanogpt",
        "#kinetics",
    ),
    Entry(
        "no",
        "An honest no",
        "A model that was trained from scratch on state A alone never finds state B, and the page says so.",
        "trp_cage",
        "main",
        "#main-discovery",
    ),
)


def main(results: Path) -> None:
    lacking = [entry.system for entry in ENTRIES if not (results / entry.system / PAGE).is_file()]
    if lacking:
        sys.exit(f"no page of {', '.join(lacking)} below {results}; {RUN}{','.join(dict.fromkeys(lacking))} makes them")
    program = shutil.which("chromium")
    if program is None:
        sys.exit("needs Chromium; Debian: apt-get install --no-install-recommends chromium")
    (DOCS / "gallery").mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        for entry in ENTRIES:
            part = shot(browser, results, entry, entry.selector)
            reduced(part, WIDTH, COLORS).save(DOCS / "gallery" / entry.picture, optimize=True)
        whole = shot(browser, results, ENTRIES[0], None)
        reduced(whole, README_WIDTH, COLORS).save(DOCS / "images" / "page.png", optimize=True)
        browser.close()
    (DOCS / "gallery" / "index.md").write_text("\n".join(lines(results)))


def shot(browser: Browser, results: Path, entry: Entry, selector: str | None) -> Image.Image:
    """A part of a page as a reader sees it, or what is seen when it opens."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(f"{(results / entry.system / PAGE).resolve().as_uri()}#{entry.variant}")
    page.evaluate("mdllmPage.drawing")
    picture = page.screenshot() if selector is None else page.locator(selector).first.screenshot()
    page.close()
    return Image.open(io.BytesIO(picture))


def lines(results: Path) -> list[str]:
    """The page of the documentation."""
    text = ["# Gallery", "", "Sections of the [page](../page.md) of finished runs; `make gallery` makes them anew.", ""]
    for entry in ENTRIES:
        summary = json.loads((results / entry.system / entry.variant / "summary.json").read_text())
        text += [f"## {entry.title}", "", entry.words, "", f"> {sentence(summary)}", "", made_with(summary), ""]
        text += ["```bash", f"{RUN}{entry.system}", "```", ""]
        text += [
            f"![{entry.title}: section of the page of {entry.system}, variant {entry.variant}]({entry.picture})",
            "",
        ]
    return text


def made_with(summary: dict) -> str:
    """What the run was made with, in one line."""
    words = line(summary["conditions"])
    if base := summary["base"]:
        words += f" · base of {base['training_proteins']:,} other proteins"
    return f"<small>{words}</small>"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
