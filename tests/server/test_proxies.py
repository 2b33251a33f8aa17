"""The server works behind a real nginx: as docs/proxies.md sets it up, and with less."""

import re
import subprocess

import pytest
import requests

from tests.conftest import ROOT, free_port
from tests.fakes import png
from tests.server.test_lifecycle import WAITRESS

pytestmark = pytest.mark.slow

GUIDE = (ROOT / "docs/proxies.md").read_text("utf-8")
SERVER, UNDER_A_PATH = re.findall(r"```nginx\n(.*?)```", GUIDE, re.DOTALL)
PLAIN = "server {{ listen 80; location / {{ proxy_pass http://127.0.0.1:3000; {0} }} }}"
TRUSTED = {"TRUSTED_PROXIES": "1", "TRUSTED_HOSTS": "nas.lan"}


def under_a_path():
    """The first configuration of the guide, with the second in the place of its location."""
    location = re.search(r"    location / \{.*?\n    \}\n", SERVER, re.DOTALL)[0]
    return SERVER.replace(location, UNDER_A_PATH)


def upload(port, path="", name="nas.lan", **headers):
    """The answer to an upload of the page at this name, or of another Origin, as a browser asks."""
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    return requests.post(
        f"http://127.0.0.1:{port}{path}/ocr-jobs/upload",
        files={"file": ("a.png", png())},
        data={"ocrProvider_0": "mistral"},
        headers={"Host": f"{name}:{port}"} | headers,
        timeout=20,
    )


def test_the_guides_nginx_lets_its_own_page_upload_and_no_other(serve, nginx):
    port = nginx(SERVER, serve(*WAITRESS, **TRUSTED))
    assert upload(port, Origin=f"http://nas.lan:{port}").json() == {"id": 1}
    for origin in ("http://evil.example", "http://nas.lan", f"http://nas.lan:{port + 1}"):
        assert upload(port, Origin=origin).status_code == 403
    assert (
        upload(port, name="evil.example", Origin=f"http://evil.example:{port}").status_code == 400
    )
    forged = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Port": "80"}
    assert upload(port, Origin="http://evil.example", **forged).status_code == 403


def test_behind_the_guides_nginx_wrong_keys_count_by_client(serve, nginx):
    port = nginx(SERVER, serve(*WAITRESS, **TRUSTED, API_KEY="sesame-sesame"))
    for _ in range(10):
        assert upload(port, X_API_Key="wrong", X_Forwarded_For="10.0.0.9").status_code == 401
    assert upload(port, X_API_Key="sesame-sesame").status_code == 429
    from_elsewhere = ("curl", "-s", "--interface", "127.0.0.2", "-H", f"Host: nas.lan:{port}")
    key = ("-H", "X-API-Key: sesame-sesame")
    url = f"http://127.0.0.1:{port}/ocr-jobs"
    assert b'"total":0' in subprocess.check_output([*from_elsewhere, *key, url], timeout=20)


def test_under_a_path_the_page_its_files_and_the_description_are_found(serve, nginx):
    port = nginx(under_a_path(), serve(*WAITRESS, **TRUSTED))
    home, asked = f"http://127.0.0.1:{port}/receipts", {"Host": f"nas.lan:{port}"}

    def get(path):
        return requests.get(home + path, headers=asked, timeout=20, allow_redirects=False)

    assert get("").headers["Location"].endswith("/receipts/")
    for page in ("/", "/docs"):
        links = re.findall(r'(?:href|src)="([^"#]+)"', get(page).text)
        assert len(links) > 2
        for link in links:
            assert get(f"/{link}").status_code == 200, link
    assert get("/openapi.json").json()["servers"] == [{"url": "/receipts"}]
    assert upload(port, "/receipts", Origin=f"http://nas.lan:{port}").json() == {"id": 1}


@pytest.mark.parametrize(
    ("header", "host"),
    [("", "127.0.0.1:"), ("proxy_set_header Host $host;", "nas.lan'")],
    ids=["default Host", "$host on another port"],
)
def test_behind_an_nginx_that_hides_the_host_the_browsers_word_counts(serve, nginx, header, host):
    port = nginx(PLAIN.format(header), serve(*WAITRESS, TRUSTED_HOSTS="nas.lan"))
    own = {"Origin": f"http://nas.lan:{port}"}
    assert upload(port, Sec_Fetch_Site="same-origin", **own).status_code == 200
    assert upload(port, Sec_Fetch_Site="cross-site", **own).status_code == 403
    refused = upload(port, **own)  # over http:// browsers say no more than the Origin
    assert refused.status_code == 403
    assert f"Origin is 'http://nas.lan:{port}', this server's Host '{host}" in refused.text


def test_behind_an_nginx_that_hides_the_host_the_address_may_be_named(serve, nginx):
    port = free_port()
    server = serve(*WAITRESS, TRUSTED_HOSTS=f"nas.lan:{port}")
    nginx(PLAIN.format(""), server, port)
    assert upload(port, Origin=f"http://nas.lan:{port}").status_code == 200
    assert upload(port, Origin="http://evil.example").status_code == 403


def test_behind_an_nginx_that_hides_the_host_a_key_is_enough(serve, nginx):
    port = nginx(PLAIN.format(""), serve(*WAITRESS, API_KEY="sesame-sesame"))
    own = {"Origin": f"http://nas.lan:{port}"}
    assert upload(port, X_API_Key="sesame-sesame", **own).status_code == 200
    assert upload(port, **own).status_code == 401
