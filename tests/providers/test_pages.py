"""Lines on pages become one result, and pages that were read one by one become one receipt."""

from decimal import Decimal

from providers.local import result_from_reading
from providers.pages import join_pages
from result import Item, Line, OcrResult, Page, PageReading, Reading, Receipt, Tax


def page_result(text, raw=None, **fields):
    page = Page(100, 200, (Line(text, 0.9, (0, 0, 50, 10)),))
    return OcrResult(f"# {text}", text, (page,), Receipt("model", **fields), "m-1", raw)


def test_one_page_is_the_document():
    result = page_result("A", raw={"a": 1})
    assert join_pages([result]) is result


def test_texts_are_joined_and_raw_is_a_list():
    first, last = page_result("A", raw={"n": 1}), page_result("B", raw={"n": 2})
    joined = join_pages([first, last])
    assert (joined.text, joined.markdown, joined.model) == ("A\nB", "# A\n\n# B", "m-1")
    assert joined.pages == first.pages + last.pages
    assert joined.raw == [{"n": 1}, {"n": 2}]


def test_raw_stays_null_where_no_page_has_one():
    assert join_pages([page_result("A"), page_result("B")]).raw is None


def test_items_stay_in_order_and_totals_come_from_the_last_page_that_has_them():
    joined = join_pages(
        [
            page_result("A", merchant="CAFE", date="2026-03-14", items=(Item("Tea"), Item("Cake"))),
            page_result("B", merchant="cafe (page 2)", items=(Item("Pie"),), total=Decimal("5.00")),
            page_result("C", total=Decimal("9.50"), taxes=(Tax(Decimal(10), Decimal("0.86")),)),
            page_result("D"),
        ]
    )
    assert joined.receipt == Receipt(
        "model",
        merchant="CAFE",
        date="2026-03-14",
        items=(Item("Tea"), Item("Cake"), Item("Pie")),
        total=Decimal("9.50"),
        taxes=(Tax(Decimal(10), Decimal("0.86")),),
    )


def test_a_warning_of_one_page_is_not_one_of_the_document():
    blank, whole = ("no_text", "not_a_receipt"), ("items_mismatch", "low_confidence")
    joined = join_pages([page_result("A", warnings=whole), page_result("", warnings=blank)])
    assert joined.receipt.warnings == ("low_confidence",)
    assert join_pages([page_result("", warnings=blank)] * 2).receipt.warnings == blank


def test_the_sums_are_checked_on_the_whole_document():
    tea, cake = Item("Tea", amount=Decimal("2.00")), Item("Cake", amount=Decimal("3.00"))
    first = page_result("A", items=(tea,), warnings=("items_mismatch",))
    right, wrong = (page_result("B", items=(cake,), total=Decimal(total)) for total in (5, 6))
    assert join_pages([first, right]).receipt.warnings == ()
    assert join_pages([first, wrong]).receipt.warnings == ("items_mismatch",)


def test_a_doubt_about_the_date_counts_for_the_date_that_is_taken():
    sure = page_result("A", date="2026-03-14")
    doubtful = page_result("B", date="2026-03-04", warnings=("date_ambiguous",))
    assert join_pages([sure, doubtful]).receipt.warnings == ()
    assert join_pages([doubtful, sure]).receipt.warnings == ("date_ambiguous",)


def test_a_head_that_each_page_repeats_is_evidence_on_the_first():
    def page(*texts):
        rows = [[Line(t, 0.99, (9, 40 * n, 300, 40 * n + 30))] for n, t in enumerate(texts)]
        return PageReading(Page(400, 400), rows, [])

    pages = [
        page("CORNER CAFE LTD", "12 Harbour Street", "14/03/2026", "TEA 2.00"),
        page("CORNER CAFE LTD", "CAKE 3.00", "TOTAL 5.00"),
    ]
    evidence = result_from_reading(Reading(pages), model="m").receipt.evidence
    assert (evidence.merchant.page, evidence.total.page) == (0, 1)
