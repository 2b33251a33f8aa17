"""Pictures, providers and waiting clients for the tests.

`create_app` is also an application for servers in processes of their own: its providers sleep, die
and go on as their names say, and write down each time they start in $DATA_DIR/started.
"""

import json
import os
import shutil
import signal
import threading
import time
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

import app
from engines import running
from providers.base import Provider
from result import OcrResult, Receipt

LONG_S = 120  # what no test waits for unless it hangs; a busy machine needs 30 s for 90 megapixels
ROWS = ("CORNER CAFE", "2026-03-14 09:41", "MILK 1.20", "BREAD 2.50", "TOTAL EUR 3.70")


def needs(*programs):
    """Skips a test where one of these programs is not installed: `make test` needs only Python."""
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def png(size=(8, 8), color="white"):
    """A small picture, as bytes."""
    buffer = BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def drawn(rows=ROWS, size=(480, 360)):
    """A receipt with these printed rows."""
    image = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=28)
    for number, row in enumerate(rows):
        draw.text((30, 30 + 60 * number), row, "black", font)
    return image


def fake(text="READ", **fields):
    """A provider that reads `text` from everything; `fields` are those of Provider."""
    result = OcrResult(text, text, (), Receipt("rules"), "fake 1")
    return Provider(**{"ocr": lambda *_: result, "unavailable": lambda _: None} | fields)


class Gate:
    """A provider that tells when it has started and answers when the gate is open.

    `vendor` may charge for it from its start.
    """

    def __init__(self, vendor=None, **fields):
        self._vendor = vendor
        self.provider = fake(ocr=self._ocr, **fields)
        self._started, self._open = threading.Semaphore(0), threading.Event()

    def _ocr(self, path, settings):
        if self._vendor:
            running.begin_request(self._vendor)
        self._started.release()
        assert self._open.wait(60), "the test never opened the gate"
        return fake().ocr(path, settings)

    def open(self):
        self._open.set()

    def wait_for_start(self):
        assert self._started.acquire(timeout=LONG_S), "the execution did not start"


def until(answer, wanted=bool, seconds=LONG_S):
    """The first `answer()` that is `wanted`."""
    deadline = time.monotonic() + seconds
    while not wanted(found := answer()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds} s"
        time.sleep(0.01)
    return found


def upload(client, *providers, files=None, **fields):
    """The id of a new job with a file for each provider, through Flask's test client."""
    files = files or [(png(), f"{number}.png") for number in range(len(providers))]
    data = {"file": [(BytesIO(content), name) for content, name in files], **fields}
    data |= {f"ocrProvider_{number}": name for number, name in enumerate(providers)}
    response = client.post("/ocr-jobs/upload", data=data)
    assert response.status_code == 200, response.text
    return response.json["id"]


def wait(client, job_id, *statuses):
    """The job once it has one of these statuses, by default the final ones."""
    wanted = statuses or ("completed", "failed")
    return until(
        lambda: client.get(f"/ocr-jobs/{job_id}").json, lambda job: job["status"] in wanted
    )


def only_execution(job):
    """The execution of a job with one, its ocrData read."""
    ((execution,),) = [file["executions"] for file in job["files"]]
    data = execution["ocrData"]
    return execution | {"ocrData": data and json.loads(data)}


def create_app():
    """Providers that are slow, or end the server while they read."""
    data = Path(os.environ["DATA_DIR"])

    def started(path):
        with (data / "started").open("a") as file:
            file.write(f"{path.parent.name} {os.getpid()}\n")

    def slow(path, settings):
        started(path)
        until(lambda: (data / "go").exists(), seconds=60)
        return fake().ocr(path, settings)

    def killer(path, settings):
        started(path)
        os.kill(os.getpid(), signal.SIGKILL)

    providers = {name: fake(f"# Receipt\n\n{name}") for name in ("mistral", "openai")}
    return app.create_app(
        providers=providers
        | {"slow": fake(ocr=slow, runs_on=lambda: "on paper"), "killer": fake(ocr=killer)}
    )
