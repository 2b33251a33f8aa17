"""The page works behind an nginx that gives it a path and hides the Host."""

import pytest

from tests.page.conftest import Page, upload_and_see
from tests.server.test_proxies import PLAIN

pytestmark = pytest.mark.slow


def test_a_picture_is_uploaded_and_read_through_the_proxy(
    chromium, server, tmp_path, picture, nginx
):
    text = PLAIN.format("").replace("location /", "location /receipts/").replace(":3000", ":3000/")
    page = Page(chromium, f"http://127.0.0.1:{nginx(text, server)}/receipts", tmp_path)
    upload_and_see(page, picture("cafe.png"))
    assert page.faults() == []
