"""Two readings are paired row by row and word by word, in the browser that does it."""

import pytest

pytestmark = pytest.mark.slow

ROWS: tuple = (
    (["A", "B"], ["A", "B"], [(0, 0, True), (1, 1, True)]),
    (["A", "TOTAL 3.70"], ["A", "TOTAL 3.10"], [(0, 0, True), (1, 1, False)]),
    (["A", "B", "C"], ["A", "C"], [(0, 0, True), (1, None, False), (2, 1, True)]),
    (["A"], [], [(0, None, False)]),
    ([], ["A"], [(None, 0, False)]),
    ([], [], []),
    (["MILK   1.20"], ["MILK 1.20"], [(0, 0, True)]),  # columns are set, not printed
    (["BREAD 2.50", "X"], ["MILK 1.20", "BREAO 2.50", "X"],
     [(None, 0, False), (0, 1, False), (1, 2, True)]),
)  # fmt: skip


@pytest.mark.parametrize(("left", "right", "pairs"), ROWS)
def test_rows_are_paired(page, left, right, pairs):
    page.open("#/")
    found = page.run_async(
        "const [left, right, done] = arguments;"
        "import('/static/diff.js').then(({compareRows}) => done(compareRows(left, right)))",
        *(left, right),
    )
    assert [(pair["left"], pair["right"], pair["same"]) for pair in found] == pairs


def test_words_are_paired(page):
    page.open("#/")
    left, right = page.run_async(
        "import('/static/diff.js').then(({compareWords}) => "
        "arguments[0](compareWords('2 x MTLK 1.20', '2 MILK 1.20')))"
    )
    assert [word["text"] for word in left if not word["same"]] == ["x ", "MTLK "]
    assert [word["text"] for word in right if not word["same"]] == ["MILK "]
    assert "".join(word["text"] for word in left) == "2 x MTLK 1.20"


def test_two_long_readings_are_compared_within_seconds(page):
    page.open("#/")
    took = page.run_async(
        "const row = (n) => `ROW ${n % 7919} 1.00`;"
        "const rows = (seed) => Array.from({length: 1500}, (_, n) => row(n * seed));"
        "import('/static/diff.js').then(({compareRows}) => { const start = performance.now();"
        "compareRows(rows(3), rows(5)); arguments[0](performance.now() - start); })"
    )
    assert took < 5000
