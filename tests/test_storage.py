"""The files on disk and the rows that name them agree, whenever the process ends."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import IncomingFile, Storage, TooLarge, storage_name


@pytest.fixture
def storage(tmp_path):
    storage = Storage(tmp_path)
    storage.create()
    return storage


class Crash:
    """Leaves a context manager where a `kill -9` would: entered and never left."""

    def __init__(self):
        self.entered = []  # held, or its clean-up would run

    def in_(self, context):
        self.entered.append(context)
        return context.__enter__()


@pytest.fixture
def crash():
    return Crash()


def write(directory, name="receipt.jpg", content=b"x"):
    (directory / name).write_bytes(content)
    return directory


def tree(storage):
    """The files under the data directory, as keys."""
    paths = sorted(p for p in storage.root.rglob("*") if p.is_file())
    return [str(path.relative_to(storage.root)) for path in paths]


def settle(storage, arrivals=None):
    storage.adopt_all(arrivals or {})
    storage.clear_incoming()
    assert list((storage.root / "incoming").iterdir()) == []
    return tree(storage)


@pytest.fixture
def job(storage):
    """Job 1 as an upload leaves it, with two files."""
    with storage.incoming() as arrival:
        write(write(arrival.directory, "a.jpg", b"A"), "b.jpg", b"B")
        arrival.is_named = True
        storage.adopt(arrival.directory.name, 1)
    return storage


# Coming in


def test_an_adopted_upload_is_where_its_keys_say(job):
    assert tree(job) == ["uploads/1/a.jpg", "uploads/1/b.jpg"]
    assert job.path("uploads/1/b.jpg").read_bytes() == b"B"
    assert list((job.root / "incoming").iterdir()) == []


def test_an_upload_that_no_row_names_leaves_nothing(storage):
    with pytest.raises(KeyError), storage.incoming() as arrival:
        write(arrival.directory)
        raise KeyError
    with storage.incoming() as arrival:
        write(arrival.directory)
    assert tree(storage) == []


def test_an_upload_that_rows_name_stays_where_it_is_until_it_can_be_moved(storage):
    with pytest.raises(FileNotFoundError), storage.incoming() as arrival:
        write(arrival.directory)
        (storage.root / "uploads").rmdir()
        arrival.is_named = True
        storage.adopt(arrival.directory.name, 1)
    assert len(tree(storage)) == 1
    storage.create()
    assert settle(storage, {arrival.directory.name: 1}) == ["uploads/1/receipt.jpg"]


def test_killed_while_receiving_nothing_stays(storage, crash):
    write(crash.in_(storage.incoming()).directory)
    assert settle(storage) == []


def test_killed_after_the_commit_everything_is_moved_by_the_next_start(storage, crash):
    directory = write(crash.in_(storage.incoming()).directory)
    assert settle(storage, {directory.name: 1}) == ["uploads/1/receipt.jpg"]


def test_killed_within_a_move_the_rest_is_moved_by_the_next_start(job, crash):
    directory = write(crash.in_(job.incoming()).directory, "c.jpg")
    expected = ["uploads/1/a.jpg", "uploads/1/b.jpg", "uploads/1/c.jpg"]
    assert settle(job, {directory.name: 1}) == expected


def test_what_was_moved_before_may_be_moved_again(job):
    job.adopt("moved-long-ago", 1)
    job.adopt("moved-long-ago", 2)
    assert tree(job) == ["uploads/1/a.jpg", "uploads/1/b.jpg"]


def test_a_start_removes_nothing_under_uploads(job):
    """The database may be lost, older, or another: then no row knows of job 1."""
    for _ in range(2):
        assert settle(job) == ["uploads/1/a.jpg", "uploads/1/b.jpg"]
    assert job.job_ids() == {1} and job.has_job(1) and not job.has_job(2)


# Going out


def test_removed_files_are_gone_and_so_is_the_directory_of_a_job_without_any(job):
    job.remove(["uploads/1/a.jpg"])
    assert tree(job) == ["uploads/1/b.jpg"]
    job.remove(["uploads/1/b.jpg", "uploads/1/a.jpg"])
    assert tree(job) == [] and not job.has_job(1)


def test_what_is_gone_already_can_be_removed(job):
    job.remove(["uploads/1/gone.jpg", "uploads/9/gone.jpg"])
    assert tree(job) == ["uploads/1/a.jpg", "uploads/1/b.jpg"]


def test_a_whole_directory_goes_with_all_that_is_in_it(job):
    job.remove_job(1)
    job.remove_job(1)
    assert tree(job) == []


# Keys and names


@pytest.mark.parametrize("key", ["../x", "uploads/../../x", "/etc/passwd", "uploads/1/../../../x"])
def test_a_key_outside_the_data_directory_is_refused(storage, key):
    with pytest.raises(ValueError, match="outside"):
        storage.path(key)


def test_a_data_directory_behind_a_link_works(tmp_path, make_app):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    make_app(data=tmp_path / "link/data")
    assert (tmp_path / "real/data/receipts.db").exists()


@pytest.mark.parametrize(
    ("original", "name"),
    [
        ("receipt.jpg", "receipt.jpg"),
        ("Receipt (1).JPG", "Receipt_1.JPG"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\bon.png", "bon.png"),
        ("収據.jpg", "upload.jpg"),
        ("領収書", "upload"),
        ("Café Süß.heic", "Cafe_Su.heic"),
        ("", "upload"),
        ("..", "upload"),
        (".jpg", "upload.jpg"),
        ("-rf.jpg", "rf.jpg"),
        ("a.jpg.exe", "a.jpg.exe"),
        ("x.svg", "x.svg"),
        ("a/b/", "upload"),
        ("x" * 5000 + ".tiff", "x" * 100 + ".tiff"),
    ],
)
def test_a_stored_name_is_near_the_original_one(original, name):
    assert storage_name(original, ()) == name


def test_a_taken_name_gets_a_number():
    assert storage_name("a.jpg", {"a.jpg"}) == "a-1.jpg"
    assert storage_name("A.JPG", {"a.jpg", "a-1.jpg"}) == "A-2.JPG"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=8))
def test_stored_names_are_safe_and_apart_whatever_the_originals(originals):
    taken = set()
    for original in originals:
        name = storage_name(original, taken)
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)
        assert len(name) < 120 and name.lower() not in taken
        taken.add(name.lower())


# Being written


def test_a_file_is_counted_and_hashed_while_it_is_written(tmp_path):
    file = IncomingFile(tmp_path / "x", 6)
    for part in (b"abc", b"", b"def"):
        file.write(part)
    file.close()
    assert (file.size, (tmp_path / "x").read_bytes()) == (6, b"abcdef")
    assert file.sha256 == "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721"


def test_a_file_past_its_limit_is_not_written_on(tmp_path):
    file = IncomingFile(tmp_path / "x", 5)
    file.write(b"abc")
    with pytest.raises(TooLarge):
        file.write(b"def")
    file.close()
    assert (tmp_path / "x").read_bytes() == b"abc"


def test_a_second_holder_of_the_data_directory_is_told_what_to_do(storage):
    with storage.lock(), pytest.raises(SystemExit, match="DATA_DIR"):
        Storage(storage.root).lock()
    storage.lock().close()
