"""Draws files with several receipts in many arrangements, and measures how they are split.

    python -m bench.several [--provider paddle-ocr-local] [--seed 1] [--set judged] [--keep FOLDER]

The set `cut` has receipts that the picture's edge or another receipt cuts off.

A file is split right when as many receipts are found as were drawn, each with the merchant, date
and total of one of them (two of the three: the engine may misread one). It is mixed when a
receipt has fields of two of them, or when several are one without the warning `several_receipts`.
"""

import argparse
import os
import tempfile
import zlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from bench.accuracy import is_right
from engines import process
from providers import PROVIDERS
from providers.base import read
from result import OcrResult, Receipt
from settings import read_settings

Fields = dict[str, Any]


class Language(NamedTuple):
    shops: tuple[str, ...]
    towns: tuple[str, ...]
    things: tuple[str, ...]
    total: str
    subtotal: str
    tax: str
    cash: str
    change: str
    card: str
    thanks: str
    number: str
    day: str
    sign: str
    point: str


LANGUAGES = (
    Language(
        ("OAK STREET DINER", "LAKESIDE HARDWARE", "Blue Door Books", "Sunny Farm Market"),
        ("410 Oak Street, Denver, CO 80203", "77 Lake Ave, Austin, TX 78701"),
        ("COFFEE", "BAGEL", "HAMMER 16OZ", "PAINT WHITE", "NOTEBOOK A5", "APPLES", "SOUP"),
        *("TOTAL", "SUBTOTAL", "SALES TAX", "CASH", "CHANGE", "VISA", "THANK YOU"),
        *("Receipt #", "%m/%d/%Y %I:%M %p", "$", "."),
    ),
    Language(
        ("Corner Pharmacy Ltd", "THE RED LION", "Greenway Foods", "Station Kiosk"),
        ("12 High Street, London N1 9GU", "5 Mill Lane, Leeds LS1 4AP"),
        ("MILK 2L", "BREAD", "PLASTERS", "LAGER PINT", "FISH & CHIPS", "TEA", "CRISPS"),
        *("TOTAL", "SUBTOTAL", "VAT 20%", "CASH", "CHANGE", "DEBIT CARD", "Please call again"),
        *("Receipt no. ", "%d/%m/%Y %H:%M", "\u00a3", "."),
    ),
    Language(
        ("B\u00e4ckerei Sommer", "DROGERIE WEBER GMBH", "Getr\u00e4nke Huber", "Gasthaus Krone"),
        ("Hauptstr. 14, 50667 K\u00f6ln", "Lindenweg 3, 80331 M\u00fcnchen"),
        ("Br\u00f6tchen", "Roggenbrot", "Zahnpasta", "Mineralwasser", "Schnitzel", "Kaffee"),
        *("SUMME", "Zwischensumme", "MwSt 19%", "BAR", "R\u00fcckgeld", "EC-Karte"),
        *("Vielen Dank f\u00fcr Ihren Einkauf", "Bon-Nr. ", "%d.%m.%Y %H:%M", "EUR", ","),
    ),
    Language(
        ("Boulangerie Martin", "PHARMACIE DU PORT", "Librairie Dumas", "CAFE DE LA GARE"),
        ("8 rue de la Paix, 69002 Lyon", "21 avenue Foch, 44000 Nantes"),
        ("Baguette", "Croissant", "Aspirine", "Cahier", "Menu midi", "Eau 50cl", "Savon"),
        *("TOTAL TTC", "Sous-total", "TVA 10%", "ESPECES", "Rendu", "CARTE BANCAIRE"),
        *("Merci de votre visite", "Ticket n\u00b0 ", "%d/%m/%Y %H:%M", "EUR", ","),
    ),
    Language(
        ("Supermercado Sol", "FERRETERIA LOPEZ SL", "Bar El Puerto", "Farmacia Ruiz"),
        ("Calle Mayor 9, 28013 Madrid", "Av. del Mar 40, 46001 Valencia"),
        ("Leche entera", "Pan", "Tornillos", "Cerveza", "Tortilla", "Naranjas", "Jabon"),
        *("TOTAL", "Subtotal", "IVA 21%", "EFECTIVO", "Cambio", "TARJETA"),
        *("Gracias por su visita", "Factura simplificada ", "%d/%m/%Y %H:%M", "EUR", ","),
    ),
    Language(
        ("Sklep Zielony", "APTEKA POD LWEM", "Piekarnia Nowak", "Kawiarnia Rynek"),
        ("ul. Polna 7, 00-625 Warszawa", "ul. Dluga 21, 31-146 Krakow"),
        ("Chleb", "Mleko", "Maslo", "Herbata", "Kawa", "Jablka", "Mydlo"),
        *("SUMA PLN", "Razem", "PTU A 23%", "GOTOWKA", "RESZTA", "KARTA"),
        *("Dziekujemy", "Nr paragonu ", "%d-%m-%Y %H:%M", "PLN", ","),
    ),
)

# One paper


class Paper(NamedTuple):
    picture: Image.Image
    fields: Fields


class Style(NamedTuple):
    """How a receipt is printed, in pixels and grays."""

    width: int
    letters: int
    pitch: int
    paper: tuple[int, int, int]
    font: str


def style(chance: Random) -> Style:
    letters = chance.randint(20, 30)
    width = round(letters * chance.uniform(17, 26))
    shade = chance.choice((255, 252, 246, 240))
    pitch = round(letters * chance.uniform(1.25, 1.7))
    fonts = ("", "DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf")
    return Style(width, letters, pitch, (shade, shade, shade - 3), chance.choice(fonts))


def font(look: Style, size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(look.font, size)
    except OSError:  # not on this machine
        return ImageFont.load_default(size)


def receipt(chance: Random, count: int = 0, tongue: Language | None = None) -> Any:
    """The rows of a receipt, each one text or a name and an amount, and its fields."""
    tongue = tongue or chance.choice(LANGUAGES)
    shop, day = chance.choice(tongue.shops), _moment(chance)
    names = [chance.choice(tongue.things) for _ in range(count or chance.randint(1, 8))]
    prices = [Decimal(chance.randint(60, 4000)) / 100 for _ in names]
    total = sum(prices, Decimal(0))

    def money(value: Decimal) -> str:
        return f"{value:.2f}".replace(".", tongue.point)

    rows: list[tuple[str, ...]] = [(shop,), (chance.choice(tongue.towns),)]
    rows += [(f"Tel. 0{chance.randint(10**8, 10**9)}",)] * (chance.random() < 0.6)
    rows += [(f"{tongue.number}{chance.randint(1000, 99999)}",)] * (chance.random() < 0.7)
    when = [(day.strftime(tongue.day),)]
    is_first = chance.random() < 0.7
    rows += when if is_first else []
    rows += [(name, money(price)) for name, price in zip(names, prices, strict=True)]
    if chance.random() < 0.5 and len(names) > 1:
        rows.append((tongue.subtotal, money(total)))
    is_signed = chance.random() < 0.5
    label = tongue.total
    if is_signed and tongue.sign not in label:
        label = f"{tongue.total} {tongue.sign}"
    rows.append((label, money(total)))
    if chance.random() < 0.6:
        rows.append((tongue.tax, money(total / 6)))
    if chance.random() < 0.5:
        given = (total // 10 + 1) * 10
        rows += [(tongue.cash, money(given)), (tongue.change, money(given - total))]
    elif chance.random() < 0.7:
        rows.append((tongue.card, money(total)))
    rows += [] if is_first else when
    rows += [(tongue.thanks,)] * (chance.random() < 0.7)
    return rows, {"merchant": shop, "date": day.strftime("%Y-%m-%d"), "total": float(total)}


def _moment(chance: Random) -> Any:
    from datetime import datetime, timedelta

    return datetime(2023, 1, 1) + timedelta(minutes=chance.randint(0, 3 * 365 * 1440))


def paper(rows: Sequence[tuple[str, ...]], look: Style, chance: Random) -> Image.Image:
    margin = look.letters * 2
    sheet = Image.new("RGB", (look.width, margin * 2 + look.pitch * len(rows)), look.paper)
    draw = ImageDraw.Draw(sheet)
    ink = (chance.randint(20, 70),) * 3
    for number, row in enumerate(rows):
        size = round(look.letters * (1.3 if number == 0 else 1))
        while (letters := font(look, size)) and sum(
            draw.textlength(part, letters) for part in row
        ) > look.width - margin * 1.5:
            size -= 1
        top = margin + look.pitch * number
        if len(row) == 1:
            left = (look.width - draw.textlength(row[0], letters)) / 2
            draw.text((left, top), row[0], ink, letters)
        else:
            draw.text((margin * 0.7, top), row[0], ink, letters)
            draw.text((look.width - margin * 0.7, top), row[1], ink, letters, anchor="ra")
    return sheet


def one(chance: Random, count: int = 0, tongue: Language | None = None) -> Paper:
    rows, fields = receipt(chance, count, tongue)
    return Paper(paper(rows, style(chance), chance), fields)


def cut(chance: Random, part: str) -> Paper:
    """The `head` of a receipt with some items and no sum, or the `foot` without a head."""
    rows, fields = receipt(chance, chance.randint(3, 8))
    look = style(chance)
    whole = paper(rows, look, chance)
    first = next(number for number, row in enumerate(rows) if len(row) == 2)
    edge = look.letters * 2 + look.pitch * (first + chance.randint(1, 2))
    box = (0, 0, whole.width, edge) if part == "head" else (0, edge, *whole.size)
    shown = {"merchant"} if part == "head" else {"total"}
    return Paper(whole.crop(box), {name: fields[name] for name in shown})


# Several papers on a page

Placed = list[tuple[Paper, int, int]]  # left and top


def beside(papers: Sequence[Paper], chance: Random, gap: int) -> Placed:
    left, placed = gap, []
    for one in papers:
        placed.append((one, left, gap + chance.randint(0, 3 * gap)))
        left += one.picture.width + gap
    return placed


def below(papers: Sequence[Paper], chance: Random, gap: int) -> Placed:
    top, placed = gap, []
    for one in papers:
        placed.append((one, gap + chance.randint(0, 2 * gap), top))
        top += one.picture.height + gap
    return placed


def grid(papers: Sequence[Paper], chance: Random, gap: int) -> Placed:
    """Two columns, each filled from the top."""
    left = max(one.picture.width for one in papers[::2]) + 2 * gap
    placed, tops = [], [gap, gap + chance.randint(0, gap)]
    for number, one in enumerate(papers):
        column = number % 2
        placed.append((one, left * column + gap, tops[column]))
        tops[column] += one.picture.height + gap
    return placed


def diagonal(papers: Sequence[Paper], chance: Random, gap: int) -> Placed:
    placed, left, top = [], gap, gap
    for one in papers:
        placed.append((one, left, top))
        left += round(one.picture.width * chance.uniform(0.5, 1)) + gap
        top += one.picture.height + gap
    return placed


def corner(papers: Sequence[Paper], chance: Random, gap: int) -> Placed:
    """One at the left, the others below each other beside it."""
    left = papers[0].picture.width + 2 * gap
    placed, top = [(papers[0], gap, gap)], gap
    for one in papers[1:]:
        placed.append((one, left, top))
        top += one.picture.height + gap
    return placed


def laid(placed: Placed, chance: Random, ground: Any, gap: int, tilt: float) -> Image.Image:
    """The papers on a ground, each turned by up to `tilt` degrees."""
    turned = []
    for one, left, top in placed:
        angle = chance.uniform(-tilt, tilt)
        mask = Image.new("L", one.picture.size, 255)
        spun = [
            picture.rotate(angle, Image.Resampling.BICUBIC, expand=True)
            for picture in (one.picture, mask)
        ]
        turned.append((spun, left, top))
    width = max(left + spun[0].width for spun, left, _ in turned) + gap
    height = max(top + spun[0].height for spun, _, top in turned) + gap
    page = ground(width, height, chance)
    for (picture, mask), left, top in turned:
        page.paste(picture, (left, top), mask)
    return page


def white(width: int, height: int, chance: Random) -> Image.Image:
    return Image.new("RGB", (width, height), "white")


def table(width: int, height: int, chance: Random) -> Image.Image:
    """Wood or stone, darker than paper, with grain."""
    red, green, blue = chance.choice(((112, 84, 62), (70, 66, 64), (120, 110, 100)))
    grain = Image.effect_noise((max(1, width // 40), height), 40).resize((width, height))
    return Image.merge(
        "RGB",
        [grain.point([max(0, c + (v - 128) // 4) for v in range(256)]) for c in (red, green, blue)],
    )


def hiding(papers: Sequence[Paper], chance: Random, gap: int) -> Placed:
    """The last lies on the foot of the one before it."""
    (above, left, top), below = (papers[0], gap, gap), papers[1]
    return [(above, left, top), (below, left + chance.randint(0, gap), top + above.picture.height)]


Layout = Callable[[Sequence[Paper], Random, int], Placed]


class Case(NamedTuple):
    name: str
    pages: tuple[tuple[Layout, int], ...]  # of each page, with how many receipts it has
    ground: Any = white
    tilt: float = 0.0  # degrees
    kind: str = "jpg"
    gap: int = 60
    cut: tuple[str, ...] = ()  # what is seen of each receipt of a page: all, head or foot


def _long(chance: Random, parts: int, repeats: bool) -> list[Paper]:
    """One receipt over several pages, with its head again on each if it `repeats`."""
    rows, fields = receipt(chance, 12 * parts, chance.choice(LANGUAGES))
    look, size = style(chance), -(-len(rows) // parts)
    cut = [rows[start : start + size] for start in range(0, len(rows), size)]
    cut = [
        [*(rows[:2] if number and repeats else ()), *part, (f"Page {number + 1}/{parts}",)]
        if repeats
        else part
        for number, part in enumerate(cut)
    ]
    return [Paper(paper(part, look, chance), fields) for part in cut]


TUNED = (
    Case("side by side, scan", ((beside, 2),)),
    Case("side by side, tilted scan", ((beside, 2),), tilt=3),
    Case("side by side, photo", ((beside, 2),), table, 6),
    Case("three in a row, scan", ((beside, 3),)),
    Case("one below the other, scan", ((below, 2),)),
    Case("one below the other, photo", ((below, 2),), table, 5),
    Case("2x2 on A4", ((grid, 4),)),
    Case("2x2, photo", ((grid, 4),), table, 4),
    Case("two pages", ((below, 1), (below, 1)), kind="pdf"),
    Case("three pages", ((below, 1),) * 3, kind="tif"),
    Case("one", ((below, 1),), table, 4),
)
JUDGED = (
    Case("diagonal, scan", ((diagonal, 2),), gap=90),
    Case("diagonal, photo", ((diagonal, 3),), table, 7, gap=90),
    Case("one and two beside it, scan", ((corner, 3),), gap=50),
    Case("one and two beside it, photo", ((corner, 3),), table, 5, gap=80),
    Case("three below each other, scan", ((below, 3),), gap=80),
    Case("side by side, narrow gap", ((beside, 2),), gap=30),
    Case("side by side, far tilted photo", ((beside, 2),), table, 10, gap=90),
    Case("2x2 and 1 on a page", ((grid, 5),), gap=70),
    Case("three in a row, photo", ((beside, 3),), table, 5, gap=70),
    Case("two and one on pages", ((beside, 2), (below, 1)), kind="tif"),
    Case("four pages", ((below, 1),) * 4, kind="pdf"),
    Case("page of two below each other, page of one", ((below, 2), (below, 1)), kind="pdf"),
    Case("one, scan", ((below, 1),), tilt=2),
    Case("one over two pages", ((below, -2),), kind="pdf"),
    Case("one over three pages with heads", ((below, -3),), kind="tif"),
)
CUT = (
    Case("side by side, head and all, scan", ((beside, 2),), cut=("head", "all")),
    Case("side by side, all and head, photo", ((beside, 2),), table, 5, cut=("all", "head")),
    Case("one on the foot of another, scan", ((hiding, 2),), cut=("head", "all")),
    Case("one on the foot of another, photo", ((hiding, 2),), table, 3, cut=("head", "all")),
    Case("all above head, scan", ((below, 2),), cut=("all", "head")),
    Case("all above head, photo", ((below, 2),), table, 4, cut=("all", "head")),
    Case("foot above all, photo", ((below, 2),), table, 4, cut=("foot", "all")),
    Case("one on the head of another, photo", ((hiding, 2),), table, 3, cut=("all", "foot")),
)
SETS = {"tuned": TUNED, "judged": JUDGED, "cut": CUT}


class Drawn(NamedTuple):
    path: Path
    receipts: list[Fields]


def draw(case: Case, seed: int, folder: Path) -> Drawn:
    chance = Random(zlib.crc32(f"{case.name} {seed}".encode()))
    pages, receipts = [], []
    for layout, count in case.pages:
        if count < 0:
            papers = _long(chance, -count, case.kind == "tif")
            pages += [laid([(one, 40, 40)], chance, case.ground, 40, case.tilt) for one in papers]
            receipts.append(papers[0].fields)
            continue
        shown = case.cut or ("all",) * count
        papers = [one(chance) if part == "all" else cut(chance, part) for part in shown]
        pages.append(
            laid(layout(papers, chance, case.gap), chance, case.ground, case.gap, case.tilt)
        )
        receipts += [one.fields for one in papers]
    path = folder / f"{case.name.replace(' ', '-').replace(',', '')}-{seed}.{case.kind}"
    save(pages, path, chance)
    return Drawn(path, receipts)


def save(pages: Sequence[Image.Image], path: Path, chance: Random) -> None:
    pages = [page.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 0.8))) for page in pages]
    if path.suffix == ".jpg":
        pages[0].save(path, quality=88)
    else:
        pages[0].save(path, save_all=True, append_images=pages[1:])


# How it is split


def judge(drawn: Drawn, result: OcrResult) -> str:
    """`right`, `warned`, `mixed`, or `wrong` where nothing is mixed but something is missing."""
    found = result.receipts or (result.receipt,)
    owners = [_owners(receipt, drawn.receipts) for receipt in found]
    firsts = [max(own, key=lambda o: len(own[o]), default=None) for own in owners]
    agree = all(
        first is not None and len(own[first]) >= min(2, len(drawn.receipts[first]))
        for own, first in zip(owners, firsts, strict=True)
    )
    are_all = {*firsts} == {*range(len(drawn.receipts))} and len(found) == len(drawn.receipts)
    if are_all and agree and not any(map(_is_mixed, owners)):
        return "right"
    if any("several_receipts" in receipt.warnings for receipt in found):
        return "warned"
    if any(map(_is_mixed, owners)) or len(found) < len(drawn.receipts):
        return "mixed"
    return "wrong"


def _owners(receipt: Receipt, drawn: Sequence[Fields]) -> dict[int, set[str]]:
    """Which fields of each drawn receipt the found one has; those that all share do not tell."""
    owners: dict[int, set[str]] = {}
    for name in ("merchant", "date", "total"):
        for number, fields in enumerate(drawn):
            if name in fields and is_right(name, fields[name], getattr(receipt, name)):
                owners.setdefault(number, set()).add(name)
    return owners


def _is_mixed(own: dict[int, set[str]]) -> bool:
    """No one drawn receipt has all the fields that are some drawn one's."""
    return bool(own) and max(map(len, own.values())) < len(set().union(*own.values()))


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        counts: dict[str, int] = {}
        cases = [case for case in SETS[arguments.set] if arguments.only in case.name]
        for case in cases:
            for seed in range(arguments.seed, arguments.seed + arguments.rounds):
                drawn = draw(case, seed, folder)
                result = read(PROVIDERS[arguments.provider], drawn.path, read_settings(os.environ))
                verdict = judge(drawn, result)
                counts[verdict] = counts.get(verdict, 0) + 1
                found = result.receipts or (result.receipt,)
                print(
                    f"{verdict:7} {len(found)} of {len(drawn.receipts)}  {drawn.path.name}",
                    flush=True,
                )
                if verdict != "right" and arguments.verbose:
                    for fields in drawn.receipts:
                        print("   drawn", *fields.values())
                    for one in found:
                        print("   found", one.merchant, one.date, one.total, one.warnings)
        print(f"{sum(counts.values())} files: {counts}")
    process.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--provider", choices=sorted(PROVIDERS), default="paddle-ocr-local")
    parser.add_argument("--set", choices=sorted(SETS), default="judged")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="files of each arrangement")
    parser.add_argument("--only", default="", help="a part of the name of arrangements")
    parser.add_argument("--keep", type=Path, help="a folder to keep the files in")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
