"""Build the documentation with Sphinx. Nothing is fetched from the network."""

from importlib.metadata import version as installed_version

project = "nitro-attest"
author = "the nitro-attest authors"
copyright = author  # noqa: A001 - the name Sphinx reads
version = release = installed_version("nitro-attest")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
default_role = "code"  # single backticks in docstrings
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"nitro-attest {release}"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
