"""Draws the rows of receipts that do not exist, in every language of the lexicon, and fields.

They teach what few labelled receipts show: text without boxes, rare languages, labels that were not
read, receipts with a tip, dates that are not the day of the purchase.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from fields.lexicon import COUNTRIES, LANGUAGES
from result import Line

SYLLABLES = [
    "ba",
    "be",
    "co",
    "da",
    "do",
    "fa",
    "ga",
    "gro",
    "hel",
    "ka",
    "kin",
    "la",
    "le",
    "lim",
    "mar",
    "mo",
    "na",
    "nor",
    "pa",
    "per",
    "qui",
    "ro",
    "sa",
    "sil",
    "ta",
    "to",
    "ver",
    "wes",
    "yo",
]
GIVEN = ["anna", "maria", "john", "peter", "sofia", "lucas", "emma", "paul", "nina", "omar"]
FORMATS = (",.2", ".,2", ".2", ",2", " ,2", ".0", ",0", "0", "'.2")


class _Money(NamedTuple):
    """How amounts are written: thousands sign, decimal sign, decimals, and the currency's sign."""

    form: str
    sign: str
    is_before: bool

    def text(self, value: Decimal, signed: bool = False) -> str:
        decimals = int(self.form[-1])
        marks = self.form[:-1]
        point = marks[-1:] if decimals else ""
        group = marks[0] if len(marks) > bool(decimals) else ""
        plain = f"{value:,.{decimals}f}"
        written = plain.replace(",", "\0").replace(".", point).replace("\0", group)
        if not signed or not self.sign:
            return written
        return f"{self.sign}{written}" if self.is_before else f"{written} {self.sign}"


def draw(chance: Random) -> tuple[list[list[Line]], dict[str, Any]]:
    """The rows of a receipt and its fields: merchant, date, total, subtotal, tax, tip, items."""
    words = LANGUAGES[chance.choice(sorted(LANGUAGES))]
    country = COUNTRIES[chance.choice(sorted(COUNTRIES))]
    head, merchant = _head(chance, words, country)
    days, day = _days(chance, words, country)
    sums, fields = _sums(chance, words, _money(chance, country))
    foot = _some(chance, _pick(chance, words, "merchant", "not_a_name").title(), "www.example.com")
    rows = [*head, *days, *sums, *foot] if chance.random() < 0.7 else [*head, *sums, *days, *foot]
    rows = [[part for part in row if part] for row in rows]
    lines = _placed(chance, rows) if chance.random() < 0.4 else _unplaced(chance, rows)
    return lines, fields | {"merchant": merchant, "date": day.isoformat()}


def _pick(chance: Random, file: dict[str, Any], section: str, key: str, other: str = "") -> str:
    return str(chance.choice(file.get(section, {}).get(key) or [other])).replace("*", "")


def _some(chance: Random, *texts: str) -> list[list[str]]:
    return [[text] for text in texts if text and chance.random() < 0.5]


def _word(chance: Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=chance.randint(2, 3))).capitalize()


def _head(
    chance: Random, words: dict[str, Any], country: dict[str, Any]
) -> tuple[list[list[str]], str]:
    name = " ".join(_word(chance) for _ in range(chance.randint(1, 3)))
    if chance.random() < 0.4:
        name += " " + _pick(chance, words, "merchant", "business")
    forms = [form for file in COUNTRIES.values() for form in file.get("legal", {}).get("forms", ())]
    if chance.random() < 0.3:
        name += " " + chance.choice(sorted(forms))
    name = name.upper() if chance.random() < 0.6 else name.strip()
    brand, by_law = name, country.get("legal", {}).get("mandatory")
    if by_law and chance.random() < 0.4:  # the company's name below the shop's
        name = f"{_word(chance)} {_word(chance)} {chance.choice(by_law)}".upper()
    company = _pick(chance, words, "numbers", "company", "Company").capitalize()
    above = (
        f"{company} No : {chance.choice(('SA', 'KL', ''))}{chance.randint(10**5, 10**7)}",
        *(_pick(chance, words, "merchant", "not_a_name").upper(), str(chance.randint(100, 99999))),
        *(
            f"{chance.choice(GIVEN)} {_word(chance)}".lower(),
            f"No : {chance.randint(10**5, 10**7)}",
        ),
    )
    kind = _pick(chance, words, "merchant", "streets", "Street")
    street = f"{kind} {_word(chance)} {chance.randint(1, 99)}"
    phone = f"{_pick(chance, words, 'numbers', 'phone', 'Tel')}: {chance.randint(10**7, 10**9)}"
    below = (street, f"{chance.randint(1000, 99999)} {_word(chance)}", phone)
    first = [[chance.choice(above)]] if chance.random() < 0.3 else []
    if by_law and name != brand:
        first.append([brand])
    return [*first, [name], *_some(chance, *below)], name


def _days(
    chance: Random, words: dict[str, Any], country: dict[str, Any]
) -> tuple[list[list[str]], date]:
    day = date(2010, 1, 1) + timedelta(days=chance.randint(0, 6000))
    clock = chance.choice(("%H:%M", "%H:%M:%S", "%I:%M %p")) if chance.random() < 0.7 else ""
    form = chance.choice(("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%y", "%d %b %Y", "%Y-%m-%d", "%d.%m.%y"))
    if country.get("month_first"):
        form = form.replace("%d/%m", "%m/%d").replace("%d-%m", "%m-%d").replace("%d.%m", "%m/%d")
    label = _pick(chance, words, "dates", "date", "Date") if chance.random() < 0.5 else ""
    hour = f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}"
    moment = f"{day.strftime(form)} {hour if clock else ''}".strip()
    rows = [[f"{label}{chance.choice(('', ':', ' :'))}" if label else "", moment]]
    if chance.random() < 0.25:
        other = (day + timedelta(days=chance.randint(-3, 400))).strftime(form)
        word = _pick(chance, words, "dates", "other_date", "valid until").capitalize()
        rows.insert(chance.randint(0, 1), [f"{word} {other} {hour if clock else ''}".strip()])
    return rows, day


def _money(chance: Random, country: dict[str, Any]) -> _Money:
    part = country.get("currency", {})
    signs = [part.get("code", ""), *part.get("signs", ())]
    sign = str(chance.choice(signs)) if chance.random() < 0.7 else ""
    return _Money(chance.choice(FORMATS), sign, chance.random() < 0.5)


def _sums(
    chance: Random, words: dict[str, Any], money: _Money
) -> tuple[list[list[str]], dict[str, Any]]:
    topic = words.get("topics", {})
    cent = Decimal(1).scaleb(-int(money.form[-1]))
    unit = 10 ** chance.randint(0, 1) if cent < 1 else 10 ** chance.randint(2, 5)

    def called(name: str) -> str:
        label = str(chance.choice(topic.get(name) or [""]))
        return label.upper() if chance.random() < 0.4 else label[:1].upper() + label[1:]

    def row(name: str, value: Decimal, signed: float = 0.3) -> list[str]:
        label = _worn(chance, called(name)) if chance.random() < 0.15 else called(name)
        return [label, money.text(value, chance.random() < signed)]

    items: list[Decimal] = []
    rows: list[list[str]] = []
    for _ in range(chance.randint(1, 7)):
        price = (Decimal(chance.uniform(0.5, 30)) * unit).quantize(cent)
        count = chance.choice((1, 1, 1, 2, 3))
        name = " ".join(_word(chance) for _ in range(chance.randint(1, 3)))
        lead = [name] if count == 1 else [f"{count} x {name}", money.text(price)]
        rows.append([*lead, money.text(price * count)])
        items.append(price * count)
    subtotal = sum(items, Decimal(0))
    rate = chance.choice((5, 6, 7, 8, 10, 19, 20, 21, 23, 25))
    on_top, inside = chance.random() < 0.3, chance.random() < 0.5
    tax = (subtotal * rate / (100 if on_top else 100 + rate)).quantize(cent)
    tip = (subtotal * chance.choice((10, 15, 18)) / 100).quantize(cent) * (chance.random() < 0.15)
    total = subtotal + tax * on_top + tip
    fields: dict[str, Any] = {"total": float(total), "items": [float(item) for item in items]}
    if on_top or tip or chance.random() < 0.3:
        rows.append(row("subtotal", subtotal) if topic.get("subtotal") else [money.text(subtotal)])
        fields["subtotal"] = float(subtotal)
    if on_top:
        rows.append([f"{called('tax')} {rate}%", money.text(tax)])
    if tip:
        rows.append(row("tip", tip) if topic.get("tip") else [money.text(tip)])
        fields["tip"] = float(tip)
    rounding = called("rounding")
    if cent < 1 and chance.random() < 0.12 and topic.get("rounding"):
        step = Decimal(chance.choice((-2, -1, 1, 2))) * cent
        rows += [row("total", total), [rounding, money.text(step)]]
        total += step
        fields["total"] = float(total)
    if len(items) > 1 and chance.random() < 0.1 and topic.get("discount"):
        off = (total * chance.choice((5, 10, 20)) / 100).quantize(cent)
        name = (
            f"{called('total')} {called('discount')}"
            if chance.random() < 0.3
            else called("discount")
        )
        rows.append([name, money.text(-off if chance.random() < 0.7 else off)])
        total -= off
        fields["total"] = float(total)
    label = "grand" if chance.random() < 0.3 and topic.get("grand") else "total"
    written = row(label, total, 0.5)
    if chance.random() < (0.4 if rows[-1][0] == rounding else 0.1):
        written = written[-1:]  # its label was not read
    elif len(items) > 1 and chance.random() < 0.06:
        written = [written[0], _misread(chance, written[-1])]
    if chance.random() < 0.1 and written[1:]:
        rows += [written[:1], written[1:]]
    elif chance.random() < 0.94:  # else only what was paid is printed
        rows.append(written)
    if chance.random() < 0.25 and topic.get("count"):
        rows.insert(-1 if chance.random() < 0.5 else len(rows), [called("count"), str(len(items))])
    rows += _payment(chance, row, total, cent)
    if not on_top and inside:
        table = [
            f"{rate}%",
            money.text(total - tip - tax),
            money.text(tax),
            money.text(total - tip),
        ]
        rows += (
            [table] if chance.random() < 0.5 else [[f"{called('tax')} {rate}%", money.text(tax)]]
        )
    if on_top or inside:
        fields["tax"] = float(tax)
    return rows, fields


def _worn(chance: Random, label: str) -> str:
    """The label as print that is hard to read: letters lost or taken for others."""
    return "".join(
        chance.choice(("", letter, chance.choice("il1.o0n"))) if chance.random() < 0.3 else letter
        for letter in label
    )


def _misread(chance: Random, amount: str) -> str:
    """The amount with one figure read wrongly."""
    places = [place for place, letter in enumerate(amount) if letter.isdigit()]
    place = chance.choice(places)
    return amount[:place] + chance.choice("0123456789") + amount[place + 1 :]


def _payment(chance: Random, row: Any, total: Decimal, cent: Decimal) -> list[list[str]]:
    way = chance.random()
    if way < 0.4:
        step = Decimal(10) ** max(0, total.adjusted())
        given = (total / step).to_integral_value(rounding="ROUND_CEILING") * step
        return [row("cash", given.quantize(cent)), row("change", (given - total).quantize(cent))]
    return [row("card", total)] if way < 0.7 else []


def _unplaced(chance: Random, rows: Sequence[Sequence[str]]) -> list[list[Line]]:
    """Each row as one line without a box, as text from a vendor is."""
    return [[Line(" ".join(row))] for row in rows if any(row)]


def _placed(chance: Random, rows: Sequence[Sequence[str]]) -> list[list[Line]]:
    lines, top = [], 20
    for number, row in enumerate(rows):
        height = chance.randint(28, 60) if number < 2 else chance.randint(22, 28)
        placed = []
        for place, text in enumerate(row):
            width = len(text) * height // 2
            left = (
                20
                if place == 0 and len(row) > 1
                else 700 - width
                if len(row) > 1
                else 350 - width // 2
            )
            box = (left, top, left + width, top + height)
            placed.append(Line(text, round(chance.uniform(0.9, 1), 3), box))
        lines += [placed] if placed else []
        top += height + chance.randint(4, 20)
    return lines
