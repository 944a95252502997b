"""What a reader can take from the page: tables as they are, structures of the frames that it shows."""

from mdllm.page.blocks import Block, Part
from mdllm.page.tables import PageTables

_MOST_CHARACTERS = 500_000  # of a table


def build(tables: PageTables) -> list[Block]:
    texts = tables.texts()
    files = {name: text for name, text in texts.items() if len(text) <= _MOST_CHARACTERS}
    left_out = sorted(texts.keys() - files.keys())
    sizes = {name: f"{max(1, round(len(text.encode()) / 1000))} kB" for name, text in files.items()}
    more = {"sizes": sizes, "left_out": left_out, "structures": tables.has("page_structures"), "place": tables.place}
    return [Part("downloads.html", {"files": files}, more)]
