"""The page works behind an nginx that gives it a path and hides the Host."""

import pytest

from tests.fakes import ROWS
from tests.page.conftest import Page
from tests.server.test_proxies import PLAIN, nginx  # noqa: F401

pytestmark = pytest.mark.slow


def test_a_picture_is_uploaded_and_read_through_the_proxy(
    chromium,
    server,
    tmp_path,
    picture,
    nginx,  # noqa: F811
):
    text = PLAIN.format("").replace("location /", "location /receipts/").replace(":3000", ":3000/")
    page = Page(chromium, f"http://127.0.0.1:{nginx(text, server)}/receipts", tmp_path)
    page.open("#/")
    page.type("#pick", str(picture("cafe.png")))
    page.choose(".queue select", "tesseract")
    page.click("#send", "Read 1 file")
    page.see(".state", "Done")
    page.click("#tab-text")
    assert page.texts(".rows li") == list(ROWS)
    assert page.see(".paper img").get_property("naturalWidth") == 480
    assert page.faults() == []
