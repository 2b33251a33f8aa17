"""People correct, choose, confirm and take back; no reading and no other hand undoes it."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from result import Evidence, FieldEvidence, FileReceipt, Item, OcrResult, ProviderError, Receipt
from server.corrections import READERS
from tests.fakes import fake, upload, wait
from tests.server.test_openapi import validator

SURE, DOUBTFUL = Evidence(0.99, "ocr", 0, (1, 2, 3, 4)), Evidence(0.5, "ocr", 0, (5, 6, 7, 8))
READ = Receipt(
    "rules",
    merchant="SDN BILD",
    date="2026-03-14",
    currency="EUR",
    items=(Item("Flat White", Decimal(2), Decimal("3.90"), Decimal("7.80")), Item("Bun")),
    subtotal=Decimal("12"),
    tax=Decimal("1.20"),
    total=Decimal("18.20"),
    warnings=("low_confidence", "date_ambiguous"),
    review=("date", "total"),
    evidence=FieldEvidence(merchant=SURE, date=SURE, total=DOUBTFUL, subtotal=SURE, tax=SURE),
)
OTHER = replace(READ, merchant="SDN BHD", total=Decimal("13.20"), warnings=(), review=())


def reading(receipt, text="SDN BHD SHOP\nTable 7", receipts=()):
    result = OcrResult(text, text, (), receipt, "fake 1", receipts=receipts)
    return fake(ocr=lambda path, settings: result)


def failing(path, settings):
    raise ProviderError("bad_image", "blank")


@pytest.fixture
def app(make_app, gate, paid_gate):
    return make_app(
        {
            "first": reading(READ),
            "second": reading(OTHER),
            "failing": fake(ocr=failing),
            "gated": gate.provider,
            "paid": paid_gate.provider,
        }
    )


@pytest.fixture
def receipt(client):
    """A receipt that was read, with something to review."""
    wait(client, upload(client, "first"))
    return get(client)


def get(client, number=1):
    response = client.get(f"/receipts/{number}")
    assert response.status_code == 200, response.text
    return response.json


def patch(client, number=1, status=200, **wanted):
    """The receipt after this change, or the details of its refusal."""
    seen = wanted.pop("updatedAt", None) or get(client, number)["updatedAt"]
    body = {"updatedAt": seen} | wanted
    response = client.patch(f"/receipts/{number}", json=body)
    assert response.status_code == status, response.text
    return response.json if status == 200 else response.json["details"]


def again(client, provider, number=1):
    url = f"/ocr-jobs/{number}/files/{number}/executions"
    assert client.post(url, data={"ocrProvider": provider}).status_code == 200
    return wait(client, number)


# Fields


def test_a_corrected_field_counts_and_stands_beside_what_was_read(client, receipt):
    changed = patch(client, set={"total": 13.2, "merchant": "  SDN \n BHD "})
    assert changed == get(client)
    assert (changed["total"], changed["merchant"]) == (13.2, "SDN BHD")
    assert changed["corrections"] == {"total": 13.2, "merchant": "SDN BHD"}
    assert changed["corrected"] == ["total", "merchant"]
    assert changed["receipt"]["total"] == 13.2
    assert changed["receipt"]["evidence"]["total"] == {
        "probability": None,
        "source": "corrected",
        "page": 0,
        "box": [5, 6, 7, 8],
    }
    changed = patch(client, set={"paymentMethod": "card"})
    assert changed["receipt"]["evidence"]["paymentMethod"]["source"] == "corrected"
    assert changed["readings"] == receipt["readings"]
    assert changed["updatedAt"] > receipt["updatedAt"]
    found = client.get("/receipts?search=bhd&min=13.2&max=13.2").json
    assert [row["id"] for row in found["data"]] == [1]


def test_review_and_warnings_are_those_of_the_corrected_receipt(client, receipt):
    assert (receipt["state"], receipt["review"]) == ("review", ["date", "total"])
    changed = patch(client, set={"total": 13.2})
    assert (changed["warnings"], changed["review"]) == (
        ["items_mismatch", "date_ambiguous"],
        ["date", "items"],
    )
    changed = patch(
        client, set={"date": "2026-03-14", "items": [{"description": "Tea", "amount": 12}]}
    )
    assert (changed["warnings"], changed["review"], changed["state"]) == ([], [], "ok")
    changed = patch(client, set={"total": 140})
    assert changed["warnings"] == ["total_mismatch"]
    assert changed["review"] == ["subtotal", "tax"]  # which were not corrected


def test_a_warning_of_low_confidence_stays_until_all_that_it_speaks_of_is_sure(make_app):
    vague = replace(READ, evidence=FieldEvidence(), warnings=("low_confidence",))
    client = make_app({"first": reading(vague)}).test_client()
    wait(client, upload(client, "first"))
    for name, value in (("tip", None), ("total", 12), ("date", "2026-03-14")):
        assert "low_confidence" in patch(client, set={name: value})["warnings"]
    assert "low_confidence" not in patch(client, set={"merchant": "A"})["warnings"]


def test_items_are_corrected_as_a_list(client, receipt):
    items = [
        {"description": "Tee", "quantity": 1.5, "amount": 3},
        {"description": "Bun", "evidence": None},
    ]
    changed = patch(client, set={"items": items, "taxes": [{"rate": 19, "amount": None}]})
    by_hand = {"probability": None, "source": "corrected", "page": None, "box": None}
    assert changed["receipt"]["items"] == [
        {
            "description": "Tee",
            "quantity": 1.5,
            "unitPrice": None,
            "amount": 3,
            "evidence": by_hand,
        },
        {
            "description": "Bun",
            "quantity": None,
            "unitPrice": None,
            "amount": None,
            "evidence": by_hand,
        },
    ]
    assert changed["itemCount"] == 2
    assert changed["receipt"]["taxes"] == [{"rate": 19, "amount": None}]
    assert client.get("/receipts?search=tee").json["pagination"]["total"] == 1


def test_a_correction_is_taken_back(client, receipt):
    patch(client, set={"total": 13.2, "tip": None, "merchant": "X"})
    changed = patch(client, unset=["total", "tip", "merchant", "date"])
    same = ("receipt", "review", "warnings", "corrections", "merchant", "total", "state")
    assert {name: changed[name] for name in same} == {name: receipt[name] for name in same}


def test_corrections_outlast_reading_again(client, receipt):
    patch(client, set={"total": 13.2})
    again(client, "second")
    after = get(client)
    assert (after["total"], after["merchant"], after["executionId"]) == (13.2, "SDN BILD", 1)
    assert len(after["readings"]) == 2


def test_corrections_are_exported_with_their_names(client, receipt):
    items = [{"description": "Tea", "amount": 3}]
    patch(client, set={"total": 13.2, "merchant": "SDN BHD", "items": items})
    again(client, "second")
    with client.get("/receipts/export.json") as response:
        (row,) = response.json
    assert (row["total"], row["merchant"], row["date"]) == (13.2, "SDN BHD", "2026-03-14")
    assert sorted(row["corrected"]) == ["items", "merchant", "total"]
    with client.get("/receipts/export.json?items=1") as response:
        (item,) = response.json
    assert (item["merchant"], item["description"], item["amount"]) == ("SDN BHD", "Tea", 3)


def test_what_was_filled_in_before_anything_was_read_stays(client):
    wait(client, upload(client, "failing"))
    failed = get(client)
    assert (failed["state"], failed["receipt"]["total"], failed["receipt"]["items"]) == (
        "failed",
        None,
        [],
    )
    changed = patch(client, set={"total": 5, "merchant": "Kiosk", "date": "2026-01-02"})
    assert (changed["state"], changed["total"], changed["receipt"]["merchant"]) == (
        "ok",
        5,
        "Kiosk",
    )
    again(client, "failing")
    assert get(client)["state"] == "ok"
    again(client, "first")
    after = get(client)
    assert (after["total"], after["currency"], after["executionId"]) == (5, "EUR", 3)


def test_what_was_filled_in_and_taken_back_leaves_a_failed_receipt(client):
    wait(client, upload(client, "failing"))
    patch(client, set={"total": 5})
    changed = patch(client, unset=["total"])
    assert (changed["state"], changed["error"]["code"]) == ("failed", "bad_image")


# Values


WRONG: dict[str, list[object]] = {
    "total": [
        1e400,
        float("nan"),
        float("-inf"),
        "13.20",
        True,
        [],
        {},
        10**10,
        -(10**400),
        1.23456,
    ],
    "merchant": ["", "  ", 7, "x" * 301, ["A"], {"a": 1}, False],
    "date": ["2026-02-30", "14.03.2026", "2026-3-14", 20260314, "0000-01-01", "2026-03-14T09:41"],
    "time": ["25:00", "9:41", "09:41:00", 941],
    "currency": ["EURO", "€", "e", 978, "E R"],
    "cardLast4": ["123", "12345", 1234, "12a4"],
    "items": [
        None,
        {},
        "x",
        [1],
        [{"description": 1}],
        [{"amount": 1}],
        [{"description": "a", "x": 1}],
    ],
    "taxes": [[{"rate": "19"}], [{"rate": 1e400}], [[]], {"rate": 19}],
    "discount": ["1", float("inf")],
}


@pytest.mark.slow
def test_a_value_that_its_field_cannot_hold_is_named_and_changes_nothing(client, receipt):
    for name, value in [(name, value) for name, values in WRONG.items() for value in values]:
        details = patch(client, set={name: value}, status=400)
        assert details.startswith(name) and " must be " in details and len(details) < 300
    assert get(client) == receipt


def test_every_fault_has_a_sentence(client, receipt):
    wrong = {"total": "x", "date": "y", "shop": "z"}
    details = patch(client, set=wrong, unset=["q", 1], status=400)
    for part in (
        "'shop' is not one of the fields merchant, ",
        "; 'q' is not a field",
        "; 1 is not a field",
        "total must be a number",
    ):
        assert part in details
    assert "date must be a date as in 2026-03-14, not 'y'" in details
    assert "set must be an object" in patch(client, set=[1], status=400)
    assert "confirmed must be true or false" in patch(client, confirmed=1, status=400)
    assert "executionId must be the id" in patch(client, executionId=False, status=400)
    assert "'totl' is not one of" in patch(client, totl=1, status=400)
    assert 'total belongs in set: {"set": {"total": 14}}' in patch(client, total=14, status=400)
    long = {"x" * 100_000: 1}
    assert len(patch(client, set=long, **long, status=400)) < 600
    assert "both in set and in unset" in patch(client, set={"tip": 1}, unset=["tip"], status=400)
    assert "updatedAt must be a text" in patch(client, updatedAt=[1], status=400)
    assert "updatedAt is missing" in client.patch("/receipts/1", json={}).json["details"]
    many = [{"description": "a"}] * 1001
    assert "items must be a list of at most 1000" in patch(client, set={"items": many}, status=400)
    assert get(client) == receipt


def test_amounts_are_kept_as_they_are_given_and_currencies_in_capitals(client, receipt):
    values = {"total": -0.0001, "tip": 9_999_999_999.9999, "discount": 2, "currency": "chf"}
    changed = patch(client, set=values)
    assert changed["corrections"] == values | {"discount": -2, "currency": "CHF"}
    assert (changed["total"], changed["currency"]) == (-0.0001, "CHF")


BODIES: list[tuple[bytes, str | None, int]] = [
    (b"{}", "text/plain", 415),
    (b"{}", None, 415),
    (b"total=1", "application/x-www-form-urlencoded", 415),
    (b"", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'"x"', "application/json", 400),
    (b"{", "application/json", 400),
    (b"\xff\xfe", "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b'{"set":' * 20_000, "application/json", 400),
    (b'{"updatedAt": "' + b"x" * 600_000 + b'"}', "application/json", 413),
    (
        b'{"updatedAt": "\\ud800", "set": {"merchant": "\\ud800 \\u0000"}}',
        "application/json",
        400,
    ),
    (b'{"updatedAt": 1' + b"0" * 100_000 + b"}", "application/json", 400),
]


def test_what_is_no_json_object_is_refused(client, receipt):
    for body, media_type, status in BODIES:
        response = client.patch("/receipts/1", data=body, content_type=media_type)
        assert response.status_code == status, (body[:20], response.text)
        assert len(response.json["details"]) < 400
    assert get(client) == receipt


def test_a_receipt_that_is_not_there_cannot_be_changed(client):
    response = client.patch("/receipts/9", json={"updatedAt": "2026-01-01T00:00:00.000Z"})
    assert (response.status_code, response.json["details"]) == (404, "Receipt 9 does not exist")


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals().map(str)
)
PARTS = st.sampled_from(["description", "quantity", "unitPrice", "amount", "rate"])
JSON = st.recursive(
    SCALARS | st.sampled_from(["2026-03-14", "09:41", "eur", "4821"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PARTS, inner, max_size=3),
    max_leaves=6,
)
FIELD = st.sampled_from([*READERS])
DESCRIBED = validator({"$ref": "#/components/schemas/ReceiptDetail"})


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.dictionaries(FIELD, JSON, max_size=5), st.lists(FIELD, max_size=2))
def test_whatever_is_corrected_is_refused_or_fits_the_description(client, receipt, wrong, unset):
    seen = get(client)["updatedAt"]
    body = json.dumps({"updatedAt": seen, "set": wrong, "unset": unset})  # NaN and all
    response = client.patch("/receipts/1", data=body, content_type="application/json")
    assert response.status_code in (200, 400), response.text
    DESCRIBED.validate(get(client))
    assert client.get("/receipts").status_code == 200


# Two at once


def test_a_change_of_what_was_changed_meanwhile_is_refused_with_what_changed(client, receipt):
    patch(client, set={"total": 13.2, "date": "2026-03-15"})
    later = patch(client, confirmed=True)
    details = patch(client, set={"tip": 1}, updatedAt=receipt["updatedAt"], status=409)
    assert all(name in details for name in ("total", "date", "confirmed"))
    assert "tip" not in details and "merchant" not in details
    assert get(client) == later
    patch(client, set={"tip": 1}, updatedAt=later["updatedAt"])
    stale = patch(client, confirmed=False, updatedAt=later["updatedAt"], status=409)
    assert ": tip;" in stale


def test_of_two_clients_at_once_one_is_told_what_the_other_changed(client, app, receipt):
    def correct(number):
        body = {"updatedAt": receipt["updatedAt"], "set": {"tip": number}}
        return app.test_client().patch("/receipts/1", json=body)

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(correct, range(8)))
    (won,) = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code == 409]
    assert len(lost) == 7 and all(": tip;" in answer.json["details"] for answer in lost)
    assert get(client) == won.json


# Readings


def test_a_reading_is_chosen_and_given_back(client, receipt):
    again(client, "second")
    chosen = patch(client, executionId=2)
    assert (chosen["executionId"], chosen["chosen"], chosen["total"]) == (2, True, 13.2)
    assert (chosen["merchant"], chosen["provider"], chosen["state"]) == ("SDN BHD", "second", "ok")
    again(client, "first")
    assert get(client)["executionId"] == 2
    back = patch(client, executionId=None)
    assert (back["executionId"], back["chosen"], back["total"]) == (1, False, 18.2)


def test_corrections_stay_when_another_reading_is_chosen(client, receipt):
    again(client, "second")
    patch(client, set={"tip": 1})
    chosen = patch(client, executionId=2)
    assert (chosen["receipt"]["tip"], chosen["total"]) == (1, 13.2)


def test_only_an_execution_that_read_the_receipt_can_be_chosen(client, receipt):
    again(client, "failing")
    wait(client, upload(client, "second"))
    for other in (2, 3, 99, 10**17):
        details = patch(client, executionId=other, status=400)
        assert details == f"executionId must be one that read this receipt (1), not {other}"


# Confirming


def test_a_confirmed_receipt_has_nothing_to_review_until_it_is_reopened(client, receipt):
    confirmed = patch(client, confirmed=True)
    assert (confirmed["state"], confirmed["review"]) == ("confirmed", [])
    assert confirmed["confirmedAt"].endswith("Z")
    assert patch(client, confirmed=True)["confirmedAt"] == confirmed["confirmedAt"]
    again(client, "second")
    assert get(client)["executionId"] == 1
    opened = patch(client, confirmed=False)
    assert (opened["state"], opened["review"], opened["confirmedAt"]) == (
        "review",
        receipt["review"],
        None,
    )


def test_what_was_not_read_cannot_be_confirmed(client):
    wait(client, upload(client, "failing"))
    assert "nothing was read" in patch(client, confirmed=True, status=409)


# Several receipts in a file


def two():
    """A reading of a file with two receipts."""
    return reading(READ, receipts=tuple(FileReceipt(**vars(each)) for each in (READ, OTHER)))


def test_the_receipts_of_a_file_are_corrected_each_for_itself(make_app):
    client = make_app({"two": two(), "first": reading(READ)}).test_client()
    wait(client, upload(client, "two"))
    changed = patch(client, 2, set={"total": 99})
    assert (changed["position"], changed["total"], get(client, 1)["total"]) == (1, 99, 18.2)
    again(client, "first")
    assert get(client, 2)["total"] == 99
    assert "executionId must be one that read this receipt (1)" in patch(
        client, 2, executionId=2, status=400
    )


def test_choosing_a_reading_adds_the_receipts_that_only_it_found(make_app):
    client = make_app({"two": two(), "first": reading(READ)}).test_client()
    wait(client, upload(client, "first"))
    again(client, "two")
    assert client.get("/receipts").json["pagination"]["total"] == 1
    patch(client, executionId=2)
    assert [row["total"] for row in client.get("/receipts?sort=total").json["data"]] == [13.2, 18.2]


# Many at once


def post(client, what, ids, status=200):
    response = client.post(f"/receipts/{what}", json={"ids": ids})
    assert response.status_code == status, response.text
    return response.json if status == 200 else response.json["details"]


def states(client):
    rows = client.get("/receipts?sort=addedAt").json["data"]
    return {row["id"]: row["state"] for row in rows}


def test_many_are_confirmed_or_none(client):
    for provider in ("first", "second", "failing"):
        wait(client, upload(client, provider))
    assert post(client, "confirm", [1, 2, 9], 404) == "Receipts 9 do not exist"
    assert "of receipts 3" in post(client, "confirm", [3, 1], 409)
    assert states(client) == {1: "review", 2: "ok", 3: "failed"}
    assert post(client, "confirm", [2, 1, 1]) == {"confirmed": 2}
    assert states(client) == {1: "confirmed", 2: "confirmed", 3: "failed"}
    first = get(client)
    assert (first["review"], bool(first["confirmedAt"])) == ([], True)
    assert post(client, "confirm", [1]) == {"confirmed": 1}
    assert get(client) == first
    assert patch(client, confirmed=False)["review"] == ["date", "total"]
    assert ": confirmed;" in patch(client, confirmed=True, updatedAt="2026", status=409)


def test_many_are_deleted_with_their_files_and_jobs_or_none(client, tmp_path):
    for _ in range(2):
        wait(client, upload(client, "first", "second"))
    assert "Receipts 7 do not exist" in post(client, "delete", [1, 7], 404)
    assert post(client, "delete", [1, 2, 3]) == {"deleted": 3}
    assert [*states(client)] == [4]
    assert client.get("/ocr-jobs/1").status_code == 404
    assert len(client.get("/ocr-jobs/2").json["files"]) == 1
    kept = [path.name for path in (tmp_path / "data/uploads").rglob("*") if path.is_file()]
    assert kept == ["1.png"]


def test_what_is_left_when_many_are_deleted_is_found_and_a_duplicate_of_the_first_left(client):
    for _ in range(3):
        wait(client, upload(client, "first", "first", jobName="Trip"))
    assert post(client, "delete", [1, 2, 3]) == {"deleted": 3}
    rows = client.get("/receipts?sort=addedAt").json["data"]
    assert {row["id"]: row["duplicateOf"] for row in rows} == {4: None, 5: 4, 6: 4}
    found = [client.get(f"/ocr-jobs?search={name}").json["data"] for name in ("0.png", "1.png")]
    assert [[job["id"] for job in jobs] for jobs in found] == [[3], [3, 2]]


def test_copies_of_a_receipt_are_deleted_without_a_change_of_each_for_each(client, app, db):
    changes = []
    for count in (5, 10):
        job = wait(client, upload(client, *["first"] * count))
        files, before = [(job["id"], file["id"]) for file in job["files"]], db.total_changes
        app.extensions["receipts"].worker.delete_files(db, files)
        changes.append(db.total_changes - before)
        db.rollback()
    assert changes[1] < 2.1 * changes[0]


def test_a_file_of_several_receipts_goes_only_with_all_of_them(make_app):
    client = make_app({"two": two(), "first": reading(READ)}).test_client()
    wait(client, upload(client, "two"))
    wait(client, upload(client, "first"))
    details = post(client, "delete", [1, 3], 409)
    assert details == "Receipts 2 are in the same files; name them too"
    assert len(states(client)) == 3
    assert post(client, "delete", [1, 2, 3]) == {"deleted": 3}


def test_deleting_cancels_what_runs_but_not_what_may_be_charged_for(client, gate, paid_gate):
    upload(client, "gated")
    upload(client, "paid")
    gate.wait_for_start()
    paid_gate.wait_for_start()
    assert "may charge for that" in post(client, "delete", [1, 2], 409)
    assert len(states(client)) == 2
    assert post(client, "delete", [1]) == {"deleted": 1}
    paid_gate.open()
    wait(client, 2)
    assert post(client, "delete", [2]) == {"deleted": 1}
    assert states(client) == {}


IDS: list[object] = [
    None,
    [],
    {},
    "1",
    [0],
    [-1],
    ["1"],
    [1.5],
    [True],
    [None],
    [10**18],
    [1e400],
    [*range(1, 1002)],
]


@pytest.mark.parametrize("what", ["confirm", "delete"])
def test_what_is_no_list_of_ids_is_refused(client, receipt, what):
    for ids in IDS:
        assert "1 to 1000 ids" in post(client, what, ids, 400)
    for body in ({}, {"ids": [1], "all": True}):
        assert client.post(f"/receipts/{what}", json=body).status_code == 400
    assert client.post(f"/receipts/{what}", data={"ids": "1"}).status_code == 415
    assert get(client) == receipt


@pytest.mark.parametrize(
    "call", ["patch /receipts/1", "post /receipts/confirm", "post /receipts/delete"]
)
def test_no_page_of_another_site_and_nobody_without_the_key_changes_anything(
    make_app, call, tmp_path
):
    method, url = call.split()
    body = {"ids": [1]} if method == "post" else {"updatedAt": "2026", "confirmed": True}
    foreign = {"Origin": "http://evil.example"}
    for env, headers, status in (({}, foreign, 403), ({"API_KEY": "sesame-sesame"}, {}, 401)):
        client = make_app(None, env, tmp_path / str(status)).test_client()
        assert client.open(url, method=method, json=body, headers=headers).status_code == status
