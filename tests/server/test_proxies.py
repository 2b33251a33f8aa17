"""The server works behind a real nginx and a real Caddy, as docs/proxies.md has it or with less."""

import re
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from tests.conftest import ROOT, free_port
from tests.fakes import png
from tests.server.test_lifecycle import WAITRESS

pytestmark = pytest.mark.slow

GUIDE = (ROOT / "docs/proxies.md").read_text("utf-8")
SERVER, UNDER_A_PATH = re.findall(r"```nginx\n(.*?)```", GUIDE, re.DOTALL)
CADDY, CADDY_UNDER_A_PATH = re.findall(r"```caddyfile\n(.*?)```", GUIDE, re.DOTALL)
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


@pytest.fixture(params=["nginx", "caddy"])
def proxy(request):
    """`proxy(under_a_path, server)`: the port of a proxy that the guide sets up."""
    texts = {"nginx": (SERVER, under_a_path()), "caddy": (CADDY, CADDY_UNDER_A_PATH)}
    start = request.getfixturevalue(request.param)
    return lambda has_path, server: start(texts[request.param][has_path], server)


def test_the_guides_proxy_lets_its_own_page_upload_and_no_other(serve, proxy):
    port = proxy(False, serve(*WAITRESS, **TRUSTED))
    assert upload(port, Origin=f"http://nas.lan:{port}").json() == {"id": 1}
    for origin in ("http://evil.example", "http://nas.lan", f"http://nas.lan:{port + 1}"):
        assert upload(port, Origin=origin).status_code == 403
    # Caddy has nothing of that name, and says so with an empty 200.
    foreign = upload(port, name="evil.example", Origin=f"http://evil.example:{port}")
    assert foreign.status_code == 400 or foreign.content == b""
    forged = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Port": "80"}
    assert upload(port, Origin="http://evil.example", **forged).status_code == 403


def test_behind_the_guides_proxy_wrong_keys_count_by_client(serve, proxy):
    port = proxy(False, serve(*WAITRESS, **TRUSTED, API_KEY="sesame-sesame"))
    for _ in range(10):
        assert upload(port, X_API_Key="wrong", X_Forwarded_For="10.0.0.9").status_code == 401
    assert upload(port, X_API_Key="sesame-sesame").status_code == 429
    from_elsewhere = ("curl", "-s", "--interface", "127.0.0.2", "-H", f"Host: nas.lan:{port}")
    key = ("-H", "X-API-Key: sesame-sesame")
    url = f"http://127.0.0.1:{port}/ocr-jobs"
    assert b'"total":0' in subprocess.check_output([*from_elsewhere, *key, url], timeout=20)


def test_behind_the_guides_nginx_clients_that_trickle_hold_no_connection_of_the_server(
    serve, nginx
):
    server = serve(*WAITRESS, **TRUSTED)
    port, open_before = nginx(SERVER, server), open_files(server)
    head = f"POST /ocr-jobs/upload HTTP/1.1\r\nHost: nas.lan:{port}\r\nContent-Length: 9999\r\n\r\n"
    tricklers = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    for connection in tricklers:
        connection.sendall(head.encode() + b"a")
    answer = requests.get(
        f"http://127.0.0.1:{port}/ready", headers={"Host": "nas.lan"}, timeout=1
    )  # of the same address, of which 50 are enough
    assert answer.status_code == 503 and "nginx" in answer.text
    other = ("curl", "-s", "-m", "1", "--interface", "127.0.0.2", "-H", f"Host: nas.lan:{port}")
    ready = subprocess.check_output([*other, f"http://127.0.0.1:{port}/ready"], timeout=20)
    assert b'"status":"ok"' in ready
    assert open_files(server) <= open_before + 2  # of the request above
    for connection in tricklers:
        connection.close()


def open_files(server):
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def test_under_a_path_the_page_its_files_and_the_description_are_found(serve, proxy):
    port = proxy(True, serve(*WAITRESS, **TRUSTED))
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


def test_behind_an_nginx_that_hides_the_host_the_one_it_forwards_counts(serve, nginx):
    header = "proxy_set_header X-Forwarded-Host $http_host;"  # as Apache's ProxyPass does
    port = nginx(PLAIN.format(header), serve(*WAITRESS, **TRUSTED))
    assert upload(port, Origin=f"http://nas.lan:{port}").status_code == 200
    assert upload(port, Origin="http://evil.example").status_code == 403


def test_behind_an_nginx_that_hides_the_host_a_key_is_enough(serve, nginx):
    port = nginx(PLAIN.format(""), serve(*WAITRESS, API_KEY="sesame-sesame"))
    own = {"Origin": f"http://nas.lan:{port}"}
    assert upload(port, X_API_Key="sesame-sesame", **own).status_code == 200
    assert upload(port, **own).status_code == 401
