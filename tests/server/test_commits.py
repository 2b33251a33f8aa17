"""Are writes that come together one commit, and is each still its own?"""

import sqlite3
import threading
from contextlib import closing, contextmanager

import pytest

from server.commits import Commits


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "test.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE number (n INTEGER UNIQUE)")
    return path


def insert(n, *, fails=False):
    """A step that writes a number, then fails or returns it."""

    def step(connection, until_commit):
        connection.execute("INSERT INTO number VALUES (?)", (n,))
        if fails:
            raise KeyError(n)
        return n

    return step


def numbers(path):
    with closing(sqlite3.connect(path)) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM number ORDER BY n")]


def together(path, commits, *steps):
    """What each step came to, when they all wait while another is at it."""
    outcomes, started, release = {}, threading.Event(), threading.Event()

    def wait(connection, until_commit):
        started.set()
        assert release.wait(10)

    def write(step, number):
        with closing(sqlite3.connect(path)) as connection:
            try:
                outcomes[number] = commits.write(connection, step)
            except Exception as error:
                outcomes[number] = error

    threads = [threading.Thread(target=write, args=(wait, "first"))]
    threads[0].start()
    assert started.wait(10)
    for number, step in enumerate(steps):
        threads.append(threading.Thread(target=write, args=(step, number)))
        threads[-1].start()
        while len(commits._waiting) <= number:
            pass
    release.set()
    for thread in threads:
        thread.join(10)
    return [outcomes[number] for number in range(len(steps))]


def test_what_a_step_returns_is_returned_when_it_is_durable(path):
    with closing(sqlite3.connect(path)) as connection:
        assert Commits().write(connection, insert(1)) == 1
    assert numbers(path) == [1]


def test_those_who_wait_share_one_commit(path):
    seen = []

    def look(connection, until_commit):
        seen.append(connection.execute("SELECT count(*) FROM number").fetchone()[0])
        seen.append(len(numbers(path)))

    together(path, Commits(), insert(1), insert(2), look)
    assert seen == [2, 0]  # in the transaction, and outside


def test_a_step_that_fails_undoes_its_own_work_only(path):
    outcomes = together(path, Commits(), insert(1), insert(2, fails=True), insert(1), insert(3))
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], KeyError)
    assert isinstance(outcomes[2], sqlite3.IntegrityError)
    assert outcomes[3] == 3
    assert numbers(path) == [1, 3]


def test_contexts_are_left_after_the_commit_or_with_the_error(path):
    left = []

    @contextmanager
    def context(name):
        try:
            yield
        except BaseException as error:
            left.append((name, type(error), numbers(path)))
            raise
        left.append((name, None, numbers(path)))

    def step(n, fails=False):
        def enter(connection, until_commit):
            until_commit.enter_context(context(n))
            return insert(n, fails=fails)(connection, until_commit)

        return enter

    outcomes = together(path, Commits(), step(1), step(2, fails=True))
    assert left == [(2, KeyError, []), (1, None, [1])]
    assert outcomes[0] == 1


def test_a_commit_that_fails_fails_for_all_in_it(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE later (n REFERENCES number (n) DEFERRABLE INITIALLY DEFERRED)"
        )

    def break_(connection, until_commit):
        connection.execute("INSERT INTO later VALUES (99)")  # refused by the commit

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            Commits().write(connection, break_)
        assert Commits().write(connection, insert(4)) == 4  # the connection is usable again
    assert numbers(path) == [4]


def test_a_locked_database_is_told_to_all_who_wait(path):
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                Commits().write(connection, insert(1))
            other.execute("COMMIT")
        assert Commits().write(connection, insert(1)) == 1
