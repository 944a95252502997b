"""A hook of MkDocs: texts that are read in the repository as well become pages of the site.

Pages that are nothing but a file of the repository get its text; a link to a file that is no page becomes its path.
"""

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_INCLUDED = re.compile(r'--8<-- "(.+)"\n')
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)")
_PAGES = {"config/systems/README.md": "systems.md"}


def on_page_markdown(markdown, page, config, files):
    source = _ROOT / "docs" / page.file.src_uri
    if included := _INCLUDED.search(markdown):
        source = _ROOT / included[1]
        markdown = markdown.replace(included[0], source.read_text())

    def link(found):
        text, path, anchor = found.groups(default="")
        target = (source.parent / path).resolve()
        name = target.relative_to(_ROOT).as_posix()
        page_name = _PAGES.get(name, name.removeprefix("docs/"))
        if files.get_file_from_path(page_name) is not None:
            return f"[{text}]({page_name}{anchor})"
        if not target.exists():
            raise FileNotFoundError(f"{source}: the link to {path} leads nowhere")
        return text if text.strip("`") == name else f"{text} (`{name}`)"

    return _LINK.sub(link, markdown)
