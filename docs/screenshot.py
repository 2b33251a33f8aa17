"""Takes docs/page.png for the README: `python docs/screenshot.py` with tesseract and Chromium."""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from tests.conftest import FLASK, Server, free_port  # noqa: E402
from tests.page.conftest import Page, start_chromium  # noqa: E402

SIZE = (1280, 1010)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        server = Server((*FLASK, "run"), free_port(), here / "data", {"FLASK_APP": "app"})
        browser = start_chromium(here / "profile", "--hide-scrollbars")
        try:
            _take(Page(browser, server.wait_until_up().url, here), server)
        finally:
            browser.quit()
            server.end()


def _take(page: Page, server: Server) -> None:
    job_id = server.upload((ROOT / "samples" / "receipt.jpg").read_bytes(), "paddle-ocr-local")
    server.wait(job_id)
    page.size(*SIZE)
    page.colors("light")
    page.open(f"#/jobs/{job_id}")
    page.see(".paper image")
    page.click(".items td", "Almond")
    page.run("scrollTo(0, 0)")
    picture = ROOT / "docs" / "page.png"
    page.browser.save_screenshot(picture)
    Image.open(picture).quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    main()
