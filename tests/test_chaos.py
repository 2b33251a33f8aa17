"""The short run of tests/chaos.py; the long one is `python tests/chaos.py --rounds 300`."""

import subprocess
import sys


def test_nothing_is_lost_however_often_the_server_is_killed():
    command = [sys.executable, "tests/chaos.py", "--rounds", "8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 kills" in done.stdout and "nothing lost" in done.stdout
