"""Kills a server that watches a folder, again and again.  python tests/chaos_watch.py --rounds 300

Meanwhile files are put there. In the end each is one job with its bytes and lies once in done/, and
what is no picture lies once in failed/ with its reason; nothing else is there.
"""

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import free_port  # noqa: E402
from tests.fakes import png, until  # noqa: E402


class Chaos:
    def __init__(self, home, seed):
        self.data, self.inbox, self.random = home / "data", home / "inbox", random.Random(seed)
        self.inbox.mkdir()
        self.put = {}  # contents by name

    def run(self, rounds):
        for number in range(rounds):
            server = self.start()
            for place in range(self.random.randrange(1, 4)):
                self.drop(f"{number}-{place}.png")
            before = self.places()
            until(lambda before=before: self.places() - before, seconds=300)
            time.sleep(self.random.uniform(0, 0.3))
            server.kill()
            server.wait()
        server = self.start()
        until(lambda: not [path for path in self.inbox.iterdir() if path.is_file()], seconds=120)
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        self.check()

    def start(self):
        variables = {
            "DATA_DIR": str(self.data),
            "WATCH_DIR": str(self.inbox),
            "WATCH_PROVIDER": "mistral",
            "WATCH_REST_S": "1",
        }
        command = [sys.executable, "-m", "server", f"--port={free_port()}"]
        with (self.inbox.parent / "server.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--app=tests.fakes:create_app"],
                cwd=ROOT,
                env=os.environ | variables,
                stdout=log,
                stderr=log,
            )

    def drop(self, name):
        head = b"no picture" if self.random.random() < 0.2 else png()
        self.put[name] = head + self.random.randbytes(self.random.choice((10, 100_000)))
        (self.inbox / f".{name}").write_bytes(self.put[name])
        (self.inbox / f".{name}").rename(self.inbox / name)

    def places(self):
        """Every file and directory that a step makes: named by rows, moved."""
        homes = (self.data / "uploads", self.inbox / "done", self.inbox / "failed")
        walks = map(os.walk, homes)
        return {f"{top}/{n}" for walk in walks for top, dirs, files in walk for n in dirs + files}

    def check(self):
        found = {path.name: path.read_bytes() for path in self.inbox.glob("done/*")}
        told = {path.name: path.read_bytes() for path in self.inbox.glob("failed/*")}
        reasons = [told.pop(f"{name}.txt") for name in list(told) if f"{name}.txt" in told]
        assert len(reasons) == len(told) and all(b"not a picture" in reason for reason in reasons)
        assert found | told == self.put
        with closing(sqlite3.connect(self.data / "receipts.db")) as connection:
            rows = connection.execute("SELECT original_name, storage_key FROM file").fetchall()
        assert Counter(name for name, _ in rows) == Counter(found.keys())
        assert {name: (self.data / key).read_bytes() for name, key in rows} == found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="how often the server is killed")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-watch-") as directory:
        chaos = Chaos(Path(directory), arguments.seed)
        try:
            chaos.run(arguments.rounds)
        except BaseException:
            print((Path(directory) / "server.log").read_text()[-5000:], file=sys.stderr)
            raise
    print(f"{arguments.rounds} kills (seed {arguments.seed}): {len(chaos.put)} files, each once")


if __name__ == "__main__":
    main()
