"""Ends the server again and again, and counts what is lost.  python tests/chaos.py --rounds 300

Clients upload, delete, run again and ask while the server, `flask run` or the production one, is
ended at random moments, start-up included, and started again: by SIGKILL or by a signal, once or
twice; with --orderly by signals only. In the end all that was answered 200 must be there, whole and
exactly once, and nothing else; signals are no crashes; and of what was being read at an end no more
is read again than was under way. Then SQLite's log is lost after each kill: rows may go with it,
but no original. `create_app` is the server's application, with quick, slow and failing providers.
"""

import argparse
import itertools
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import app  # noqa: E402
from result import ProviderError  # noqa: E402
from tests.fakes import fake, png  # noqa: E402

PROVIDERS = ("quick", "slow", "failing")
FINAL = {"completed", "failed"}
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
WORKERS = 2
# Receipts whose state and reading are not what their file's executions make of them.
WRONG_RECEIPTS = """
    SELECT receipt.id, state, execution_id, first.id FROM receipt
    LEFT JOIN execution AS first ON first.id = (
        SELECT id FROM execution WHERE file_id = receipt.file_id AND status = 'completed'
        ORDER BY updated_at, id LIMIT 1
    )
    WHERE execution_id IS NOT first.id AND state <> 'ok'
        OR (state = 'failed') <> (first.id IS NULL) OR state = 'reading'
"""
COMMANDS = (
    ("-m", "flask", "run"),
    ("-m", "server", "--port={port}", "--app=tests.chaos:create_app"),
)


def create_app():
    """The application under test.

    Every end of an execution is written down in the database, every call of a provider in calls.
    """

    def called(name, ocr):
        def call(path, settings):
            line = f"{os.getpid()} {path.parent.name}/{path.name} {name}\n"
            with (path.parents[2] / "calls").open("ab", buffering=0) as file:
                file.write(line.encode())
            return ocr(path, settings)

        return fake(ocr=call)

    def slow(path, settings):
        time.sleep(random.random() / 5)
        return fake().ocr(path, settings)

    def failing(path, settings):
        raise ProviderError("no_luck", "this provider never reads anything")

    providers = {"quick": fake().ocr, "slow": slow, "failing": failing}
    made = app.create_app(providers={name: called(name, ocr) for name, ocr in providers.items()})
    with closing(sqlite3.connect(made.extensions["receipts"].database)) as connection, connection:
        connection.executescript(
            """
            CREATE TABLE IF NOT EXISTS ended (execution_id INTEGER, status TEXT);
            CREATE TRIGGER IF NOT EXISTS write_down AFTER UPDATE OF status ON execution
            WHEN new.status IN ('completed', 'failed')
            BEGIN INSERT INTO ended VALUES (new.id, new.status); END;
            """
        )
    return made


@dataclass
class Sent:
    """An upload, and what is known of it."""

    contents: list[bytes]
    providers: list[str]
    key: str | None
    job_id: int | None = None  # None: it was never answered
    deleted: bool | None = False  # None: a delete was sent and not answered
    again: Counter = field(default_factory=Counter)  # further executions, by file's position


class Chaos:
    def __init__(self, data, seed, clients, orderly):
        self.data, self.random, self.clients = data, random.Random(seed), clients
        self.orderly = orderly
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.sent, self.wrong, self.stop = [], [], threading.Event()
        self.ends, self.again, self.orphans = Counter(), 0, 0
        self.server = None

    def run(self, rounds):
        threads = [
            threading.Thread(target=self.client, args=(self.random.random(),))
            for _ in range(self.clients)
        ]
        for number, (command, how, twice) in enumerate(self.planned(rounds)):
            self.start(command)
            if number == 0:
                for thread in threads:
                    thread.start()
            if self.random.random() < 0.9:
                self.wait_until_up()
            time.sleep(self.random.uniform(0.0, 0.5))
            self.end(how, twice)
        self.stop.set()
        self.start()
        self.wait_until_up()
        for thread in threads:
            thread.join(60)
        assert self.wrong == []
        self.settle()
        self.check_by_api()
        self.server.send_signal(signal.SIGTERM)
        assert self.server.wait(30) == 0
        self.check_on_disk()

    def planned(self, rounds):
        """The server, the signal and whether it comes twice, of each round.

        Each server gets each signal in eight rounds, if it is orderly, and half of them twice; in
        the next eight the other half.
        """
        signals = SIGNALS if self.orderly else (*SIGNALS, *[signal.SIGKILL] * 4)
        ends = list(itertools.product(COMMANDS, signals))
        self.random.shuffle(ends)
        for number, end in enumerate(itertools.islice(itertools.cycle(ends), rounds)):
            yield *end, (number + number // len(ends)) % 2 == 1

    def start(self, command=COMMANDS[1]):
        environ = {
            "DATA_DIR": str(self.data),
            "FLASK_APP": "tests.chaos",
            "FLASK_RUN_PORT": str(self.port),
            "OCR_WORKERS": str(WORKERS),
        }
        command = [word.format(port=self.port) for word in command]
        with (self.data / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=os.environ | environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_up(self):
        deadline = time.monotonic() + 60
        while True:
            with suppress(requests.ConnectionError, requests.Timeout):  # it listens, then imports
                if requests.get(f"{self.url}/health", timeout=10).ok:
                    return
            assert self.server.poll() is None, (self.data / "server.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.02)

    def end(self, how, twice):
        self.ends[f"{how.name}{' twice' * twice}"] += 1
        self.server.send_signal(how)
        if twice:
            time.sleep(self.random.choice((0, 0.01, 0.3)))
            self.server.send_signal(how)  # nothing if it has ended
        self.server.wait(30)

    # The clients

    def client(self, seed):
        try:
            self.ask(random.Random(seed))
        except Exception as error:
            self.wrong.append(error)  # an answer that should not be
            raise

    def ask(self, mine):
        while not self.stop.is_set():
            choice = mine.random()
            done = [sent for sent in self.sent if sent.job_id and sent.deleted is False]
            try:
                if choice < 0.6 or not done:
                    self.upload(mine)
                elif choice < 0.75:
                    self.delete(mine.choice(done))
                elif choice < 0.85:
                    self.run_again(mine.choice(done), mine)
                else:
                    requests.get(f"{self.url}/ocr-jobs?limit=5", timeout=10)
            except requests.RequestException:
                time.sleep(0.05)

    def upload(self, mine):
        contents = [png() + mine.randbytes(mine.choice((10, 3_000, 200_000)))]
        contents += [png() + mine.randbytes(10) for _ in range(mine.randrange(3))]
        providers = [mine.choice(PROVIDERS) for _ in contents]
        key = f"{mine.random()}" if mine.random() < 0.5 else None
        sent = Sent(contents, providers, key)
        self.sent.append(sent)
        while True:
            try:
                return self.send(sent)
            except requests.RequestException:
                if key is None:
                    raise
                time.sleep(0.1)  # with its key it can be sent again, until it is answered

    def send(self, sent):
        response = requests.post(
            f"{self.url}/ocr-jobs/upload",
            files=[("file", (f"{n}.png", content)) for n, content in enumerate(sent.contents)],
            data={f"ocrProvider_{n}": name for n, name in enumerate(sent.providers)},
            headers={"Idempotency-Key": sent.key} if sent.key else {},
            timeout=20,
        )
        assert response.status_code == 200, response.text
        sent.job_id = response.json()["id"]

    def delete(self, sent):
        sent.deleted = None
        response = requests.delete(f"{self.url}/ocr-jobs/{sent.job_id}", timeout=20)
        sent.deleted = {200: True, 404: True, 409: False}[response.status_code]

    def run_again(self, sent, mine):
        files = requests.get(f"{self.url}/ocr-jobs/{sent.job_id}", timeout=20).json().get("files")
        if files:
            place = mine.randrange(len(files))
            url = f"{self.url}/ocr-jobs/{sent.job_id}/files/{files[place]['id']}/executions"
            response = requests.post(url, {"ocrProvider": mine.choice(PROVIDERS)}, timeout=20)
            assert response.status_code in (200, 404, 409), response.text
            sent.again[place] += response.ok

    # The end

    def settle(self):
        """Wait until nothing is left to run."""
        deadline = time.monotonic() + 120
        for status in ("pending", "running"):
            url = f"{self.url}/ocr-jobs?limit=1&status={status}"
            while requests.get(url, timeout=20).json()["pagination"]["total"]:
                assert time.monotonic() < deadline, f"jobs stay {status}"
                time.sleep(0.1)

    def check_by_api(self):
        for sent in self.sent:
            assert sent.job_id or not sent.key, "an upload with a key was never answered"
            if sent.job_id and sent.deleted is not None:
                response = requests.get(f"{self.url}/ocr-jobs/{sent.job_id}", timeout=20)
                assert response.status_code == (404 if sent.deleted else 200), response.text
                if not sent.deleted:
                    self.check_job(sent, response.json())

    def check_job(self, sent, job):
        assert job["status"] in FINAL
        assert len(job["files"]) == len(sent.contents)
        for place, file in enumerate(job["files"]):
            url = f"{self.url}/ocr-jobs/{job['id']}/files/{file['id']}"
            assert requests.get(url, timeout=20).content == sent.contents[place]
            executions = file["executions"]
            assert executions[0]["ocrProvider"] == sent.providers[place]
            assert len(executions) >= 1 + sent.again[place]  # one may have gone unanswered
            for execution in executions:
                assert (execution["status"], execution["error"] is None) in (
                    ("completed", True),
                    ("failed", False),
                ), execution
                assert (execution["ocrData"] is not None) == (execution["status"] == "completed")

    def check_on_disk(self):
        with closing(sqlite3.connect(self.data / "receipts.db")) as connection:

            def rows(query):
                return connection.execute(query).fetchall()

            assert rows("PRAGMA integrity_check") == [("ok",)]
            assert rows("PRAGMA foreign_key_check") == []
            assert rows("SELECT id FROM file EXCEPT SELECT file_id FROM execution") == []
            assert rows("SELECT id FROM job EXCEPT SELECT job_id FROM file") == []
            unfinished = "SELECT id FROM execution WHERE status NOT IN ('completed', 'failed')"
            assert rows(unfinished) == []
            twice = "SELECT execution_id FROM ended GROUP BY 1 HAVING count(*) > 1"
            assert rows(twice) == []
            assert rows("SELECT id FROM execution EXCEPT SELECT execution_id FROM ended") == []
            assert rows("SELECT id FROM file EXCEPT SELECT file_id FROM receipt") == []
            assert rows(WRONG_RECEIPTS) == []
            for parts in ("= '*'", "NOT GLOB '[*=]*'", "GLOB '=*'"):  # all, by date, by merchant
                added_up = rows(
                    "SELECT state, sum(n) FROM receipt_sum"
                    f" WHERE part {parts} GROUP BY 1 HAVING sum(n)"
                )
                assert added_up == rows("SELECT state, count(*) FROM receipt GROUP BY 1")
            found = rows("SELECT count(*) FROM receipt_search WHERE receipt_search MATCH 'png'")
            assert found == rows("SELECT count(*) FROM receipt")
            counted = dict(rows("SELECT status, n FROM job_count WHERE n"))
            assert counted == dict(rows("SELECT status, count(*) FROM job GROUP BY 1"))
            keys = {key for (key,) in rows("SELECT storage_key FROM file")}
            self.jobs = len(rows("SELECT id FROM job"))
            assert not self.orderly or rows("SELECT * FROM execution WHERE crashes > 0") == []
            once = """
                SELECT job_id || '/' || replace(storage_key, rtrim(storage_key, replace(
                    storage_key, '/', '')), '') || ' ' || provider
                FROM execution JOIN file ON file.id = file_id GROUP BY 1 HAVING count(*) = 1
                """
            self.check_calls({key for (key,) in rows(once)})
        places = [self.data / name for name in ("uploads", "incoming")]
        files = {p for place in places for p in place.rglob("*") if p.is_file()}
        assert {str(path.relative_to(self.data)) for path in files} == keys
        contents = Counter(path.read_bytes() for path in files)
        assert set(contents.values()) <= {1}, "an upload was stored twice"
        known = {content for sent in self.sent for content in sent.contents}
        assert set(contents) <= known

    def check_calls(self, once):
        """Whether at each end no more calls were cut off, and made again, than were under way.

        `once` are the file and provider of executions that are the only ones of their kind.
        """
        last, again = {}, Counter()
        for line in (self.data / "calls").read_text().splitlines():
            pid, call = line.split(" ", 1)
            if call in once:
                assert last.get(call) != pid, f"{call} was read twice by one server"
                again[last.get(call)] += call in last
                last[call] = pid
        self.again = sum(again.values())
        assert max(again.values(), default=0) <= WORKERS, again

    # The loss of the log

    def lose_logs(self, times):
        """After each of these kills remove SQLite's log: no original goes, and all are counted."""
        for _ in range(times):
            self.start()
            self.wait_until_up()
            for _ in range(self.random.randrange(1, 8)):
                requests.post(
                    f"{self.url}/ocr-jobs/upload",
                    files={"file": ("0.png", png() + self.random.randbytes(1000))},
                    data={"ocrProvider_0": self.random.choice(PROVIDERS)},
                    timeout=20,
                )
            self.server.kill()
            self.server.wait()
            before = {p: p.read_bytes() for p in (self.data / "uploads").rglob("*") if p.is_file()}
            (self.data / "receipts.db-wal").unlink()
            (self.data / "server.log").write_text("")
            self.start()
            self.wait_until_up()
            self.check_orphans(before)
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(30)

    def check_orphans(self, before):
        with closing(sqlite3.connect(self.data / "receipts.db")) as connection:
            known = {str(job) for (job,) in connection.execute("SELECT id FROM job")}
        orphans = {path.parent.name for path in before} - known
        told = f"{len(orphans)} directories under {self.data}/uploads belong to no job"
        deadline = time.monotonic() + 20
        while orphans and told not in (self.data / "server.log").read_text():
            assert time.monotonic() < deadline, (told, (self.data / "server.log").read_text())
            time.sleep(0.02)
        assert {path: path.read_bytes() for path in before} == before
        self.orphans = len(orphans)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="how often the server is ended")
    parser.add_argument("--logs", type=int, default=2, help="how often its log is lost after that")
    parser.add_argument("--orderly", action="store_true", help="only by signals, never by SIGKILL")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    for number in SIGNALS:  # a shell has what it starts in the background ignore some of them
        signal.signal(number, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
        started = time.monotonic()
        chaos = Chaos(Path(directory), arguments.seed, arguments.clients, arguments.orderly)
        try:
            chaos.run(arguments.rounds)
            chaos.lose_logs(arguments.logs)
        finally:
            if chaos.server and chaos.server.poll() is None:
                chaos.server.kill()
                chaos.server.wait()
        answered = sum(1 for sent in chaos.sent if sent.job_id)
        print(
            f"{arguments.rounds} ends in {time.monotonic() - started:.0f} s (seed"
            f" {arguments.seed}): {len(chaos.sent)} uploads, {answered} answered,"
            f" {chaos.jobs} jobs left, {chaos.again} calls made again, nothing lost;"
            f" {chaos.orphans} originals without a row after {arguments.logs} lost logs, all kept"
        )
        print(", ".join(f"{how}: {n}" for how, n in chaos.ends.most_common()))


if __name__ == "__main__":
    main()
