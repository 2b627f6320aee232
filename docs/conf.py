"""The documentation site: Markdown pages, what is generated from the sources, the protocol's text as it stands.

`make docs` builds it strictly: a dead link or a page in no table of contents is an error. Nothing is loaded from
outside when it is read.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generate

generate.write(Path(__file__).parent / "generated")

project = "twsmq"
author = "the twsmq developers"
release = version = version_of("twsmq")
extensions = ["myst_nb"]
nb_execution_mode = "off"  # they need a cluster: `make notebooks` keeps what they printed
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
exclude_patterns = ["_build", "decisions/README.md"]
html_theme = "furo"
html_title = "twsmq"
html_show_sphinx = False
html_copy_source = False
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
