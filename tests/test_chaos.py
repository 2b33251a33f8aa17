"""The short runs of tests/chaos.py (long: --rounds 300) and of bench/load.py (long: a minute)."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("rounds", "more"),
    [("5", ["--logs", "1"]), ("8", ["--orderly", "--logs", "0"])],  # 8: each signal, to each server
)
def test_nothing_is_lost_however_often_and_in_whatever_way_the_server_ends(rounds, more):
    command = [sys.executable, "tests/chaos.py", "--rounds", rounds, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{rounds} ends" in done.stdout and "nothing lost" in done.stdout


def test_a_watched_folder_loses_and_doubles_no_file_however_often_the_server_is_killed():
    """The short run of tests/chaos_watch.py (long: --rounds 300)."""
    command = [sys.executable, "tests/chaos_watch.py", "--rounds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kills" in done.stdout and "each once" in done.stdout


def test_clients_that_upload_and_poll_get_every_receipt_and_no_5xx():
    """The short run of bench/load.py; its exit status says so."""
    command = [sys.executable, "bench/load.py", "--seconds", "3", "--clients", "8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "jobs lost or unread: 0" in done.stdout
