"""The receipts of one shop have a key in common, and those of two shops hardly ever."""

import pytest

from fields.shops import keys_of


@pytest.mark.parametrize(
    ("one", "other"), [("DE 123.456.789", "de123456789"), ("123-456-7890", "1234567890")]
)
def test_a_tax_number_is_the_same_however_it_is_written(one, other):
    assert keys_of(one, None, "").tax_id == keys_of(other, None, "").tax_id != None  # noqa: E711


@pytest.mark.parametrize("one", ["+49 30 123456", "0049 (30) 123456", "030/123456", "030 12 34 56"])
def test_a_phone_is_the_same_however_it_is_written(one):
    assert keys_of(None, one, "").phone == "30123456"


@pytest.mark.parametrize("short", [None, "", "12345", "HRB 123456", "555-014"])
def test_a_short_number_is_no_key(short):
    assert keys_of(short, short, "") == (None, None, None)


@pytest.mark.parametrize(
    ("row", "head"),
    [
        ("CORNER CAFE", "corner cafe"),
        ("  Café  GRÖSSE, 12", "cafe grosse"),
        ("Golden Sun Sdn. Bhd. (123456-A)", "golden sun sdn bhd"),
        ("ALDI", "aldi"),
        ("McDonald's", "mcdonald"),
        ("Sunrise", None),  # a word alone
        ("BAKERY", None),
        ("TAX INVOICE", None),
        ("Cash Receipt", None),
        ("Customer Copy", None),
        ("THANK YOU", None),
        ("KASSENBON 12.03.2026", None),
        ("2026-03-14 09:41", None),
        ("Total EUR 3.70", None),
        ("a b c", None),
        ("", None),
    ],
)
def test_a_head_of_common_words_or_one_word_is_no_key(row, head):
    assert keys_of(None, None, f"{row}\nTOTAL 1.00").head == (head)


def test_the_head_is_the_first_row_that_has_words():
    assert keys_of(None, None, "* * *\n12\nCORNER CAFE\nTOTAL 3").head == "corner cafe"
