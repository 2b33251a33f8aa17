"""A vendor on 127.0.0.1 that answers by script, and a small receipt to send it."""

import json
import shlex
import socket
import ssl
import subprocess
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFont


@dataclass
class Reply:
    """What the stub sends; `body` is bytes, text, or anything JSON can hold."""

    status: int = 200
    body: object = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0  # before the first byte
    drop: bool = False  # hang up instead of answering
    cut: bool = False  # hang up halfway through the body
    drip_s: float = 0  # send the headers and the body byte by byte, this far apart
    endless: bool = False  # repeat the body until the client hangs up


@dataclass
class Request:
    method: str
    path: str  # with its query
    headers: Message
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Stub:
    """`replies` are given one after the other, the last one again and again."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.replies = [Reply(404, {"error": "the stub has no reply"})]
        self.requests = []
        self.over = threading.Event()
        self.open, self.most_open = 0, 0  # requests that wait for their reply
        self._lock = threading.Lock()

    def reply(self, *replies):
        self.replies = list(replies)

    def take(self, request):
        with self._lock:
            self.requests.append(request)
            self.open += 1
            self.most_open = max(self.open, self.most_open)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def close(self):
        with self._lock:
            self.open -= 1

    @property
    def request(self):
        """The one request that came."""
        (request,) = self.requests
        return request


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, self.headers, body)
        reply = self.server.stub.take(request)
        self.close_connection = True
        over = self.server.stub.over.wait(reply.delay_s)
        self.server.stub.close()
        if not over and not reply.drop:
            self.send(reply)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def send(self, reply):
        body = reply.body
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = {"Content-Type": "application/json", "Connection": "close"} | reply.headers
        if not reply.endless and "Transfer-Encoding" not in headers:
            headers.setdefault("Content-Length", str(len(body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {reply.status} Scripted\r\n{head}\r\n".encode()
        if reply.drip_s:
            self.drip(head + body, reply.drip_s)
            return
        self.wfile.write(head + (body[: len(body) // 2] if reply.cut else body))
        while reply.endless and not self.server.stub.over.is_set():
            self.wfile.write(body)

    def drip(self, data, pause_s):
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.server.stub.over.wait(pause_s):
                return

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # the client hung up, as several tests want it to


@contextmanager
def serve():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.stub = Stub(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        try:
            yield server.stub
        finally:
            server.stub.over.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def http_stub():
    """A server on a free port: `http_stub.reply(Reply(...), ...)`, `http_stub.requests`."""
    with serve() as stub:
        yield stub


@pytest.fixture
def new_stub():
    """For tests that need several: each call starts one more server."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(serve())


@pytest.fixture(scope="session")
def tls_drip(tmp_path_factory):
    """A server that drips over TLS: its URL, and the certificate to trust it by."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -keyout key.pem -out cert.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    run = partial(subprocess.run, cwd=folder, check=True, capture_output=True)
    run([*shlex.split(command), *names])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    over = threading.Event()

    def drip(server):
        while not over.is_set():
            with (
                suppress(OSError),
                server.accept()[0] as connection,
                context.wrap_socket(connection, server_side=True) as tls,
            ):
                tls.recv(65536)
                while not over.wait(0.05):
                    tls.send(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,), daemon=True)
        thread.start()
        yield f"https://localhost:{server.getsockname()[1]}", folder / "cert.pem"
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def reply():
    """The class of the stub's replies."""
    return Reply


@pytest.fixture(scope="session")
def receipt_jpeg():
    """A photo of a small receipt, with a GPS position in its EXIF that must not leave."""
    image = Image.new("RGB", (480, 360), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=28)
    rows = ["CORNER CAFE", "2026-03-14 09:41", "MILK 1.20", "BREAD 2.50", "TOTAL EUR 3.70"]
    for number, row in enumerate(rows):
        draw.text((30, 30 + 60 * number), row, "black", font)
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "SECRET CAMERA"
    file = BytesIO()
    image.save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


@pytest.fixture
def receipt(tmp_path, receipt_jpeg):
    path = tmp_path / "receipt.jpg"
    path.write_bytes(receipt_jpeg)
    return path
