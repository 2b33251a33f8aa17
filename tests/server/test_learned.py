"""A corrected name of a merchant holds for the next receipt of the same shop, and for no other."""

from contextlib import closing

import pytest

import db
from commands.data import restore_backup, write_backup
from result import OcrResult, Receipt
from storage import Storage
from tests.fakes import fake, upload, wait

TAX, PHONE, HEAD = "DE 123 456 789", "+49 30 123456", "SDN BILD SHOP\nTotal 3.70"


@pytest.fixture
def read(make_app):
    """`read(tax_id, phone, text)`: the receipt of a new file in which this is read."""
    now = {}

    def ocr(path, settings):
        text = now["text"]
        return OcrResult(text, text, (), Receipt("rules", **now["receipt"]), "fake 1")

    client = make_app({"fake": fake(ocr=ocr)}).test_client()

    def upload_one(tax_id=None, phone=None, text="", merchant="SDN BILD"):
        now["receipt"] = {
            "merchant": merchant,
            "merchant_tax_id": tax_id,
            "merchant_phone": phone,
        }
        now["text"] = text
        job_id = upload(client, "fake")
        wait(client, job_id)
        return client.get("/receipts").json["data"][0]["id"]

    upload_one.client = client
    return upload_one


def get(read, number):
    return read.client.get(f"/receipts/{number}").json


def correct(read, number, **wanted):
    body = {"updatedAt": get(read, number)["updatedAt"], **wanted}
    response = read.client.patch(f"/receipts/{number}", json=body)
    assert response.status_code == 200, response.text


def name(read, number):
    """The merchant in the list and of the receipt, and what that is from."""
    receipt = get(read, number)
    evidence = receipt["receipt"]["evidence"]["merchant"]
    assert receipt["merchant"] == receipt["receipt"]["merchant"]
    return receipt["merchant"], evidence and evidence["source"]


SAME: list[dict[str, str]] = [
    {"tax_id": TAX, "phone": PHONE, "text": HEAD},
    {"tax_id": "DE123456789"},
    {"phone": "030 123456"},
    {"text": HEAD},
    {"tax_id": TAX, "phone": "040 999999", "text": "Another Shop"},
    {"phone": PHONE, "text": "Another Shop"},
    {"text": "** SDN  BILD, SHOP **\nTotal 9.90"},
]
OTHERS: list[dict[str, str]] = [
    {},
    {"text": "TAX INVOICE\nTotal 1"},
    {"text": "Another Shop\nTotal 1"},
    {"tax_id": "DE 987 654 321", "phone": PHONE, "text": HEAD},  # a hotline, a common name
    {"phone": "040 999999", "text": HEAD},
    {"phone": "123456"},
    {"tax_id": "123456789"},
]


@pytest.mark.slow
def test_a_corrected_name_holds_for_the_next_receipts_of_the_shop(read):
    correct(read, read(TAX, PHONE, HEAD), set={"merchant": "SDN BHD"})
    for keys in SAME:
        number = read(**keys)
        assert name(read, number) == ("SDN BHD", "learned"), keys
        receipt = get(read, number)
        assert receipt["corrections"] == {} and "merchant" not in receipt["review"]
        assert receipt["readings"][0]["receipt"]["merchant"] == "SDN BILD"
    found = read.client.get("/receipts?search=bhd").json["pagination"]["total"]
    assert found == 1 + len(SAME)


@pytest.mark.slow
def test_a_receipt_of_another_shop_keeps_its_name(read):
    correct(read, read(TAX, PHONE, HEAD), set={"merchant": "SDN BHD"})
    for keys in OTHERS:
        assert name(read, read(**keys)) == ("SDN BILD", None), keys


def test_a_change_that_is_refused_teaches_nothing(read):
    first = read(TAX, PHONE, HEAD)
    body = {"updatedAt": get(read, first)["updatedAt"], "set": {"merchant": "SDN BHD"}}
    correct(read, first, set={"total": 3})
    assert read.client.patch(f"/receipts/{first}", json=body).status_code == 409
    assert name(read, read(TAX, PHONE, HEAD)) == ("SDN BILD", None)


def test_nothing_is_learned_of_a_shop_that_cannot_be_told_from_others(read):
    for text in ("RECEIPT", "TAX INVOICE", "Sunrise"):
        correct(read, read(text=text), set={"merchant": "SDN BHD"})
        assert name(read, read(text=text)) == ("SDN BILD", None), text


@pytest.mark.slow
def test_the_tax_number_says_more_than_the_phone_and_that_more_than_the_head(read):
    correct(read, read(text=HEAD), set={"merchant": "By head"})
    correct(read, read(phone=PHONE), set={"merchant": "By phone"})
    correct(read, read(tax_id=TAX), set={"merchant": "By tax number"})
    assert name(read, read(TAX, PHONE, HEAD))[0] == "By tax number"
    assert name(read, read(None, PHONE, HEAD))[0] == "By phone"
    assert name(read, read(None, None, HEAD))[0] == "By head"


@pytest.mark.parametrize(
    "undo",
    [{"unset": ["merchant"]}, {"set": {"merchant": "SDN BILD"}}, {"set": {"merchant": None}}],
)
@pytest.mark.parametrize("on_the_next", [False, True])
def test_a_name_is_forgotten_by_correcting_it_back(read, undo, on_the_next):
    first = read(TAX, PHONE, HEAD)
    correct(read, first, set={"merchant": "SDN BHD"})
    second = read(TAX, PHONE, HEAD)
    correct(read, second if on_the_next else first, **undo)
    if on_the_next:
        assert name(read, second)[0] == (
            None if undo == {"set": {"merchant": None}} else "SDN BILD"
        )
    assert name(read, read(TAX, PHONE, HEAD)) == ("SDN BILD", None)


def test_another_correction_takes_the_place_of_the_name(read):
    for right in ("SDN BHD", "Sdn. Bhd."):
        correct(read, read(TAX, PHONE, HEAD), set={"merchant": right})
    assert name(read, read(TAX, PHONE, HEAD)) == ("Sdn. Bhd.", "learned")
    assert name(read, 2) == ("Sdn. Bhd.", "corrected")


@pytest.mark.slow
def test_receipts_that_nobody_touched_lose_a_name_that_is_forgotten(read):
    correct(read, read(TAX), set={"merchant": "SDN BHD"})
    untouched, corrected, confirmed, other_shop = read(TAX), read(TAX), read(TAX), read(phone=PHONE)
    correct(read, other_shop, set={"merchant": "SDN BHD"})
    of_other_shop = read(phone=PHONE)
    correct(read, corrected, set={"total": 3})
    correct(read, confirmed, confirmed=True)
    seen = get(read, untouched)["updatedAt"]
    correct(read, 1, unset=["merchant"])
    assert name(read, untouched) == ("SDN BILD", None)
    assert read.client.get("/receipts?search=bild&ids=2").json["pagination"]["total"] == 1
    assert read.client.get("/receipts?search=bhd&ids=2").json["pagination"]["total"] == 0
    late = read.client.patch(f"/receipts/{untouched}", json={"updatedAt": seen, "confirmed": True})
    assert late.status_code == 409 and "merchant" in late.json["details"]
    for kept in (corrected, confirmed, of_other_shop):
        assert name(read, kept) == ("SDN BHD", "learned")
        assert "merchant" not in get(read, kept)["review"]


def test_receipts_that_nobody_touched_take_the_name_that_takes_its_place(read):
    first = read(TAX)
    correct(read, first, set={"merchant": "SDN BHD"})
    second = read(TAX)
    correct(read, first, set={"merchant": "Sdn. Bhd."})
    assert name(read, second) == ("Sdn. Bhd.", "learned")


@pytest.mark.slow
def test_corrections_and_what_was_learned_are_in_a_backup(read, tmp_path, make_app):
    correct(read, read(TAX), set={"merchant": "SDN BHD", "total": 3.7}, confirmed=True)
    before = get(read, 1)
    write_backup(Storage(tmp_path / "data"), tmp_path / "backup")
    restore_backup(Storage(tmp_path / "new"), tmp_path / "backup")
    client = make_app({"fake": fake()}, data=tmp_path / "new").test_client()
    assert client.get("/receipts/1").json == before
    with closing(db.connect(tmp_path / "new/receipts.db")) as connection:
        keys = {"tax_id": "DE123456789", "phone": None, "head": None}
        assert db.get_learned(connection, keys) == "SDN BHD"
