"""A real Chromium, a real server, and what a person does with them."""

import os
import shutil
import signal
from io import BytesIO
from pathlib import Path

import pytest
import requests
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    JavascriptException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.conftest import FLASK, Server, free_port
from tests.fakes import ROWS, drawn, until
from tests.page.readers import CAREFUL

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--lang=en-US",
)
SEEN = """const one = [...document.querySelectorAll(arguments[0])].find(
    (one) => one.checkVisibility() && one.textContent.includes(arguments[1]));"""
STILL = """
const [one, done] = arguments;
one.scrollIntoView({block: "nearest"});  // not under a bar
const place = () => JSON.stringify(one.getBoundingClientRect());
const look = (before) => (place() === before ? done() : setTimeout(look, 20, place()));
look();
"""
REPLACED = (  # the page made the element anew, or moved it, since it was found
    StaleElementReferenceException,
    ElementClickInterceptedException,
    ElementNotInteractableException,
    JavascriptException,
)
DEADLINE_S = 60
NO_FAULTS = (  # an answer of 4xx; a page that is left while it loads share.js
    "Failed to load resource",
    "error occurred when fetching the script",
)
DESK, PHONE = (1280, 900), (360, 740)
SHARES = """
const done = arguments[arguments.length - 1];
const look = async () => {
  const at = await navigator.serviceWorker.getRegistration("static/");
  if (at?.active) done();
  else setTimeout(look, 50);
};
look();
"""
SHARE = """
const [name, bytes] = arguments;
const files = new DataTransfer();
files.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/png"}));
const form = document.createElement("form");
Object.assign(form, {method: "POST", enctype: "multipart/form-data", action: "static/share"});
const input = Object.assign(document.createElement("input"), {type: "file", name: "file"});
input.files = files.files;
form.append(input);
document.body.append(form);
form.submit();
"""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    browser = start_chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


def start_chromium(profile, *flags):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server without a key, for all tests; each makes the jobs it needs."""
    data = tmp_path_factory.mktemp("page") / "data"
    server = Server((*FLASK, "run"), free_port(), data, {"FLASK_APP": "tests.page.readers"})
    yield server.wait_until_up()
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(60)


@pytest.fixture
def page(chromium, server, tmp_path):
    """The page of the server, not yet open; it may log no error."""
    page = Page(chromium, server.url, tmp_path / "downloads")
    yield page
    assert page.faults() == []


class Page:
    """What a new visitor at a desk does: go, look, click, type. All waiting has a deadline.

    To `see` that something comes, or is `gone`, is what tests assert.
    """

    def __init__(self, browser, url, downloads):
        self.browser, self.url, self.downloads = browser, url, downloads
        self.log = []
        browser.get_log("browser")  # what the tests before made it say
        self._wait = WebDriverWait(browser, DEADLINE_S, 0.05, ignored_exceptions=REPLACED)
        browser.set_script_timeout(DEADLINE_S)
        self._tell("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        self._forget_all()
        self.network()
        self.size(*DESK)
        self.colors("light")
        self.speak("en-US")

    def _tell(self, command, **parameters):
        return self.browser.execute_cdp_cmd(command, parameters)

    def open(self, hash_):
        """Load the page anew at this address."""
        self.browser.get("about:blank")
        self.browser.get(f"{self.url}/{hash_}")

    def _forget_all(self):
        everything = "local_storage,session_storage,cookies,service_workers,cache_storage"
        self._tell("Storage.clearDataForOrigin", origin=self.url, storageTypes=everything)

    def size(self, width, height):
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self._until(lambda: self.run("return [innerWidth, innerHeight]") == [width, height])

    def colors(self, scheme):
        self.media(prefers_color_scheme=scheme)

    def media(self, **features):
        """Have these features of a person's settings, and no others."""
        named = [{"name": n.replace("_", "-"), "value": value} for n, value in features.items()]
        self._tell("Emulation.setEmulatedMedia", features=named)

    def speak(self, language):
        """Have a browser in this language, from the next page that is opened."""
        agent = self.run("return navigator.userAgent")
        self._tell("Network.setUserAgentOverride", userAgent=agent, acceptLanguage=language)

    def share(self, path, name):
        """Send a picture as Android does, when another app shares it with the installed page."""
        self.run_async(SHARES)
        self.run("window.isBefore = true")
        self.run(SHARE, name, list(path.read_bytes()))
        self._until(lambda: not self.run("return window.isBefore"))

    def run(self, script, *args):
        return self.browser.execute_script(script, *args)

    def run_async(self, script, *args):
        """What the last argument of the script, a function, is called with."""
        return self.browser.execute_async_script(script, *args)

    def wider_than_seen(self):
        """By how many pixels the page has to be scrolled sideways."""
        return self.run(
            "const {documentElement: all} = document; return all.scrollWidth - all.clientWidth"
        )

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def see(self, css, text=""):
        """The first element in sight that holds the text; fails the test if none comes."""
        return self._seen("one", css, text)

    def read(self, css, what="one.innerText"):
        """What the script says of the first such `one` in sight, at the moment it is found."""
        return self._seen(f"one && [{what}]", css)[0]

    def _seen(self, what, css, text=""):
        try:
            return self._until(lambda: self.run(f"{SEEN} return {what}", css, text))
        except TimeoutException:
            body = self.run("return document.body.innerText")
            raise AssertionError(f"{css} with {text!r} is not in: {body}") from None

    def _until(self, answer):
        """The first answer that is true; where an element was replaced meanwhile, it asks again."""
        return self._wait.until(lambda _: answer())

    def gone(self, css):
        """Fails the test if such elements stay."""
        self._until(lambda: not self.all(css))

    def texts(self, css):
        """Those of all such elements at this moment."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", css
        )

    def reads(self, css, *texts):
        """All such elements have these texts, and there are no others; fails the test if not."""
        try:
            self._until(lambda: self.texts(css) == list(texts))
        except TimeoutException:
            assert self.texts(css) == list(texts)

    def click(self, css, text=""):
        def press():
            element = self.see(css, text)
            self.run_async(STILL, element)
            element.click()
            return True

        self._until(press)

    def choose(self, css, label):
        self._until(lambda: not Select(self.see(css)).select_by_visible_text(label))

    def type(self, css, text):
        self._until(lambda: not self.see(css).send_keys(text))

    def focus(self, css):
        self._until(lambda: not self.run("arguments[0].focus()", self.see(css)))

    def press(self, *keys):
        for key in keys:
            self.press_key(getattr(Keys, key))

    def press_key(self, letter):
        self._keyboard().send_keys(letter).perform()

    def replace_text(self, text):
        """Type over what stands in the input that has the focus."""
        keyboard = self._keyboard().key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL)
        keyboard.send_keys(text).perform()

    def _keyboard(self):
        """Keys for what has the focus; an element just hidden keeps it until a frame is drawn."""
        self._until(lambda: self.run("return document.activeElement.checkVisibility()"))
        return ActionChains(self.browser)

    def hash(self):
        return self.run("return location.hash")

    def downloaded(self, name):
        """The bytes of a file that is being saved, once it is."""
        path = self.downloads / name
        # Chromium makes an empty file first, and moves the whole one over it at the end.
        return until(lambda: path.exists() and path.read_bytes())

    def network(self, offline=False, upload=-1):
        """Without an argument as it is; `upload` in bytes a second."""
        self._tell("Network.enable")
        limits = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
        self._tell("Network.emulateNetworkConditions", offline=offline, **limits)

    def faults(self):
        """What the browser complained of, less answers of 4xx and leaving a page that loads."""
        self.log += [entry["message"] for entry in self.browser.get_log("browser")]
        return [line for line in self.log if not any(text in line for text in NO_FAULTS)]


def upload_and_see(page, path):
    """Upload a picture of ROWS to Tesseract, and see it beside its text."""
    page.open("#/")
    page.type("#pick", str(path))
    page.choose(".queue select", "tesseract")
    page.click("#send", "Read 1 file")
    page.see(".heading .state:is(.ok, .review)")
    page.click("#tab-text")
    page.reads(".rows li", *ROWS)
    page.see(".paper[viewBox='0 0 480 360'] image")


@pytest.fixture
def job(server):
    """`job("careful", "hasty")`: the id of a finished job with a picture for each provider.

    A tuple of providers reads one picture.
    """

    def make(*providers, name=None, files=(), wait=("completed", "failed")):
        buffer = BytesIO()
        drawn().save(buffer, "PNG")
        parts = [("file", (f"{n}.png", buffer.getvalue())) for n in range(len(providers))]
        fields = [("jobName", name)] if name else []
        for number, each in enumerate(providers):
            for one in (each,) if isinstance(each, str) else each:
                fields.append((f"ocrProvider_{number}", one))
        answer = requests.post(
            f"{server.url}/ocr-jobs/upload", files=list(files) or parts, data=fields, timeout=20
        )
        assert answer.ok, answer.text
        job_id = answer.json()["id"]
        return server.wait(job_id, *wait)["id"]

    return make


@pytest.fixture
def receipt(server, job):
    """`receipt("doubtful")`: what GET answers of the first receipt of a new job."""

    def make(*providers, **options):
        job_id = job(*providers, **options)
        found = get(server, f"receipts?job={job_id}&sort=addedAt:asc")["data"]
        return get(server, f"receipts/{found[0]['id']}")

    return make


def get(server, path):
    """The JSON that the server answers."""
    answer = requests.get(f"{server.url}/{path}", timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def pile(*numbers):
    """The pictures of receipts of these numbers, for the provider `pile`."""
    parts = []
    for number in numbers:
        buffer = BytesIO()
        drawn(CAREFUL, (480, 360 + number)).save(buffer, "PNG")
        parts.append(("file", (f"{number}.png", buffer.getvalue())))
    return parts


@pytest.fixture
def go(server):
    """The file that `gated` waits for, not there yet."""
    path = server.data / "go"
    path.unlink(missing_ok=True)
    yield path
    path.touch()


@pytest.fixture
def picture(tmp_path):
    """`picture("a.png")`: the path of a picture of a receipt."""

    def make(name="receipt.png", **options):
        path = tmp_path / name
        drawn(**options).save(path)
        return path

    return make


@pytest.fixture
def axe(chromium):
    """`axe()`: what axe-core finds wrong with what is shown, as `rule: element` lines."""
    if not AXE.exists():
        pytest.skip("axe-core is not here: npm ci --prefix tests/page")

    def run():
        if not chromium.execute_script("return Boolean(window.axe)"):
            chromium.execute_script(AXE.read_text("utf-8"))
        found = chromium.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run().then(({violations}) => done(violations.flatMap(({id, nodes}) =>"
            " nodes.map((node) => `${id}: ${node.html}`))), (error) => done([String(error)]))"
        )
        return found

    return run
