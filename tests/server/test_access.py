"""Foreign hosts, other sites, other machines and clients without the key are refused."""

import http.client
import re
import shutil
import socket
import subprocess
import sys
from io import BytesIO

import pytest
import requests
from click.testing import CliRunner
from werkzeug.exceptions import TooManyRequests

from server import access, production
from server.production import listeners
from tests.conftest import FLASK, PRODUCTION
from tests.fakes import png, until, upload, wait

LOCAL = ("localhost", "localhost:3000", "LOCALHOST", "127.0.0.1", "127.0.0.1:80", "[::1]:3000")
FOREIGN = (
    *("evil.example", "evil.example:3000", "localhost.evil.example", "evil.example@localhost", ""),
    *("localhost@evil.example", "localhost/x", "http://localhost", "localhost:x", "[::1", "::1"),
    *(
        "localhost, evil.example",
        "localhost evil",
        "0.0.0.0",
        "127.0.0.2",
        "[::]",
        "\uff4cocalhost",
    ),
)
KEY = {"API_KEY": "correct horse"}


@pytest.fixture(scope="module")
def client(share_app):
    return share_app().test_client()


@pytest.fixture(scope="module")
def client_of_key(share_app):
    """A client of a server with a key; who sends a wrong one here spoils it for the others."""
    return share_app(env=KEY).test_client()


def form():
    return {"file": (BytesIO(png()), "receipt.png"), "ocrProvider_0": "fake"}


def every_route(app):
    """(method, url) of every route there is, with small numbers for ids."""
    return [
        (method, re.sub(r"<.*?>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods)
    ]


def raw(server, request):
    """The response to exactly these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return answer.decode()


# The Host


@pytest.mark.parametrize("host", LOCAL)
def test_the_names_of_this_machine_are_answered(client, host):
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_any_other_host_is_refused(client, host):
    response = client.get("/health", headers={"Host": host.encode().decode("latin-1")})
    assert (response.status_code, response.json["message"]) == (400, "Bad Request")
    assert "TRUSTED_HOSTS" in response.json["details"]


def test_a_foreign_host_is_refused_on_every_route_before_anything_runs(make_app):
    app = make_app(env=KEY)
    for method, url in [*every_route(app), ("GET", "/nowhere"), ("POST", "/health")]:
        response = app.test_client().open(url, method=method, headers={"Host": "evil.example"})
        assert response.status_code == 400, (method, url)  # and not 401, 404 or 405


def test_more_names_can_be_trusted(make_app):
    client = make_app(env={"TRUSTED_HOSTS": "receipts.lan, Box.Example"}).test_client()
    for host in ("receipts.lan:3000", "box.example", "localhost"):
        assert client.get("/health", headers={"Host": host}).status_code == 200
    assert client.get("/health", headers={"Host": "other.lan"}).status_code == 400


@pytest.mark.slow
def test_strange_requests_over_a_socket_are_refused_in_json_or_by_the_server(serve):
    server = serve()
    for lines in (
        "GET /health HTTP/1.1\r\nHost: evil.example",
        "GET /health HTTP/1.0",
        "GET http://evil.example/health HTTP/1.1\r\nHost: localhost",
        "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example",
        "GET //evil.example/health HTTP/1.1\r\nHost: evil.example",
    ):
        answer = raw(server, f"{lines}\r\nConnection: close\r\n\r\n".encode())
        assert " 400 " in answer.splitlines()[0], (lines, answer)
        assert '"statusCode":400' in answer, (lines, answer)


# Other sites


def attempt(client, host="localhost:3000", **headers):
    """The status of an upload with these headers."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/ocr-jobs/upload", data=form(), headers={"Host": host} | headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},  # another port of this machine is another origin
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost:3000"},
        {"Sec_Fetch_Site": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost:3001"},
        {"Origin": "http://localhost:3000.evil.example"},
        {"Origin": "http://["},
        {"Origin": "localhost:3000"},
    ],
)
def test_a_page_of_another_site_changes_nothing(client, headers):
    before = client.get("/ocr-jobs").json
    response = attempt(client, **headers)
    assert (response.status_code, response.json["message"]) == (403, "Forbidden")
    assert client.get("/ocr-jobs").json["pagination"] == before["pagination"]


@pytest.mark.parametrize(
    "headers",
    [
        {},  # curl, requests, axios
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://localhost:3000"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://LOCALHOST:3000"},
    ],
)
def test_our_own_page_and_clients_that_are_not_browsers_pass(client, headers):
    assert attempt(client, **headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin"), [("localhost:443", "https://localhost"), ("[::1]:80", "http://[::1]")]
)
def test_a_port_may_be_left_out_where_it_is_the_default(client, host, origin):
    assert attempt(client, host, Origin=origin).status_code == 200
    assert attempt(client, host, Origin="http://localhost:81").status_code == 403


def test_a_refused_page_is_told_the_two_values_that_differ_and_what_to_set(make_app, tmp_path):
    client = make_app(env={"TRUSTED_HOSTS": "nas.lan"}).test_client()
    details = attempt(client, "nas.lan", Origin="http://nas.lan:8080").json["details"]
    assert "Origin is 'http://nas.lan:8080', this server's Host 'nas.lan'" in details
    for advice in ("$http_host", "TRUSTED_HOSTS", "docs/proxies.md"):
        assert advice in details
    told = make_app(env={"TRUSTED_HOSTS": "nas.lan:8080"}, data=tmp_path / "told").test_client()
    assert attempt(told, "127.0.0.1:3000", Origin="http://nas.lan:8080").status_code == 200
    assert attempt(told, "127.0.0.1:3000", Origin="http://nas.lan:8081").status_code == 403
    assert attempt(told, "nas.lan", Origin="http://nas.lan:8080").status_code == 400


def test_a_comma_at_the_end_of_trusted_hosts_lets_no_page_of_unknown_origin_in(make_app):
    client = make_app(env={"TRUSTED_HOSTS": "nas.lan,"}).test_client()
    assert attempt(client, "nas.lan", Origin="null").status_code == 403
    assert attempt(client, "nas.lan", Origin="http://nas.lan").status_code == 200


def test_with_a_key_the_origin_does_not_matter_since_other_sites_cannot_send_the_key(make_app):
    client = make_app(env=KEY).test_client()
    assert attempt(client, Origin="http://nas.lan:8080").status_code == 401
    sent = attempt(client, Origin="http://nas.lan:8080", X_API_Key="correct horse")
    assert sent.status_code == 200


def test_every_unsafe_route_checks_the_origin(app):
    unsafe = [(m, u) for m, u in every_route(app) if m not in ("GET", "HEAD", "OPTIONS")]
    assert len(unsafe) >= 4
    for method, url in [*unsafe, ("POST", "/nowhere"), ("PATCH", "/ocr-jobs/1")]:
        response = app.test_client().open(url, method=method, headers={"Origin": "http://evil"})
        assert response.status_code == 403, (method, url)


def test_no_answer_has_cors_headers(app):
    client = app.test_client()
    wait(client, upload(client, "fake"))
    asked = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Private-Network": "true",
    }
    for method, url in every_route(app):
        with client.open(url, method=method, headers=asked) as response:
            cors = [n for n, _ in response.headers if n.lower().startswith("access-control")]
            assert cors == [], (method, url)
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.slow
def test_curl_and_requests_pass_as_they_are(serve, receipt):
    server = serve()
    url = f"{server.url}/ocr-jobs/upload"
    with receipt.open("rb") as file:
        data = {"ocrProvider_0": "mistral"}
        response = requests.post(url, files={"file": file}, data=data, timeout=20)
    assert response.json() == {"id": 1}
    if shutil.which("curl"):
        command = ["curl", "-sS", "-F", f"file=@{receipt}", "-F", "ocrProvider_0=mistral", url]
        assert subprocess.check_output(command, timeout=20) == b'{"id":2}\n'


# The key


def test_with_a_key_every_route_but_health_and_ready_wants_it(make_app):
    app = make_app(env=KEY)
    for method, url in [*every_route(app), ("GET", "/nowhere"), ("PUT", "/ocr-jobs/1")]:
        with app.test_client().open(url, method=method) as response:
            if url in access.OPEN_PATHS or url.startswith("/static/"):  # holds no receipt
                assert response.status_code != 401, (method, url)
                continue
            assert response.status_code == 401, (method, url)
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            assert method == "HEAD" or response.json["message"] == "Unauthorized"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer correct horse"},
        {"Authorization": "bearer  correct horse "},
        {"X-API-Key": "correct horse"},
        {"Authorization": "Basic eDp5", "X-API-Key": "correct horse"},
    ],
)
def test_the_key_opens(client_of_key, headers):
    assert client_of_key.get("/ocr-jobs", headers=headers).status_code == 200
    assert client_of_key.get("/nowhere", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer correct"},
        {"Authorization": "Bearer correct horse "[:-2] + "E"},
        {"Authorization": "correct horse"},
        {"Authorization": "Basic correct horse"},
        {"X-API-Key": "\xff"},
        {"X-API-Key": "correct horse battery"},
    ],
)
def test_anything_but_the_key_does_not(make_app, headers):
    client = make_app(env=KEY).test_client()
    assert client.get("/ocr-jobs", headers=headers).status_code == 401
    assert client.get("/ocr-jobs?api_key=correct horse").status_code == 401


def test_a_wrong_key_and_a_missing_one_have_different_messages(make_app):
    client = make_app(env=KEY).test_client()
    details = [
        client.get("/ocr-jobs", headers=headers).json["details"]
        for headers in ({}, {"Authorization": "Bearer correct"})
    ]
    assert details[0].startswith("This server needs its API key: send")
    assert details[1].startswith("Wrong API key: send")
    assert "correct" not in details[1]


def test_a_key_in_any_alphabet_works(make_app):
    client = make_app(env={"API_KEY": "Schlüssel"}).test_client()
    sent = "Schlüssel".encode().decode("latin-1")  # the bytes curl sends, as WSGI holds them
    assert client.get("/ocr-jobs", headers={"X-API-Key": sent}).status_code == 200


def test_the_answer_to_a_wrong_key_does_not_hold_the_right_one(make_app):
    assert "correct horse" not in make_app(env=KEY).test_client().get("/ocr-jobs").text


# Wrong keys


def test_who_sends_ten_wrong_keys_a_minute_is_answered_429_even_with_the_right_one(make_app):
    client = make_app(env=KEY).test_client()
    sent = [ask(client, REMOTE[0], X_API_Key=f"wrong {n}").status_code for n in range(10)]
    assert sent == [401] * 10
    for key in ("wrong", "correct horse"):
        over = ask(client, REMOTE[0], X_API_Key=key)
        assert (over.status_code, over.json["message"]) == (429, "Too Many Requests")
        assert 0 < int(over.headers["Retry-After"]) <= 60
        assert over.json["details"].startswith("192.168.1.20 sent 10 wrong API keys")
    assert ask(client, REMOTE[0]).status_code == 401  # without a key nothing is guessed
    assert ask(client, REMOTE[0], "/health").status_code == 200
    assert ask(client, REMOTE[1], X_API_Key="correct horse").status_code == 200


def test_a_client_without_a_key_or_with_the_right_one_is_never_too_often_there(make_app):
    client = make_app(env=KEY).test_client()
    for _ in range(12):
        assert ask(client, REMOTE[0]).status_code == 401
        assert ask(client, REMOTE[0], X_API_Key="correct horse").status_code == 200


def test_after_a_minute_a_client_may_try_again():
    now = [1000.0]
    wrong_keys = access.WrongKeys(lambda: now[0])
    for _ in range(10):
        wrong_keys.check("a")
        wrong_keys.add("a")
    with pytest.raises(TooManyRequests):
        wrong_keys.check("a")
    wrong_keys.check("b")
    now[0] += 60
    wrong_keys.check("a")


def test_the_addresses_of_one_ipv6_customer_count_as_one(make_app):
    client = make_app(env=KEY).test_client()
    for n in range(10):
        ask(client, f"2001:db8:1:2::{n}", X_API_Key="wrong")
    assert ask(client, "2001:db8:1:2:3::4", X_API_Key="wrong").status_code == 429
    assert ask(client, "2001:db8:1:3::4", X_API_Key="wrong").status_code == 401
    assert ask(client, "::ffff:10.0.0.1", X_API_Key="wrong").status_code == 401


# Behind a proxy

PROXY = {"TRUSTED_PROXIES": "1", "TRUSTED_HOSTS": "nas.lan"}


def test_behind_a_proxy_each_client_has_its_own_count(make_app):
    client = make_app(env=KEY | {"TRUSTED_PROXIES": "1"}).test_client()

    def status(client_address, key):
        sent = {"X_Forwarded_For": f"6.6.6.6, {client_address}", "X_API_Key": key}
        return ask(client, "127.0.0.1", **sent).status_code

    assert {status("10.0.0.1", "wrong") for _ in range(10)} == {401}
    assert status("10.0.0.1", "correct horse") == 429
    assert status("10.0.0.2", "correct horse") == 200


def test_the_rate_is_of_the_client_behind_the_proxy(make_app):
    client = make_app(env={"RATE_LIMIT": "1/hour", "TRUSTED_PROXIES": "1"} | KEY).test_client()
    asked = [
        ask(client, "127.0.0.1", X_Forwarded_For=address, X_API_Key="correct horse").status_code
        for address in ("10.0.0.1", "10.0.0.2", "10.0.0.1")
    ]
    assert asked == [200, 200, 429]


def test_without_a_key_a_client_behind_the_proxy_is_another_machine(make_app):
    client = make_app(env=PROXY).test_client()
    assert ask(client, "127.0.0.1", X_Forwarded_For="127.0.0.1").status_code == 200
    assert ask(client, "127.0.0.1", X_Forwarded_For=REMOTE[0]).status_code == 403
    # Not through the proxy, and with a header of its own:
    assert ask(client, REMOTE[0], X_Forwarded_For="127.0.0.1").status_code == 403


@pytest.mark.parametrize(
    "forwarded",
    [
        {"X_Forwarded_Host": "nas.lan:8080"},
        {"X_Forwarded_Host": "nas.lan", "X_Forwarded_Port": "8080"},
    ],
)
def test_the_origin_is_compared_with_the_host_that_the_proxy_names(make_app, forwarded):
    client = make_app(env=PROXY).test_client()
    assert attempt(client, Origin="http://nas.lan:8080", **forwarded).status_code == 200
    assert attempt(client, Origin="http://nas.lan:8081", **forwarded).status_code == 403
    assert attempt(client, Origin="http://localhost:3000", **forwarded).status_code == 403


def test_the_port_of_https_may_be_named_by_the_proxy_alone(make_app):
    client = make_app(env=PROXY).test_client()
    forwarded = {"X_Forwarded_Host": "nas.lan", "X_Forwarded_Proto": "https"}
    sent = attempt(client, Origin="https://nas.lan", X_Forwarded_Port="443", **forwarded)
    assert sent.status_code == 200


def test_a_page_of_a_rebound_name_gains_nothing_by_forwarded_headers(make_app):
    client = make_app(env=PROXY).test_client()
    for host, forwarded in (("evil.example", "localhost"), ("localhost", "evil.example")):
        headers = {"Host": host, "X_Forwarded_Host": forwarded}
        assert ask(client, "127.0.0.1", **headers).status_code == 400


def test_without_trusted_proxies_their_headers_change_nothing(client):
    forged = {"X_Forwarded_Host": "localhost:8080", "Origin": "http://localhost:8080"}
    assert attempt(client, **forged).status_code == 403
    assert client.get("/openapi.json", headers={"X-Forwarded-Prefix": "/x"}).json["servers"] == [
        {"url": "/"}
    ]


def test_the_api_is_described_with_the_prefix_that_the_proxy_gives_it(make_app):
    client = make_app(env=PROXY).test_client()
    answer = client.get("/openapi.json", headers={"X-Forwarded-Prefix": "/receipts"})
    assert answer.json["servers"] == [{"url": "/receipts"}]


# Where it listens


@pytest.mark.slow
def test_flask_run_listens_to_this_machine_alone(serve):
    server = serve()
    listening = subprocess.check_output([sys.executable, "-c", LISTENING, str(server.port)])
    assert listening.split() == [b"0100007F"]  # 127.0.0.1
    assert "ANYONE" not in server.log.read_text()


LISTENING = """
import sys
for line in open("/proc/net/tcp").readlines()[1:]:
    address, port = line.split()[1].split(":")
    if int(port, 16) == int(sys.argv[1]) and line.split()[3] == "0A":
        print(address)
"""


def test_make_serves_this_machine_alone_unless_told_otherwise():
    dry = subprocess.run(["make", "-n", "serve"], capture_output=True, text=True, timeout=20)
    assert "python -m server --host localhost " in dry.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", [(), PRODUCTION], ids=["flask run", "production"])
def test_both_servers_answer_both_loopback_addresses_where_there_are_two(serve, command):
    server = serve(*command)
    found = listeners(("127.0.0.1", "::1"), 0)
    for listener in found:
        listener.close()
    for host in ("127.0.0.1", "[::1]")[: len(found)]:
        assert requests.get(f"http://{host}:{server.port}/ocr-jobs", timeout=30).status_code == 200


def test_a_loopback_address_that_the_machine_lacks_is_left_out():
    nowhere = "2001:db8::1"  # of the documentation: no machine has it, as some have no ::1
    (found,) = listeners(("127.0.0.1", nowhere), 0)
    with found:
        assert found.getsockname()[0] == "127.0.0.1"
        with pytest.raises(SystemExit, match="Address already in use"):
            listeners(("127.0.0.1", nowhere), found.getsockname()[1])
    for host in (nowhere, "no such name"):
        with pytest.raises(SystemExit, match="--host must be an address of this machine"):
            listeners((host,), 0)


@pytest.mark.parametrize("option", [("--port", "65536"), ("--port", "-1"), ("--threads", "0")])
def test_a_port_or_a_number_of_threads_that_cannot_be_is_refused(option):
    refused = CliRunner().invoke(production.serve, option)
    assert (refused.exit_code, f"'{option[0]}': {option[1]} is not in" in refused.output) == (
        2,
        True,
    )


# The client's address


REMOTE = (
    "192.168.1.20",
    "10.0.0.1",
    "128.0.0.1",
    "fe80::1%eth0",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "x",
)
CALL = ("--call", "tests.fakes:create_app")
LOOPBACK = ("127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "::ffff:127.0.0.1")


def ask(client, address, url="/ocr-jobs", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(url, headers=headers, environ_overrides={"REMOTE_ADDR": address})


@pytest.mark.parametrize("address", REMOTE)
def test_another_machine_is_refused_and_told_what_to_set(client, address):
    for url in ("/", "/ocr-jobs", "/static/page.js", "/metrics", "/nowhere"):
        response = ask(client, address, url)
        assert (response.status_code, response.json["message"]) == (403, "Forbidden")
        assert f"the request came from {address}; set API_KEY" in response.json["details"]
        assert "ALLOW_REMOTE=1" in response.json["details"]


@pytest.mark.parametrize("address", LOOPBACK)
def test_every_loopback_address_is_this_machine(client, address):
    assert ask(client, address).status_code == 200


@pytest.mark.parametrize("url", ["/health", "/ready"])
def test_health_and_ready_answer_another_machine(client, url):
    assert ask(client, REMOTE[0], url).status_code == 200


def test_what_a_client_says_of_its_address_changes_nothing(client):
    for header in ("X_Forwarded_For", "X_Real_IP", "Forwarded"):
        assert ask(client, REMOTE[0], **{header: "127.0.0.1"}).status_code == 403
        assert ask(client, "127.0.0.1", **{header: REMOTE[0]}).status_code == 200


def test_another_machine_is_let_in_with_the_key(client_of_key):
    assert ask(client_of_key, REMOTE[0], X_API_Key="correct horse").status_code == 200
    assert ask(client_of_key, REMOTE[0]).status_code == 401


@pytest.mark.parametrize(("value", "status"), [("1", 200), ("", 403), ("0", 403)])
def test_another_machine_is_let_in_without_a_key_by_allow_remote(make_app, value, status):
    client = make_app(env={"ALLOW_REMOTE": value}).test_client()
    assert ask(client, REMOTE[0]).status_code == status


@pytest.mark.slow
def test_a_server_that_lets_everyone_in_warns_loudly(serve):
    server = serve(ALLOW_REMOTE="1")
    assert "ANYONE WHO REACHES THE PORT CAN READ YOUR RECEIPTS" in server.log.read_text()


@pytest.mark.slow
def test_a_second_address_of_this_machine_is_answered(serve):
    server = serve(*FLASK, "run", "--host", "127.0.0.2", up=False)
    source = {"source_address": ("127.0.0.2", 0)}
    connection = http.client.HTTPConnection("127.0.0.2", server.port, timeout=10, **source)
    until(lambda: is_open(connection.connect), seconds=30)
    connection.request("GET", "/ocr-jobs", headers={"Host": "localhost"})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        (*FLASK, "run", "--host", "unix://{path}"),
        (sys.executable, "-m", "waitress", "--unix-socket={path}", *CALL),
    ],
    ids=["flask run", "waitress"],
)
def test_a_unix_socket_is_of_this_machine(serve, tmp_path, command):
    path = tmp_path / "socket"
    serve(*[word.replace("{path}", str(path)) for word in command], up=False)
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    until(lambda: is_open(connection.sock.connect, str(path)), seconds=30)
    connection.request("GET", "/ocr-jobs")
    assert connection.getresponse().status == 200
    connection.close()


def is_open(connect, *address):
    try:
        connect(*address)
    except OSError:
        return False
    return True


# What is served back


def uploaded(client, content, name):
    """The address of a file with this content and name."""
    job_id = upload(client, "fake", files=[(content, name)])
    return f"/ocr-jobs/{job_id}/files/{client.get(f'/ocr-jobs/{job_id}').json['files'][0]['id']}"


POLYGLOT = b"\xff\xd8\xff\xe0<script>alert(1)</script>"


@pytest.mark.parametrize("name", ["a.jpg", "a.html", 'q"\\%.svg', "évité 🧾.png", "x\u202egpj.exe"])
def test_a_file_is_served_as_what_it_is_and_can_do_nothing(client, name):
    with client.get(uploaded(client, png(), name)) as response:
        assert response.headers["Content-Type"] == "image/png"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        disposition = response.headers["Content-Disposition"]
    assert re.fullmatch(r"inline; filename=\"[ -~]+\"; filename\*=UTF-8''[\w.%~-]+", disposition)
    assert requests.utils.unquote(disposition.rsplit("'", 1)[1]) == name


def test_a_picture_that_is_also_a_page_is_served_as_a_picture(client, receipt):
    polyglot = receipt.read_bytes() + b"<html><script>alert(1)</script></html>"
    with client.get(uploaded(client, polyglot, "x.html")) as response:
        assert (response.mimetype, response.data) == ("image/jpeg", polyglot)


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"<!doctype html><script>alert(1)</script>",
        POLYGLOT,
    ],
)
def test_svg_and_html_are_never_pictures(client, content):
    for name in ("a.svg", "a.jpg", "a.html"):
        data = {"file": (BytesIO(content), name, "image/jpeg"), "ocrProvider_0": "fake"}
        assert client.post("/ocr-jobs/upload", data=data).status_code == 400


@pytest.fixture(scope="module")
def served(client):
    url = uploaded(client, png(), "receipt.png")
    return lambda method="GET", **headers: client.open(
        url,
        method=method,
        headers={k.replace("_", "-"): v for k, v in headers.items()},
    )


def test_a_file_has_an_etag_and_is_sent_again_only_when_asked_for_another(served):
    with served() as whole:
        etag = whole.headers["ETag"]
    for given, status in ((etag, 304), (f'"x", {etag}', 304), ("*", 304), ('"x"', 200)):
        with served(If_None_Match=given) as response:
            assert response.status_code == status
            assert response.headers["ETag"] == etag


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=0-3", 206, b"\x89PNG"),
        ("bytes=1-3", 206, b"PNG"),
        ("bytes=-8", 206, png()[-8:]),
        ("bytes=10-", 206, png()[10:]),
        ("bytes=0-99999999999999999999", 206, png()),
        ("bytes=99999-", 416, None),
        ("bytes=3-1", 416, None),
        ("bytes=x", 416, None),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(served, asked, status, body):
    with served(Range=asked) as response:
        assert response.status_code == status
        if body is not None:
            assert response.data == body
            assert response.headers["Content-Range"].endswith(f"/{len(png())}")
        else:
            assert response.json["statusCode"] == 416


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "lines=0-3", "0-3", "none"])
def test_several_parts_and_other_units_are_answered_with_the_whole_file(served, asked):
    with served(Range=asked) as response:
        assert (response.status_code, response.data) == (200, png())


def test_a_part_is_sent_only_of_the_file_one_has_the_rest_of(served):
    with served(Range="bytes=0-3", If_Range='"another"') as response:
        assert (response.status_code, response.data) == (200, png())


def test_head_has_every_header_and_no_bytes(served):
    with served() as get, served(method="HEAD") as head:
        for name in ("Content-Type", "Content-Length", "ETag", "Content-Disposition"):
            assert head.headers[name] == get.headers[name]
        assert (head.status_code, head.data) == (200, b"")
