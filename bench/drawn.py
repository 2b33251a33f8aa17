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
    *("ba", "be", "co", "da", "do", "fa", "ga", "gro", "hel", "ka"),
    *("kin", "la", "le", "lim", "mar", "mo", "na", "nor", "pa", "per"),
    *("qui", "ro", "sa", "sil", "ta", "to", "ver", "wes", "yo"),
]
GIVEN = ["anna", "maria", "john", "peter", "sofia", "lucas", "emma", "paul", "nina", "omar"]
FORMATS = (",.2", ".,2", ".2", ",2", " ,2", ".0", ",0", "0", "'.2", "float", "float0")


class _Money(NamedTuple):
    """How amounts are written: thousands sign, decimal sign, decimals, and the currency's sign.

    Or as a program writes a float, with its last zero, 356.0, or without it, 356.
    """

    form: str
    sign: str
    is_before: bool

    @property
    def decimals(self) -> int:
        return 2 if self.form.startswith("float") else int(self.form[-1])

    def text(self, value: Decimal, signed: bool = False) -> str:
        written = self._figures(value)
        if not signed or not self.sign:
            return written
        return f"{self.sign}{written}" if self.is_before else f"{written} {self.sign}"

    def _figures(self, value: Decimal) -> str:
        if self.form.startswith("float"):
            return str(float(value)) if self.form == "float" else f"{float(value):.10g}"
        decimals, marks = self.decimals, self.form[:-1]
        point = marks[-1:] if decimals else ""
        group = marks[0] if len(marks) > bool(decimals) else ""
        plain = f"{value:,.{decimals}f}"
        return plain.replace(",", "\0").replace(".", point).replace("\0", group)


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
    """The rows above the first date or item, and the merchant's name."""
    name = " ".join(_word(chance) for _ in range(chance.randint(1, 3)))
    apart = Random(name)  # what it draws does not change the days and the sums
    name = _shop(chance, apart, _written(apart, words, 5) or _styled(apart, name), words)
    brand, by_law = name, country.get("legal", {}).get("mandatory")
    if by_law and chance.random() < 0.4:  # the company's name below the shop's
        name = f"{_word(chance)} {_word(chance)} {chance.choice(by_law)}".upper()
    above, below = _above(chance, words), _below(chance, apart, words)
    first = [[chance.choice(above)]] if chance.random() < 0.3 else []
    names = [brand, name] if name != brand else [name]
    rows = [[part] for written in names for part in written.split("\n")]
    town = _some(apart, _town(apart, country))
    named = [*town, *rows] if apart.random() < 0.2 else [*rows, *town]
    return [*first, *named, *_some(chance, *below)], name.replace("\n", " ")


def _styled(chance: Random, name: str) -> str:
    """The name, of one shop in four with a figure or a sign in it: Ro25, 7 Mar, Sil's, Ko & Ba."""
    first, *others = name.split()
    number = chance.randint(1, 99)
    styles = (
        f"{first[:3]}{number}",
        f"{number} {name}",
        f"{first}'s {' '.join(others)}",
        f"{first} & {' '.join(others) or _word(chance)}",
    )
    return chance.choice(styles).strip() if chance.random() < 0.25 else name


def _shop(chance: Random, apart: Random, name: str, words: dict[str, Any]) -> str:
    """The name, often with a legal form or the kind of business, which may have its own line."""
    if chance.random() < 0.4:
        business = _pick(chance, words, "merchant", "business")
        name = f"{business}\n{name}" if apart.random() < 0.2 else f"{name} {business}"
    forms = [form for file in COUNTRIES.values() for form in file.get("legal", {}).get("forms", ())]
    if chance.random() < 0.3:
        name += " " + chance.choice(sorted(forms))
    return name.upper() if chance.random() < 0.6 else name.strip()


def _above(chance: Random, words: dict[str, Any]) -> tuple[str, ...]:
    """Rows that may stand above the name and are none."""
    company = _pick(chance, words, "numbers", "company", "Company").capitalize()
    return (
        f"{company} No : {chance.choice(('SA', 'KL', ''))}{chance.randint(10**5, 10**7)}",
        *(_pick(chance, words, "merchant", "not_a_name").upper(), str(chance.randint(100, 99999))),
        *(
            f"{chance.choice(GIVEN)} {_word(chance)}".lower(),
            f"No : {chance.randint(10**5, 10**7)}",
        ),
    )


def _below(chance: Random, apart: Random, words: dict[str, Any]) -> tuple[str, ...]:
    """The rows of the street, the town with its postal code, and the phone."""
    kind = _pick(chance, words, "merchant", "streets", "Street")
    street = f"{kind} {_word(chance)} {chance.randint(1, 99)}"
    if place := _written(apart, words, 6):
        street = f"{place}{apart.randint(1, 99)}-{apart.randint(1, 9)}"
    phone = f"{_pick(chance, words, 'numbers', 'phone', 'Tel')}: {chance.randint(10**7, 10**9)}"
    return street, f"{chance.randint(1000, 99999)} {_word(chance)}", phone


def _written(chance: Random, words: dict[str, Any], most: int) -> str:
    """Some letters of Chinese or Japanese, if the language is that, else ""."""
    known = {letter for topic in words["topics"].values() for word in topic for letter in word}
    letters = sorted(letter for letter in known if "\u3040" <= letter <= "\u9fff")
    return "".join(chance.choices(letters, k=chance.randint(2, most))) if letters else ""


def _town(chance: Random, country: dict[str, Any]) -> str:
    """A town of the country, alone or with a part of it or the country's name; "" for none."""
    towns = [word for word in country.get("currency", {}).get("words", ()) if word.isalpha()]
    if not towns:
        return ""
    town = chance.choice(towns).title()
    land = chance.choice([*country.get("merchant", {}).get("names", ()), ""])
    near = (town, f"{_word(chance)} {town}", f"{_word(chance)}, {town}", f"{town}, {land}")
    written = chance.choice(near).strip(", ")
    return written.upper() if chance.random() < 0.3 else written


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


class _Till(NamedTuple):
    """How one receipt is printed: by chance, with a language's labels and one form of amounts."""

    chance: Random
    labels: dict[str, list[str]]  # by topic
    money: _Money

    @property
    def cent(self) -> Decimal:
        return Decimal(1).scaleb(-self.money.decimals)

    def happens(self, probability: float) -> bool:
        return self.chance.random() < probability

    def label(self, topic: str) -> str:
        label = str(self.chance.choice(self.labels.get(topic) or [""]))
        return label.upper() if self.happens(0.4) else label[:1].upper() + label[1:]

    def row(self, topic: str, value: Decimal, signed: float = 0.3) -> list[str]:
        """A label, which may be worn, and an amount; `signed`: how probable the currency is."""
        is_worn = self.happens(0.15)
        label = _worn(self.chance, self.label(topic)) if is_worn else self.label(topic)
        return [label, self.money.text(value, self.happens(signed))]


class _Bill(NamedTuple):
    """What is to be paid before rounding and discount."""

    items: list[Decimal]
    rate: int  # of the tax, in per cent
    is_on_top: bool  # the tax is added to the prices, else it is inside
    is_told: bool  # a tax that is inside is printed
    tax: Decimal
    tip: Decimal

    @property
    def subtotal(self) -> Decimal:
        return sum(self.items, Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.tax * self.is_on_top + self.tip


def _sums(
    chance: Random, words: dict[str, Any], money: _Money
) -> tuple[list[list[str]], dict[str, Any]]:
    """The rows from the first item on, and the fields that they print."""
    till = _Till(chance, words.get("topics", {}), money)
    things = _things(till)
    bill = _bill(till, [amount for _, amount in things])
    parts, fields = _parts(till, bill)
    rows = [*_listed(till, things), *parts]
    rounding = till.label("rounding")
    rounded, total = _rounded(till, bill.total, rounding)
    before = total
    reduced, total = _reduced(till, total, len(things))
    if reduced and Random(f"{before}").random() < 0.4:  # TOTAL, what is taken off, TO PAY
        reduced.insert(0, till.row("total", before))
        fields.setdefault("subtotal", float(before))
    rows += rounded + reduced
    if till.cent < 1 < total and till.happens(0.05):  # to be paid in whole units
        till = till._replace(money=till.money._replace(form="0"))
        total = total.quantize(Decimal(1))
    rows += _total(till, total, len(things), rows[-1][0] == rounding)
    if till.happens(0.25) and till.labels.get("count"):
        place = -1 if till.happens(0.5) else len(rows)
        rows.insert(place, [till.label("count"), str(len(things))])
    rows += _payment(till, total) + _inside(till, bill, total) + _saved(till, total)
    return rows, fields | {"total": float(total), "items": [float(item) for item in bill.items]}


def _things(till: _Till) -> list[tuple[list[str], Decimal]]:
    """The row of each item, and its amount."""
    chance, things = till.chance, []
    unit = 10 ** chance.randint(*((0, 1) if till.cent < 1 else (2, 5)))
    for _ in range(chance.randint(1, 7)):
        price = (Decimal(chance.uniform(0.5, 30)) * unit).quantize(till.cent)
        count = chance.choice((1, 1, 1, 2, 3))
        name = " ".join(_word(chance) for _ in range(chance.randint(1, 3)))
        lead = [name] if count == 1 else [f"{count} x {name}", till.money.text(price)]
        things.append(([*lead, till.money.text(price * count)], price * count))
    return things


def _listed(till: _Till, things: Sequence[tuple[list[str], Decimal]]) -> list[list[str]]:
    """The rows of all things; of one receipt in twenty in two groups, each with its sum below."""
    rows = [row for row, _ in things]
    if len(things) < 3 or till.happens(0.95):
        return rows
    end = till.chance.randint(1, len(things) - 1)
    first, second = (
        [f"{till.label('total')} {_word(till.chance)}", till.money.text(sum(amounts, Decimal(0)))]
        for amounts in ([a for _, a in things[:end]], [a for _, a in things[end:]])
    )
    return [*rows[:end], first, *rows[end:], second]


def _bill(till: _Till, items: list[Decimal]) -> _Bill:
    subtotal = sum(items, Decimal(0))
    rate = till.chance.choice((5, 6, 7, 8, 10, 19, 20, 21, 23, 25))
    is_on_top, is_told = till.happens(0.3), till.happens(0.5)
    tax = (subtotal * rate / (100 if is_on_top else 100 + rate)).quantize(till.cent)
    tip = (subtotal * till.chance.choice((10, 15, 18)) / 100).quantize(till.cent)
    return _Bill(items, rate, is_on_top, is_told, tax, tip * till.happens(0.15))


def _parts(till: _Till, bill: _Bill) -> tuple[list[list[str]], dict[str, Any]]:
    """The rows of subtotal, tax on top and tip, and their fields; the tax's if it is inside too."""
    rows, fields = [], {}
    if bill.is_on_top or bill.tip or till.happens(0.3):
        rows.append(_named(till, "subtotal", bill.subtotal))
        fields["subtotal"] = float(bill.subtotal)
    if bill.is_on_top:
        rows += _taxes(till, bill)
    if bill.tip:
        rows.append(_named(till, "tip", bill.tip))
        fields["tip"] = float(bill.tip)
    if bill.is_on_top or bill.is_told:
        fields["tax"] = float(bill.tax)
    return rows, fields


def _named(till: _Till, topic: str, value: Decimal) -> list[str]:
    """A row as till.row gives it; the amount alone where the language has no word for it."""
    return till.row(topic, value) if till.labels.get(topic) else [till.money.text(value)]


def _tax(till: _Till, bill: _Bill) -> list[str]:
    return [f"{till.label('tax')} {bill.rate}%", till.money.text(bill.tax)]


def _taxes(till: _Till, bill: _Bill) -> list[list[str]]:
    """The row of the tax; those of two, a country's and a state's, of one receipt in six."""
    if till.happens(5 / 6):
        return [_tax(till, bill)]
    part = (bill.tax * till.chance.choice((3, 5, 5, 6)) / 10).quantize(till.cent)
    return [[till.label("tax"), till.money.text(value)] for value in (part, bill.tax - part)]


def _rounded(till: _Till, total: Decimal, label: str) -> tuple[list[list[str]], Decimal]:
    """The rows of a total and its rounding, mostly none, and what is to be paid then."""
    if not (till.cent < 1 and till.happens(0.12) and till.labels.get("rounding")):
        return [], total
    step = Decimal(till.chance.choice((-2, -1, 1, 2))) * till.cent
    return [till.row("total", total), [label, till.money.text(step)]], total + step


def _reduced(till: _Till, total: Decimal, count: int) -> tuple[list[list[str]], Decimal]:
    """The row of a discount on all `count` items, mostly none, and what is to be paid then."""
    if not (count > 1 and till.happens(0.15) and till.labels.get("discount")):
        return [], total
    off = (total * till.chance.choice((5, 10, 20)) / 100).quantize(till.cent)
    topics = ("total", "discount") if till.happens(0.3) else ("discount",)
    name = " ".join(map(till.label, topics))
    return [[name, till.money.text(-off if till.happens(0.7) else off)]], total - off


def _total(till: _Till, total: Decimal, count: int, is_rounded: bool) -> list[list[str]]:
    """The rows of the total, whose label or one figure may be lost; none if only payment tells."""
    topic = "grand" if till.happens(0.3) and till.labels.get("grand") else "total"
    label, amount = till.row(topic, total, 0.5)
    if till.happens(0.4 if is_rounded else 0.1):
        row = [amount]
    elif count > 1 and till.happens(0.06):
        row = [label, _misread(till.chance, amount)]
    else:
        row = [label, amount]
    if till.happens(0.1) and row[1:]:
        return [row[:1], row[1:]]
    return [row] if till.happens(0.94) else []


def _inside(till: _Till, bill: _Bill, total: Decimal) -> list[list[str]]:
    """The row of a tax that is inside the total: by rate with net and gross, or with its label."""
    if bill.is_on_top or not bill.is_told:
        return []
    gross = total - bill.tip
    table = [f"{bill.rate}%", *map(till.money.text, (gross - bill.tax, bill.tax, gross))]
    return [table if till.happens(0.5) else _tax(till, bill)]


def _saved(till: _Till, total: Decimal) -> list[list[str]]:
    """What the customer has saved, of one receipt in ten: no part of what is to be paid."""
    if not (till.happens(0.1) and till.labels.get("discount")):
        return []
    topics = ("total", "discount") if till.happens(0.6) else ("discount",)
    saved = (total * till.chance.randint(5, 400) / 100).quantize(till.cent)
    return [[" ".join(map(till.label, topics)), till.money.text(saved, till.happens(0.3))]]


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


def _payment(till: _Till, total: Decimal) -> list[list[str]]:
    way = till.chance.random()
    if way < 0.4:
        step = Decimal(10) ** max(0, total.adjusted())
        given = (total / step).to_integral_value(rounding="ROUND_CEILING") * step
        change = (given - total).quantize(till.cent)
        return [till.row("cash", given.quantize(till.cent)), till.row("change", change)]
    if way < 0.68 or total < 2:
        return [till.row("card", total)]
    part = Decimal(int(total / 2))  # paid in two parts, as with a voucher
    return [till.row("cash", part), till.row("card", total - part)] if way < 0.7 else []


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
