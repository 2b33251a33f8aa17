"""Whatever is printed, the rules read it: none of it ends an execution in error."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fields.receipt import read_receipt
from fields.text import rows_from_text
from result import OcrResult, ocr_data

WORDS = ["SHOP LTD", "12 High Street", "Tel", "VAT NO", "DATE", "2026-11-24", "31/12/9999", "MILK"]
WORDS += ["2 x", "@", "kg", "GAL", "SUBTOTAL", "TAX", "VAT 20%", "-100%", "0%", "DISCOUNT", "TIP"]
WORDS += ["TOTAL 9.00", "CASH", "CHANGE", "VISA **** 1234", "$", "RM", "€", *"-()/:%"]
LONG = st.from_regex(r"[0-9]{1,40}([.,][0-9]{0,4})?", fullmatch=True)
MONEY = st.decimals(-999, 999, places=2).map(str)
PIECES = st.sampled_from(WORDS) | MONEY | LONG | st.text(max_size=12)
ROWS = st.lists(PIECES, max_size=6).map(" ".join)


@settings(max_examples=200, deadline=None)
@example("50.00 2000000000000000000000000")  # a decimal has 28 digits
@given(st.lists(ROWS, max_size=14).map("\n".join))
def test_each_text_is_read_and_its_receipt_can_be_stored(text):
    rows = rows_from_text(text)
    if rows:
        stored = ocr_data(OcrResult("", "", (), read_receipt(rows), ""))
        assert json.loads(stored)["receipt"]["source"] == "rules"
