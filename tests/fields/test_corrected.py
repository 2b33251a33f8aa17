"""A receipt counts as it was read, then with a learned name, then as a person corrected it."""

import json
from datetime import date

import pytest

from fields.corrected import counted, first_reading
from result import Receipt, as_json

READ = as_json(Receipt("rules", merchant="SDN BILD", date="2026-03-14"))
TODAY = date(2026, 3, 15)


def row(corrections=None, learned=None, confirmed_at=None):
    corrected = json.dumps(corrections or {})
    return {"corrections": corrected, "learned": learned, "confirmed_at": confirmed_at}


def test_a_correction_counts_before_a_learned_name_and_that_before_what_was_read():
    names = [
        counted(READ, row(*changes), TODAY)["merchant"]
        for changes in [(), (None, "SDN BHD"), ({"merchant": "Sdn Bhd KL"}, "SDN BHD")]
    ]
    assert names == ["SDN BILD", "SDN BHD", "Sdn Bhd KL"]


def test_what_was_read_stays_as_it_was_read():
    before = json.dumps(READ)
    counted(READ, row({"merchant": "Sdn Bhd KL", "date": "2026-03-01"}, "SDN BHD"), TODAY)
    assert json.dumps(READ) == before


@pytest.mark.parametrize(
    ("day", "warnings"), [("2026-03-16", []), ("2026-03-17", ["date_in_future"])]
)
def test_a_corrected_date_is_in_the_future_after_the_day_that_follows_today(day, warnings):
    assert counted(READ, row({"date": day}), TODAY)["warnings"] == warnings


def test_a_date_that_nobody_corrected_is_not_held_against_today():
    assert counted(READ, row(learned="SDN BHD"), date(2020, 1, 1))["warnings"] == []


def test_nothing_is_to_be_reviewed_of_a_confirmed_receipt():
    doubtful = READ | {"review": ["total"]}
    assert counted(doubtful, row(), TODAY)["review"] == ["total"]
    assert counted(doubtful, row(confirmed_at="2026-03-15T09:00:00Z"), TODAY)["review"] == []


def test_the_first_good_reading_counts_and_the_first_of_all_where_none_is_good():
    weak, good = {"receipt": {"warnings": ["no_text"]}}, {"receipt": {"warnings": []}}
    completed = [(7, json.dumps(weak)), (8, json.dumps(good)), (9, json.dumps(good))]
    assert first_reading(completed) == (8, good)
    assert first_reading(completed[:1]) == (7, weak)
    assert first_reading([]) is None
