"""Do the files on disk and the rows that name them agree, whenever the process ends?"""

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


def settle(storage, jobs=(), keys=(), next_job_id=2):
    storage.settle(lambda job_id: job_id in jobs, lambda key: key in keys, next_job_id)
    assert [list((storage.root / d).iterdir()) for d in ("incoming", "trash")] == [[], []]
    return tree(storage)


@pytest.fixture
def job(storage):
    """Job 1 as an upload leaves it, with two files."""
    with storage.incoming() as directory:
        write(write(directory, "a.jpg", b"A"), "b.jpg", b"B")
        with storage.adopted(directory, 1):
            pass
    return storage


# Coming in


def test_an_adopted_upload_is_where_its_keys_say(job):
    assert tree(job) == ["uploads/1/a.jpg", "uploads/1/b.jpg"]
    assert job.path("uploads/1/b.jpg").read_bytes() == b"B"


def test_an_upload_that_is_not_adopted_leaves_nothing(storage):
    with pytest.raises(KeyError), storage.incoming() as directory:
        write(directory)
        raise KeyError
    assert tree(storage) == []


def test_an_upload_whose_commit_fails_leaves_nothing(storage):
    with pytest.raises(KeyError), storage.incoming() as directory:
        write(directory)
        with storage.adopted(directory, 1):
            raise KeyError
    assert list((storage.root / "uploads").iterdir()) == []


def test_killed_while_receiving_nothing_stays(storage, crash):
    write(crash.in_(storage.incoming()))
    assert settle(storage, next_job_id=1) == []


def test_killed_between_rename_and_commit_nothing_stays(storage, crash):
    directory = write(crash.in_(storage.incoming()))
    crash.in_(storage.adopted(directory, 1))
    assert tree(storage) == ["uploads/1/receipt.jpg"]
    assert settle(storage, next_job_id=1) == []


def test_killed_after_the_commit_everything_stays(storage, crash):
    directory = write(crash.in_(storage.incoming()))
    crash.in_(storage.adopted(directory, 1))
    assert settle(storage, jobs=[1], next_job_id=2) == ["uploads/1/receipt.jpg"]


def test_after_a_crash_the_next_job_can_have_its_id(storage, crash):
    crash.in_(storage.adopted(write(crash.in_(storage.incoming())), 1))
    settle(storage, next_job_id=1)
    with storage.incoming() as directory, storage.adopted(write(directory, "new.jpg"), 1):
        pass
    assert tree(storage) == ["uploads/1/new.jpg"]


# Going out


def test_a_discarded_job_and_a_discarded_file_are_gone(job):
    with job.discarded_file("uploads/1/a.jpg"):
        assert tree(job) == ["trash/file-1-a.jpg", "uploads/1/b.jpg"]
    assert tree(job) == ["uploads/1/b.jpg"]
    with job.discarded_job(1):
        pass
    assert tree(job) == []
    assert not (job.root / "uploads/1").exists()


def test_a_deletion_whose_commit_fails_brings_the_files_back(job):
    for context in (job.discarded_job(1), job.discarded_file("uploads/1/a.jpg")):
        with pytest.raises(KeyError), context:
            raise KeyError
        assert tree(job) == ["uploads/1/a.jpg", "uploads/1/b.jpg"]


def test_what_is_gone_already_can_be_discarded(job):
    job.path("uploads/1/a.jpg").unlink()
    with job.discarded_file("uploads/1/a.jpg"):
        pass
    with job.discarded_job(9):
        pass
    assert tree(job) == ["uploads/1/b.jpg"]


def test_killed_before_a_deletion_is_committed_the_files_are_back(job, crash):
    crash.in_(job.discarded_job(1))
    assert settle(job, jobs=[1]) == ["uploads/1/a.jpg", "uploads/1/b.jpg"]
    crash.in_(job.discarded_file("uploads/1/a.jpg"))
    expected = ["uploads/1/a.jpg", "uploads/1/b.jpg"]
    assert settle(job, jobs=[1], keys=expected) == expected


def test_killed_after_a_deletion_was_committed_the_files_are_gone(job, crash):
    crash.in_(job.discarded_file("uploads/1/a.jpg"))
    assert settle(job, jobs=[1], keys=["uploads/1/b.jpg"]) == ["uploads/1/b.jpg"]
    crash.in_(job.discarded_job(1))
    assert settle(job) == []


def test_killed_while_the_trash_is_emptied_the_rest_goes_at_the_next_start(job, crash):
    crash.in_(job.discarded_job(1))
    (job.root / "trash/job-1/a.jpg").unlink()
    assert settle(job) == []


def test_a_file_and_then_its_job_deleted_in_two_crashes_are_gone(job, crash):
    crash.in_(job.discarded_file("uploads/1/a.jpg"))
    crash.in_(job.discarded_job(1))
    assert settle(job) == []


def test_settling_twice_or_when_nothing_happened_changes_nothing(job):
    for _ in range(2):
        assert settle(job, jobs=[1]) == ["uploads/1/a.jpg", "uploads/1/b.jpg"]


def test_names_of_files_with_dashes_are_put_back(storage, crash):
    key = "uploads/12/my-long--name.jpg"
    with (
        storage.incoming() as directory,
        storage.adopted(write(directory, "my-long--name.jpg"), 12),
    ):
        pass
    crash.in_(storage.discarded_file(key))
    assert settle(storage, jobs=[12], keys=[key], next_job_id=13) == [key]


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
    file.seek(0)
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
