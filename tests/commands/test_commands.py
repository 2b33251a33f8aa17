"""`flask ocr` and `flask doctor` work without a server, and their exit statuses are right."""

import json
import os
import pty
import re
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace

import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup

import db
from app import create_app
from providers.base import Provider
from result import OcrResult, ProviderError, Receipt
from tests.conftest import FLASK, ROOT
from tests.fakes import fake, png, upload


def failing(path, settings):
    raise ProviderError("unreadable", "the paper is blank")


def dying(path, settings):
    raise RuntimeError("no such model")


@pytest.fixture
def flask(tmp_path):
    """`flask(*words)`: what a command did, that has an application of its own as in a process.

    `env` is the application's, `environ` the process's.
    """

    def run(*words, providers=None, env=None, environ=None):
        def application():
            return create_app(tmp_path / "data", providers or {"fake": fake()}, env or {})

        group = FlaskGroup(create_app=application, load_dotenv=False)
        return CliRunner(env=environ).invoke(group, list(map(str, words)))

    return run


@pytest.fixture
def pictures(tmp_path):
    """Two pictures and a text file."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png())
    (tmp_path / "c.txt").write_text("no picture")
    return [tmp_path / name for name in ("a.png", "b.png", "c.txt")]


# flask ocr


@pytest.mark.slow
def test_a_receipt_is_read_without_a_server_or_a_data_directory(tmp_path):
    receipt, data = ROOT / "samples/receipt.jpg", tmp_path / "data"
    done = subprocess.run(
        [*FLASK, "ocr", receipt, "--provider", "tesseract"],
        cwd=ROOT,
        env=os.environ | {"FLASK_APP": "app", "DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("CORNER CAFE\n12 Harbour Street")
    assert not data.exists()


def test_one_receipt_is_its_text(flask, pictures):
    done = flask("ocr", pictures[0], "--provider", "fake")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "READ\n", "")


def test_without_a_name_the_first_provider_that_sends_nothing_away_reads(flask, pictures):
    off, away = (
        fake(unavailable=lambda settings: "not installed"),
        fake("AWAY", kind="remote", sends_to=lambda settings: "api.example"),
    )
    here = {"off": off, "away": away, "here": fake("HERE"), "later": fake("LATER")}
    assert flask("ocr", pictures[0], providers=here).stdout == "HERE\n"
    alone = flask("ocr", pictures[0], providers={"off": off, "away": away})
    assert alone.exit_code == 2 and "choose one: --provider" in alone.stderr


def test_several_are_headed_by_their_names(flask, pictures):
    done = flask("ocr", *pictures[:2], "--provider", "fake")
    assert done.stdout == f"==> {pictures[0]} <==\nREAD\n==> {pictures[1]} <==\nREAD\n"


def test_json_is_an_object_a_line_that_jq_can_read(flask, pictures):
    done = flask("ocr", *pictures[:2], "--provider", "fake", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["file"] for line in lines] == list(map(str, pictures[:2]))
    assert lines[0]["text"] == "READ"
    assert lines[0]["receipt"]["source"] == "rules"


def test_what_cannot_be_read_is_said_and_the_rest_is_read(flask, pictures, tmp_path):
    missing = tmp_path / "missing.png"
    done = flask("ocr", pictures[2], missing, pictures[0], "--provider", "fake")
    assert (done.exit_code, done.stdout) == (1, f"==> {pictures[0]} <==\nREAD\n")
    said = done.stderr.splitlines()
    assert said[0].startswith(f"{pictures[2]}: ")
    assert said[1] == f"{missing}: file_missing: there is no such file"


def test_a_failure_is_an_object_with_its_error(flask, pictures):
    providers = {"failing": fake(ocr=failing)}
    done = flask("ocr", pictures[0], "--provider", "failing", "--json", providers=providers)
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "file": str(pictures[0]),
        "error": {"code": "unreadable", "message": "the paper is blank"},
    }
    assert done.stderr == f"{pictures[0]}: unreadable: the paper is blank\n"


def test_a_provider_that_is_none_or_not_available_is_said(flask, pictures):
    off = {"off": fake(unavailable=lambda settings: "its key is not set")}
    unknown = flask("ocr", pictures[0], "--provider", "x")
    assert unknown.exit_code == 2
    assert "There is no provider 'x'; use one of: fake" in unknown.stderr
    unset = flask("ocr", pictures[0], "--provider", "off", providers=off)
    assert unset.exit_code == 1
    both = flask("ocr", pictures[0], "--provider", "x", providers=off | {"fake": fake()})
    assert "use one of: fake\n" in both.stderr
    assert unset.stderr == "Error: Provider 'off' is not available: its key is not set\n"


@pytest.mark.slow
def test_a_terminal_sees_a_bar_while_the_results_go_to_a_file(tmp_path, pictures):
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*FLASK, "ocr", *pictures[:2], "--provider", "mistral"],
        cwd=ROOT,
        env=os.environ | {"FLASK_APP": "tests.fakes", "DATA_DIR": str(tmp_path / "data")},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
    )
    os.close(theirs)
    bar = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "2/2" in bar
    assert done.stdout.decode().count("# Receipt") == 2


# flask doctor


def reads(total):
    receipt = Receipt("rules", total=total)
    result = OcrResult("", "", (), receipt, "fake 1")
    return fake(ocr=lambda path, settings: result)


@pytest.fixture
def doctor(flask):
    """`doctor(provider)`: the exit status and the lines about it, with one that works."""

    def ask(provider=None, *words, env=None):
        providers = {"good": reads(13.2), "asked": provider or reads(13.2)}
        done = flask("doctor", *words, providers=providers, env=env)
        return done.exit_code, done.stdout.splitlines()

    return ask


def test_all_is_well_where_all_works(doctor, make_app):
    make_app()
    status, lines = doctor()
    assert status == 0
    assert lines[0].startswith("ok version: 1.")
    assert lines[1].startswith("ok good: works, ")
    assert [line.split(":")[0] for line in lines[3:]] == [
        *("ok data", "ok database", "ok database", "ok queue", "ok access")
    ]


def test_a_variable_that_is_nearly_a_setting_is_told_and_is_no_problem(doctor):
    status, lines = doctor(env={"OCR_TIMEOUT": "9"})
    assert status == 0
    assert lines[-1] == "-- settings: OCR_TIMEOUT is no setting; is OCR_TIMEOUT_S meant?"


def test_what_runs_a_providers_models_is_told(doctor):
    status, lines = doctor(replace(reads(13.2), runs_on=lambda: "detector on OpenVINO 2026.4.1"))
    assert status == 0
    assert lines[2].startswith("ok asked: works, ")
    assert lines[2].endswith("; detector on OpenVINO 2026.4.1")


@pytest.mark.parametrize(
    ("provider", "line"),
    [
        (fake(ocr=failing), "!! asked: does not work: unreadable: the paper is blank"),
        (fake(ocr=dying), "!! asked: does not work: RuntimeError: no such model"),
        (reads(99), "!! asked: runs, but reads the total as 99; it is 13.2"),
    ],
)
def test_a_provider_that_is_set_up_and_does_not_work_is_a_problem(doctor, provider, line):
    status, lines = doctor(provider)
    assert (status, lines[2]) == (1, line)


@pytest.mark.parametrize("port", ["abc", "-1", "99999999", ""])
def test_the_doctor_works_whatever_port_is_set(flask, port):
    done = flask("doctor", providers={"good": reads(13.2)}, environ={"FLASK_RUN_PORT": port})
    assert done.exit_code == 0, done.output
    assert "Traceback" not in done.output


def test_a_provider_that_is_not_set_up_is_no_problem_if_another_is(doctor, flask):
    off = fake(unavailable=lambda settings: "its key is not set")
    status, lines = doctor(off)
    assert (status, lines[2]) == (0, "-- asked: not available: its key is not set")
    alone = flask("doctor", providers={"off": off})
    assert (alone.exit_code, alone.stdout.splitlines()[1]) == (1, "!! providers: none is available")


def test_a_provider_that_costs_is_asked_only_with_remote(doctor):
    asked = []

    def ocr(path, env):
        asked.append(path.read_bytes())
        raise ProviderError("rate_limited", "later")

    remote = Provider(
        ocr, lambda settings: None, kind="remote", sends_to=lambda settings: "api.example"
    )
    status, lines = doctor(remote)
    assert (status, asked) == (0, [])
    assert lines[2] == "-- asked: set up, not tried: --remote would ask api.example"
    status, lines = doctor(remote, "--remote")
    assert (status, asked) == (1, [(ROOT / "samples/receipt.jpg").read_bytes()])


def test_a_model_that_will_be_shut_down_is_told_and_is_no_problem(doctor):
    def day(settings, ask):
        return "2027-01-14" if ask else "2027-02-14"

    ends = replace(reads(13.2), model=lambda _: "old-1", ends_on=day)
    line = "-- asked: old-1 is shut down on 2027-01-14; set another model by then"
    status, lines = doctor(ends, "--remote")
    assert (status, lines[3]) == (0, line)
    assert line.replace("01-14", "02-14") in doctor(ends)[1]

    def unknown(settings, ask):
        raise ProviderError("unreachable", "no network")

    assert doctor(replace(ends, ends_on=unknown), "--remote")[0] == 0


def test_a_queue_that_stands_is_a_problem(make_app, doctor, gate):
    app = make_app({"gated": gate.provider}, {"OCR_WORKERS": "1"})
    client = app.test_client()
    upload(client, "gated")
    gate.wait_for_start()
    upload(client, "gated")
    assert re.match(r"ok queue: 1 executions wait, the oldest for \d+ s", doctor()[1][-2])
    with closing(db.connect(app.extensions["receipts"].database)) as connection, connection:
        connection.execute("UPDATE execution SET created_at = '2020-01-01T00:00:00Z' WHERE id = 2")
    status, lines = doctor()
    assert status == 1
    assert re.match(r"!! queue: 1 executions wait, .* s; is a server running\?", lines[-2])


def test_a_database_that_is_newer_or_readable_by_others_is_a_problem(make_app, doctor):
    database = make_app().extensions["receipts"].database
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    database.chmod(0o644)
    status, lines = doctor()
    assert status == 1
    assert f"!! data: other users can read {database}; run chmod go= on it" in lines
    newer = (
        f"was made by a newer release (schema 99, this one knows {db.VERSION}); run that release"
    )
    assert any(line.startswith(f"!! database: {database} {newer}") for line in lines)


def test_a_database_that_is_none_is_a_problem(doctor, tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data/receipts.db").write_bytes(b"no database" * 100)
    (tmp_path / "data/receipts.db").chmod(0o600)
    status, lines = doctor()
    assert status == 1
    damaged = (
        f"!! database: {tmp_path}/data/receipts.db is damaged: it does not begin as a database"
    )
    assert any(line.startswith(damaged) and "flask restore" in line for line in lines)


def test_a_data_directory_that_is_not_there_is_not_made(doctor, tmp_path):
    status, lines = doctor()
    assert (status, lines[-2]) == (
        0,
        f"-- data: {tmp_path}/data does not exist yet; the first start makes it",
    )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("env", "status", "line"),
    [
        ({}, 0, "ok access: this machine only; to let a phone in, see docs/phone.md"),
        ({"API_KEY": "sesame"}, 0, "ok access: everyone who sends the API_KEY"),
        (
            {"ALLOW_REMOTE": "1"},
            1,
            "!! access: everyone, without a key: set API_KEY, or remove ALLOW_REMOTE",
        ),
    ],
)
def test_who_is_let_in_is_a_finding_and_everyone_a_problem(doctor, env, status, line):
    found, lines = doctor(env=env)
    assert (found, lines[-1]) == (status, line)
