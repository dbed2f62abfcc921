"""How Sphinx builds this documentation."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

from reticulum import __version__  # noqa: E402  (of this checkout)

project = "Reticulum"
author = "The Reticulum developers"
copyright = f"2026, {author}"  # noqa: A001  (Sphinx's name)
version = release = __version__

extensions = ["myst_parser", "from_code"]
exclude_patterns = ["_build", "extensions"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
html_title = f"Reticulum {release}"
nitpicky = True
