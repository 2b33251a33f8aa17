"""Settings are read from one table, refused in one sentence, and documented as they are."""

import ast
import re
import time

import pytest

from settings import VARIABLES, Limits, Settings, deadline, read_settings
from tests.conftest import ROOT
from tests.test_imports import FILES, name, nodes

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
NUMBERS = {  # the least that each takes
    **dict.fromkeys(("JOB_RETENTION_DAYS", "PREVIEW_CACHE_MB", "TRUSTED_PROXIES"), 0),
    "OCR_MEMORY_MB": 128,
    **dict.fromkeys(("MAX_FILE_SIZE_BYTES", "MAX_FILES_PER_JOB", "MAX_IMAGE_PIXELS"), 1),
    **dict.fromkeys(("MAX_PAGES", "MAX_PENDING", "MAX_WAITING", "WATCH_REST_S"), 1),
    **dict.fromkeys(("OCR_WORKERS", "REMOTE_WORKERS", "OCR_TIMEOUT_S", "LLAMA_CPP_THREADS"), 1),
}


def refusal(**variables):
    with pytest.raises(ValueError) as error:
        read_settings(variables)
    return str(error.value)


def default(variable):
    """As it stands in the documents."""
    value = VARIABLES[variable].default
    if isinstance(value, bool):
        return f"{value:d}"
    return "" if value is None or value in (b"", frozenset()) else str(value)


# Values


def test_without_variables_every_setting_has_its_default():
    assert read_settings({}) == Settings()
    assert read_settings(dict.fromkeys(VARIABLES, " ")) == Settings()


def test_a_value_has_the_type_of_its_setting():
    settings = read_settings(
        {
            "ALLOW_REMOTE": "1",
            "TRUSTED_HOSTS": " NAS.lan, 192.168.1.20 ",
            "MAX_PAGES": "007",
            "RATE_LIMIT": "10/second;2000/day",
            "LOG_FORMAT": "json",
            "WEBHOOK_URL": "https://h.example/hook",
            "WEBHOOK_SECRET": SECRET,
            "OPENAI_API_KEY": " sk-1 ",
        }
    )
    assert settings.allow_remote is True
    assert settings.trusted_hosts == {"nas.lan", "192.168.1.20"}
    assert (settings.max_pages, settings["MAX_PAGES"]) == (7, 7)
    assert settings.rate_limit == "10/second;2000/day"
    assert settings.log_format == "json"
    assert settings.webhook_secret == b"0123456789abcdef01234567"
    assert settings.openai_api_key == "sk-1"


def test_every_setting_of_a_number_is_checked_below():
    numbers = {name for name, field in VARIABLES.items() if type(field.default) is int}
    numbers |= {"OCR_WORKERS"}  # by default as many as cores
    assert numbers == set(NUMBERS), "add or remove it in NUMBERS of tests/test_settings.py"


@pytest.mark.parametrize("variable", NUMBERS)
def test_what_is_no_whole_number_is_named(variable):
    least = NUMBERS[variable]
    assert read_settings({variable: str(least)})[variable] == least
    wrong = ("-1", "four", "1.5", "1e3", "²", str(least - 1), str(2**63), "9" * 5000)
    for text in wrong:
        assert refusal(**{variable: text}) == (
            f"{variable} must be a whole number of {least} or more, not {text!r}"
        )


THREADS = ("OCR_WORKERS", "REMOTE_WORKERS", "LLAMA_CPP_THREADS")
MOST = {**dict.fromkeys(THREADS, 1000), "OCR_TIMEOUT_S": 10**6, "OCR_MEMORY_MB": 10**6}


@pytest.mark.parametrize("variable", MOST)
def test_what_no_machine_has_is_named(variable):
    """Sockets, threads and limits of memory take no larger number."""
    most = MOST[variable]
    assert read_settings({variable: str(most)})[variable] == most
    sentence = f"{variable} must be {most} or less, not {most + 1}"
    assert refusal(**{variable: str(most + 1)}) == sentence


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ALLOW_REMOTE": "yes"}, "ALLOW_REMOTE must be 0 or 1, not 'yes'"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT must be text or json, not 'xml'"),
        ({"RATE_LIMIT": "often"}, "RATE_LIMIT must look like 10/second;1000/day, not 'often'"),
        ({"WEBHOOK_URL": "http://h/"}, "WEBHOOK_URL needs a WEBHOOK_SECRET; make one with: "),
        ({"WEBHOOK_SECRET": "s3cret"}, "WEBHOOK_SECRET must begin with whsec_; make one with: "),
        ({"WEBHOOK_SECRET": "whsec_%"}, "WEBHOOK_SECRET must be base64 after whsec_; make one "),
        ({"WEBHOOK_SECRET": "whsec_é"}, "WEBHOOK_SECRET must be base64 after whsec_; make one "),
        ({"WEBHOOK_SECRET": "whsec_aGk="}, "WEBHOOK_SECRET must hold 24 to 64 bytes, not 2; make"),
    ],
)
def test_any_other_value_that_cannot_be_used_is_named(variables, sentence):
    assert refusal(**variables).startswith(sentence)


@pytest.mark.parametrize("url", ["ftp://h/", "h/hook", "http://", "http://[::1/hook"])
def test_a_webhook_that_is_no_url_is_named_and_not_repeated(url):
    sentence = refusal(WEBHOOK_URL=url, WEBHOOK_SECRET=SECRET)
    assert sentence == "WEBHOOK_URL must be an http:// or https:// URL"


def test_a_wrong_value_ends_the_start_with_its_sentence(make_app):
    with pytest.raises(SystemExit, match="MAX_PAGES must be a whole number of 1 or more"):
        make_app(env={"MAX_PAGES": "0"})


def test_a_name_that_is_nearly_a_setting_is_told_and_others_are_not():
    others = {"PATH": "/bin", "OPENAI_ORG_ID": "org", "AWS_ENDPOINT_URL_S3": "http://s3"}
    assert read_settings(others | {"OCR_TIMEOUT_S": "9"}).near_misses == ()
    assert read_settings(others | {"OCR_TIMEOUT": "9", "MISTRAL_APIKEY": "m"}).near_misses == (
        "OCR_TIMEOUT is no setting; is OCR_TIMEOUT_S meant?",
        "MISTRAL_APIKEY is no setting; is MISTRAL_API_KEY meant?",
    )


def test_the_start_warns_of_such_a_name(make_app, caplog):
    make_app(env={"OCR_TIMEOUT": "9"})
    assert "OCR_TIMEOUT is no setting; is OCR_TIMEOUT_S meant?" in caplog.text


# Secrets


def test_secrets_are_not_shown():
    texts = {name: f"value-of-{name}" for name, field in VARIABLES.items() if not field.repr}
    texts |= {"WEBHOOK_URL": "https://h.example/value", "WEBHOOK_SECRET": SECRET}
    assert {name for name in VARIABLES if re.search("KEY|TOKEN|SECRET", name)} <= set(texts)
    shown = repr(read_settings(texts))
    assert "value" not in shown and "MDEy" not in shown and "0123" not in shown


def test_the_log_hides_every_variable_named_as_a_key_as_it_stands_in_urls_too():
    env = {"GITHUB_TOKEN": "a/b+c d", "AWS_ACCESS_KEY_ID": "AKIA12 ", "SHORT_KEY": "on", "A": "b"}
    assert set(read_settings(env).secrets) == {
        *("a/b+c d", "a%2Fb%2Bc%20d", "a%2Fb%2Bc+d"),
        "AKIA12",
    }


# What is derived


def test_engines_get_the_limits_of_pictures():
    settings = read_settings({"MAX_PAGES": "3", "MAX_IMAGE_PIXELS": "4"})
    assert settings.limits == Limits(pages=3, pixels=4)


def test_the_deadline_is_the_timeout_from_now():
    assert deadline(Settings(ocr_timeout_s=7)) == pytest.approx(time.monotonic() + 7, abs=1)


# Documents


def test_the_example_has_every_variable_with_its_default_and_meaning():
    example = (ROOT / ".env.example").read_text("utf-8")
    lines = [line for line in example.splitlines() if re.match("# [A-Z_]+=", line)]
    wanted = [example_line(variable) for variable in VARIABLES]
    assert lines == wanted, "make .env.example as settings.py has it, in its order"


def example_line(variable):
    meaning = VARIABLES[variable].metadata["meaning"]
    return f"{f'# {variable}={default(variable)}':<35}{f' # {meaning}' if meaning else ''}".rstrip()


def test_the_readmes_table_is_as_the_settings_are():
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \|.*$", readme, re.M)
    assert len(rows) > 5
    for variable in rows:
        shown = default(variable) or "unset"
        meaning = VARIABLES[variable].metadata["meaning"]
        row = f"| `{variable}` | {shown} | {meaning} |"
        assert f"\n{row}\n" in readme, f"write this row into the table of README.md: {row}"


# Who reads them

MAY_SEE_IT = ("app.py", "settings.py", "engines/process.py")


def test_only_the_app_and_the_start_of_engines_see_the_environment():
    """app.py hands it to settings.py; an engine's process gets it from engines/process.py."""
    kinds = ast.Name | ast.Attribute | ast.arg | ast.alias
    for path in FILES:
        if name(path) not in MAY_SEE_IT and "env" in path.read_text("utf-8"):
            found = {ast.unparse(node) for node in nodes(path) if isinstance(node, kinds)}
            seen = {"os.environ", "environ", "os.getenv", "getenv", "env", "self._env"} & found
            assert seen == set(), f"{name(path)} must take settings.Settings instead"
