"""Files that unfold end in a limit; meanwhile the server stays small and answers at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from providers import PROVIDERS
from result import ProviderError
from settings import Settings
from tests import hostile
from tests.conftest import PRODUCTION
from tests.fakes import png
from tests.providers.conftest import serve as vendor
from tests.server.test_limits import memory


class Health:
    """Asks for /health five times a second, from its start to its end."""

    def __init__(self, server):
        self.seconds, self._over = [], threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(f"{server.url}/health",))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()

    def _ask(self, url):
        while not self._over.wait(0.2):
            started = time.monotonic()
            assert requests.get(url, timeout=20).ok
            self.seconds.append(time.monotonic() - started)


@pytest.mark.slow
def test_files_that_unfold_end_in_their_limits_beside_a_server_that_answers(serve):
    gif = hostile.PICTURES["gif"]()  # one channel when it is checked, four bytes a pixel when read
    files = [*[gif] * 4, hostile.forms(), hostile.tiles(), hostile.fonts(), hostile.jpx()]
    with vendor() as openai:
        server = serve(
            *PRODUCTION,
            "--app=app:create_app",
            OPENAI_API_KEY="k",
            OPENAI_BASE_URL=openai.url,
            OCR_TIMEOUT_S="4",
            OCR_MEMORY_MB="300",
        )
        with Health(server) as health, ThreadPoolExecutor(8) as clients:
            with pytest.raises(AssertionError, match=r"OCR_MEMORY_MB allows \(300\)"):
                server.upload(hostile.webp(), "openai")
            providers = ["openai"] * 8 + ["tesseract"] * 3
            jobs = list(clients.map(server.upload, [*files, *files[3:6]], providers))
            ended = [server.wait(job_id, seconds=60) for job_id in jobs]
        server.wait(server.upload(png(), "tesseract"))
    codes = {job["files"][0]["executions"][0]["error"]["code"] for job in ended}
    assert codes <= {"timeout", "too_large"}
    assert openai.requests == []
    assert memory(server) <= 300
    assert max(health.seconds) <= 1


@pytest.mark.slow
def test_eight_pictures_of_38_bytes_at_once_end_in_the_default_limit(serve):
    def send(number):
        return requests.post(
            f"{server.url}/ocr-jobs/upload?ocrProvider_0=openai",
            files={"file": ("receipt.webp", hostile.webp())},
            timeout=120,
        )

    server = serve(*PRODUCTION, "--app=app:create_app", OPENAI_API_KEY="k")
    with Health(server) as health, ThreadPoolExecutor(8) as clients:
        answers = [answer.json() for answer in clients.map(send, range(8))]
    limits = ("more memory than OCR_MEMORY_MB allows (2048)", "within 20 s")
    assert all(any(limit in answer["details"] for limit in limits) for answer in answers), answers
    assert memory(server) <= 300
    assert max(health.seconds) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paddle-ocr-local", "tesseract"])
def test_a_local_engine_ends_at_its_memory_limit_and_reads_the_next_file(name, tmp_path, receipt):
    path = tmp_path / "unfolds.webp"
    path.write_bytes(hostile.webp())
    settings = Settings(ocr_memory_mb=900)  # PaddleOCR takes 530 for a small receipt
    with pytest.raises(ProviderError) as found:
        PROVIDERS[name].ocr(path, settings)
    assert found.value.code == "too_large"
    assert "3.70" in PROVIDERS[name].ocr(receipt, settings).text
