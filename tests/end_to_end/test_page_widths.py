"""No page of the documentation is wider than its window, from a telephone to a large screen.

One page of frames for each width, each frame a page of the documentation: Chromium loads them all,
a script in the page measures them, and `--dump-dom` prints the result.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

DOCS: Final = Path(__file__).parents[2] / "docs"
WIDTHS: Final = (390, 768, 1024, 1280, 1440)
# A window of its own for each run, no updates, no look-ups.
OPTIONS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--dump-dom",
)  # fmt: skip
MEASURE: Final = """<script>
onload = () => {
  const widths = {};
  for (const frame of document.querySelectorAll("iframe"))
    widths[frame.name] = frame.contentDocument.documentElement.scrollWidth;
  document.body.textContent = "MEASURED" + JSON.stringify(widths) + "END";
};
</script>"""

pytestmark = pytest.mark.servers


class _QuietHandler(SimpleHTTPRequestHandler):
    """A file server without a log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base
        """Print nothing."""


@pytest.fixture(scope="module")
def chromium() -> str:
    """Return Chromium's path. Without it the test is skipped, in CI it fails."""
    found = shutil.which("chromium")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs chromium")
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the documentation."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "-b", "html"]
    subprocess.run([*command, str(DOCS), str(folder)], check=True)  # noqa: S603 - fixed arguments
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Generator[str]:
    """Serve the documentation on a free port of the loopback interface."""
    handler = partial(_QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_its_window(
    chromium: str, site: Path, address: str, tmp_path: Path, width: int
) -> None:
    """The page's own width is the window's; what is wider scrolls inside the page."""
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    frames = "".join(
        f'<iframe name="{page}" src="{page}" width="{width}" height="900"></iframe>'
        for page in pages
    )
    (site / f"frames-{width}.html").write_text(f"<!doctype html>{MEASURE}<body>{frames}</body>")
    printed = subprocess.run(  # noqa: S603 - fixed arguments
        [chromium, *OPTIONS, f"--user-data-dir={tmp_path}", f"{address}/frames-{width}.html"],
        capture_output=True,
        check=True,
        text=True,
        timeout=300,
    ).stdout
    (site / f"frames-{width}.html").unlink()

    found = re.search("<body>MEASURED(.*)END", printed)
    assert found is not None
    widths: dict[str, int] = json.loads(found[1])
    sys.stdout.write(f"{width} px: {len(widths)} pages, the widest {max(widths.values())} px\n")
    assert widths.keys() == set(pages)
    assert {page: wide for page, wide in widths.items() if wide > width} == {}
