"""Each word of each file of fields/lexicon is understood; each language has a receipt."""

import json
import re
import shutil
import subprocess
import sys
from itertools import combinations

import pytest
from stdnum.util import get_cc_module

from fields.amounts import find_candidates
from fields.columns import columns_below
from fields.currencies import Home, find_home
from fields.dates import find_time, parse_date
from fields.labels import TOPICS, plain, read_rows, topics
from fields.lexicon import COUNTRIES, CURRENCY_NAMES, LANGUAGES, filled, words
from fields.merchants import find_names
from fields.money import find_amounts
from fields.purchase import find_possible_dates
from fields.receipt import read_receipt
from fields.tax_ids import TAX_ID, tax_id_in
from fields.text import rows_from_text
from result import Line, OcrResult, ocr_data
from tests.conftest import ROOT

FILES = LANGUAGES | COUNTRIES
# no lists of words
SHAPED = {
    "also",
    "months",
    "cents",
    "code",
    "decimal",
    "dollar",
    "is_word",
    "patterns",
    "phone_form",
    "repairs",
}
RECEIPTS = ROOT / "tests/fields/receipts"


def entries(section):
    """(file, key, word) of each word in this section of any file, misread ones too."""
    for name, file in FILES.items():
        part = dict(file.get(section, {}))
        for kind in (part.pop("misread", {}), part):
            for key in kind.keys() - SHAPED:
                yield from ((name, key, word) for word in kind[key])


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_receipt_of_each_language_is_read(name):
    rows = rows_from_text((RECEIPTS / f"{name}.txt").read_text("utf-8"))
    receipt = json.loads(ocr_data(OcrResult("", "", (), read_receipt(rows), "")))["receipt"]
    wanted = json.loads((RECEIPTS / f"{name}.json").read_text("utf-8"))
    for item in receipt["items"]:
        del item["evidence"]
    assert {key: receipt[key] for key in wanted} == wanted


def test_a_topic_is_found_by_each_of_its_words():
    assert {key for _, key, _ in entries("topics")} == set(TOPICS)
    lost = [entry for entry in entries("topics") if entry[1] not in topics(entry[2])]
    assert lost == []


def test_no_word_has_two_topics_but_those_of_the_whole_sum():
    phrases = {topic: set(map(plain, words("topics", topic))) for topic in TOPICS}
    for one, other in combinations(TOPICS, 2):
        if (one, other) != ("total", "grand"):
            assert phrases[one] & phrases[other] == set()


CURRENCIES = [
    (file["currency"]["code"], text)
    for file in COUNTRIES.values()
    if "code" in file.get("currency", {})
    for key, form in {
        "signs": "{} 5.00",
        "before": "{} 5",
        "behind": "5 {}",
        "before_cents": "{}5.00",
        "words": "{} GROCERY",
    }.items()
    for text in map(form.format, file["currency"].get(key, ()))
]


def test_a_currency_is_found_by_each_sign_and_word():
    assert len(CURRENCIES) > 200
    texts = [(code, text.replace("*", "")) for code, text in CURRENCIES]
    assert [(code, text) for code, text in texts if find_home([text]).currency != code] == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("MYR", "UNIHAKA SDN BHD\n5, JALAN TIMUR, JOHOR\n" + "RICE $4.00\n" * 9),
        ("NZD", "PAK'nSAVE\nGST 15%\nMILK $6.89\nEFTPOS $6.89"),
        ("ZAR", "Pick n Pay\nTAX INVOICE\nVAT 15.00% 33.85"),
        ("USD", "SWEET PEA\n603-437-7251\nSoup 14.00\nTax 6.43"),
        ("USD", "Brewery\nAshland, OR\nSoup 14.00"),
        ("CAD", "PUB\nKelowna,BC V1Y 6N4\n(250)861-1338\nSoup 14.90\nGST 3.09"),
        ("SGD", "SOBA\nGST Reg No:20-0301619-D\nUDON 26.80\n7% GST 7.72"),
        ("MYR", "TIMES\nGST Reg No : 000423100416\nBOOK 1.49"),
        (None, "STATIONERY\nGEL PEN 1.49\nPEN 2.00\nTOTAL 3.49"),
        ("PEN", "LIBRERIA\nLAPIZ 1.49\nTOTAL PEN 1.49"),
        ("USD", "BISTRO, PHNOM PENH\nAmok $6.50\nTotal $6.50\nTotal (R) 26,325"),
        ("KHR", "BISTRO, PHNOM PENH\nTOTAL KHR 9,800\nCASH KHR 10,000"),
        ("HRK", "PEKARA, ZAGREB\nUKUPNO 54,00 kn"),
        ("EUR", "PEKARA, ZAGREB\nUKUPNO 7,17"),
        ("NIO", "PANADERIA, MANAGUA\nPAN C$ 100.00"),
        (None, "CAFE\nFlat White $11.00\nGST incl $1.43"),  # of Australia, Canada, ...
        ("INR", "GRILL\nGST NO: 27ABCFA5632P1Z5\nSOUP 199\nGST 5% 9.95"),
        ("USD", "GRILL\nChk 7545 Gst 2\nSoup $8.44"),  # guests
        ("ALL", "DYQAN, TIRANA\nBUKE 120\nTOTALI 120"),
        (None, "CAFE\nSOUP 250.00\nPRICES INCLUSIVE OF ALL TAXES"),
        ("JOD", "SHOP\nTEA 1.500 JD\nTOTAL 1.500 JD"),
        (None, "SHOP\nJD32 CABLE 5.99\nTOTAL 5.99\nCASHIER 12 JD"),
        (None, "SHOP\nSKU K12.00\nTOTAL 12.00"),
        ("PGK", "SHOP, PORT MORESBY\nBEER K10.00\nTOTAL K10.00\nGST 10%"),
        (None, "HOTEL DE LA GARE\n1 nuit 45,00\nTotal 45,00"),
        ("MZN", "LOJA\nNUIT: 400123456\nTOTAL 45,00"),
        ("EUR", "FERRAMENTA\nCAVO 24 MT 12,00\nTOTALE EURO 12,00"),
        (None, "SNACKBAR\n2 kip 4,50\nTotaal 4,50"),
        (None, "SHOP\nROHLIK 3 Ks 12,90\nCELKEM 12,90"),
        (None, "BISTRO, PARIS\n12 rue de Tunis\nTotal 20,00"),
        ("USD", "OUTLETS\nQueenstown, MD 21658\nTOTAL 20.00"),
        ("USD", "DINER\nJamaica, NY 11430\nTOTAL 20.00"),
        ("SGD", "CAFE\nGST 9% 1.00\nTotal 12.11"),
        ("GEL", "SHOP, TBILISI\nTOTAL GEL 12"),
        ("MAD", "MARCHE, AGADIR\nTOTAL DH 342,80"),
        ("KRW", "206-86-50913\n2026-03-18\n23,500"),
        ("MKD", "MK4030996254587\n1.230,00"),
        ("EUR", "WARENHAUS\nATU16372407\n17,93"),
        ("CRC", "MERCADO, ESCAZÚ\nCAFE €5.900,00\nTOTAL €5.900,00"),  # ₡ as it is read
        ("EUR", "CAFETERIA\nCAFE COSTA RICA €5,90\nTOTAL €5,90"),
        ("TND", "MONOPRIX, TUNIS\nTOTAL DT 23.850"),
        ("THB", "SHOP\n08/10/2569 18:31\nTOTAL 345.00"),  # Thailand's years
        ("USD", "PIZZERIA\nEMERYVILLE CA 94608\nS0DA 3.26\nTOTAL 3.26"),  # no 0 DA, of Algeria
        ("TWD", "台北市信義店\n115/11/03 18:22\n合計 89\n找零 11"),
        (None, "TIENDA\nTOTAL $12.500\nVUELTO $2.500"),  # of Chile, Colombia, Argentina
        ("USD", "FUEL\nPRICE $3.259\nTOTAL $52.11"),
        ("USD", "DELI\n55 Water St Brooklyn NY\nTOTAL 12.50"),
        ("USD", "BAR\n10-30-26 22:51\nState Tax: 4.65"),  # the month is first
        ("GBP", "POST SHOP\n290 Seven Sisters Rd, N4 2HG\nTOTAL 8.45"),
        ("ZAR", "STORE\nVAT NO. 4090105588\nTOTAL 284.95"),
        (None, "Denny's\nSoup 14.00"),  # a chain alone is none: it may be abroad
    ],
)
def test_a_currency_is_found_by_what_else_its_country_prints(code, text):
    assert find_home(text.split("\n")).currency == code


@pytest.mark.parametrize(
    ("text", "currency", "day"),
    [
        ("SUPERMERCADO, QUITO\nRUC 1790016919001", "USD", "2026-03-04"),
        ("ALMACEN TEL +503 2231 4500", "USD", "2026-03-04"),
        ("DELI, AUSTIN, TX 78701", "USD", "2026-04-03"),
        ("DELI", "USD", "2026-04-03"),
        ("FARMACIA, PANAMÁ", "PAB", "2026-03-04"),
        ("MARKET, BEIRUT\nCASH USD 5.00", "USD", "2026-03-04"),
    ],
)
def test_the_order_of_day_and_month_is_that_of_the_country(text, currency, day):
    receipt = found(f"{text}\n04/03/2026 10:15\nTOTAL $5.00")
    assert (receipt.currency, receipt.date) == (currency, day)


def test_a_country_may_print_the_year_first_with_two_digits():
    assert found("居酒屋\n26/11/03 21:30\n合計 8,800円").date == "2026-11-03"
    assert found("ÖSSZESEN: 12 495 Ft\n26.11.03").date == "2026-11-03"
    assert found("LIDL, MALMÖ\n26-11-03 15:20\nAtt betala 68,40 kr").date == "2026-11-03"
    assert found("LIDL, MALMÖ\n03/11/26 15:20\nAtt betala 68,40 kr").date == "2026-11-03"
    assert found("SHOP GmbH\n26/11/03\nTOTAL EUR 5,00").date == "2003-11-26"


def test_a_shared_sign_is_that_of_the_country_which_something_else_tells():
    assert find_home(["kr 50,00", "STORGATAN 1, MALMÖ"]).currency == "SEK"
    assert find_home(["kr 50,00", "TLF +47 22 12 34 56"]).currency == "NOK"
    assert find_home(["¥ 500", "お釣り", "小計", "合計"]).currency == "JPY"
    assert find_home(["¥ 5.00", "找零", "微信支付", "谢谢"]).currency == "CNY"
    assert find_home(["kr 50,00"]).currency is None


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (["IVA 16% 1.38"], "MXN"),
        (["IVA 22% 1.38"], None),  # Italy's and Uruguay's
        (["TVA 1.38"], None),
        (["MODA CAD."], None),
        (["TOTAL CAD", "5.00"], "CAD"),
        (["VATable Sales 5.00"], None),
        (["Sales Tax 5.00"], None),
        (["Sales Tax $5.00"], "USD"),
        (["VISO MOKĖTI 5,00", "GRYNIEJI 5,00"], "EUR"),
        (["ФЛОТ", "ИТОГО 5.00", "НАЛИЧНЫМИ 5.00", "СДАЧА 0.00"], "RUB"),
        (["TEL +54 11 4321 1234"], "ARS"),
        (["www.bakery.co.za"], "ZAR"),
        (["THE ROAST CHINA TURKEY 5.00"], None),
    ],
)
def test_no_single_word_of_a_sentence_makes_a_currency(texts, code):
    assert find_home(texts).currency == code


def test_each_language_of_a_country_has_a_file():
    assert {x for file in COUNTRIES.values() for x in file.get("languages", ())} <= set(LANGUAGES)


SURINAME = """# Suriname
languages = ["nl"]
phone = "597"

[currency]
code = "SRD"
signs = ["SRD$"]
words = ["paramaribo"]

[legal]
prefixes = ["LLC"]
"""


@pytest.mark.slow
def test_a_new_country_is_one_file(tmp_path):
    shutil.copytree(ROOT / "fields", tmp_path / "fields")
    shutil.copy(ROOT / "result.py", tmp_path)
    (tmp_path / "fields/lexicon/countries/SR.toml").write_text(SURINAME, "utf-8")
    code = (
        "from fields.receipt import read_receipt; from fields.text import rows_from_text\n"
        "for text in ('SHOP\\nTOTAL SRD$ 12.50', 'SHOP, PARAMARIBO\\nTOTAL SRD 12'):\n"
        "    found = read_receipt(rows_from_text(text)); print(found.currency, found.total)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout == "SRD 12.50\nSRD 12\n", ran.stderr


def test_each_month_is_read():
    for name, file in LANGUAGES.items():
        for number, names in enumerate(file.get("dates", {}).get("months", ()), 1):
            for month in names:
                assert parse_date(f"3 {month} 2020") == f"2020-{number:02}-03", (name, month)


def test_no_name_is_that_of_two_months():
    years = [file["dates"]["months"] for file in LANGUAGES.values() if "months" in file["dates"]]
    assert {len(year) for year in years} == {12}
    for one, other in combinations(range(12), 2):
        names = [{name.lower() for year in years for name in year[n]} for n in (one, other)]
        assert names[0] & names[1] == set()


def found(text):
    return read_receipt(rows_from_text(text))


def test_no_street_is_a_currency_once_it_is_in_latin_letters():
    """Words are looked for by the Latin letters they look like: \u0433\u0440 is rp."""
    codes = {file["currency"]["code"].lower() for file in COUNTRIES.values() if "currency" in file}
    marks = CURRENCY_NAMES | codes
    folded = {word: plain(word) for word in words("merchant", "streets") if not word.isascii()}
    assert [word for word, latin in folded.items() if latin in marks] == []


FACTS = {"month_first", "year_first", "cash_rounding", "languages", "phone", "tax"}


def row(text):
    return read_rows([[Line(text)]])[0]


def heading(*words):
    """A row with each of the words in a column of its own."""
    boxes = [(200 * n, 0, 200 * n + 100, 20) for n in range(len(words))]
    return read_rows([[Line(word, box=box) for word, box in zip(words, boxes, strict=True)]])[0]


def as_name(text):
    """What is seen of a row that may be the merchant's name."""
    return find_names([row(text)])[0].features


def is_name(name, head):
    texts = [found.text for found in find_names(list(map(row, head.splitlines())))]
    return re.sub(r"\W", "", name) in [re.sub(r"\W", "", text) for text in texts]


def as_date(text):
    return find_possible_dates([row(text)], Home(None))[0].features


def is_street(text):
    return found(f"ANNA BERG LTD\n{text}").merchant_address == text


OF_A_CURRENCY = {"words", "before", "behind", "before_cents", "signs"}
OF_A_CURRENCY |= {"hints", "shared", "shared_before"}
TAX_IDS = ("12345678", "ATU12345678", "1234567/A/M/000", "100000000000003")
CHECKS = {  # what tells that the word of a section's key is understood
    "labels.ordinary": lambda word: topics(f"{word} XYLOPHONE 2.50") == frozenset(),
    "labels.beside": lambda word: topics(f"TIP {word} 2.50") >= {"tip"},
    "labels.inside": lambda word: str(found(f"TEA 8.00\nGST {word} TOTAL 8.44").total) != "8.44",
    "labels.short": lambda word: topics(f"{word[:-1]}x") == topics(word),
    "dates.date": lambda word: as_date(f"{word} 05/06/2020")["date word"],
    "dates.other_date": lambda word: as_date(f"{word} 05/06/2020")["other word"],
    "dates.ordinals": lambda word: parse_date(f"March 3{word}, 2020") == "2020-03-03",
    "dates.joining": lambda word: parse_date(f"3 {word} mayo {word} 2020") == "2020-05-03",
    "dates.separators": lambda word: parse_date(f"2020{word}5{word}3") == "2020-05-03",
    "currency.marks": lambda word: find_amounts(f"{word} 5")[0].is_money,
    "currency.glued": lambda word: topics(f"TOTAL{word} 5.00") >= {"total"},
    "numbers.receipt": lambda word: found(f"SHOP\n{word} A-00123").receipt_number == "A-00123",
    "numbers.order": lambda word: (
        found(f"SHOP\n{word} A-00123\nInvoice B-7").receipt_number == "A-00123"
        and found(f"SHOP\n{word} A-00123\nInvoice B-456").receipt_number == "B-456"
    ),
    "numbers.payment": lambda word: (
        found(f"SHOP\n{word} A-00123\nOrder B-456").receipt_number == "B-456"
    ),
    "numbers.terminal": lambda word: (
        found(f"TOTAL 5.00\nVisa 5.00 {word}: ****4419\n****3308").card_last4 == "3308"
    ),
    "numbers.number": lambda word: found(f"SHOP\nBill {word} A-00123").receipt_number == "A-00123",
    "numbers.phone": lambda word: found(f"SHOP\n{word} 0207946000").merchant_phone == "0207946000",
    "numbers.tax_id": lambda word: any(tax_id_in(f"{word}: {number}") for number in TAX_IDS),
    "numbers.tax_id_start": lambda word: (
        TAX_ID.sub(r"<\g<number>>", f"{word}12345678") == f"<{word}12345678>"
    ),
    "numbers.stdnum": lambda name: any(get_cc_module(code.lower(), name) for code in COUNTRIES),
    "labels.paid": lambda word: found(f"TOTAL 5.00\n{word} 5.00").payment_method is None,
    "numbers.tax_number": lambda word: (
        found(f"SHOP\nVAT {word} 12345678").merchant_tax_id == "12345678"
    ),
    "numbers.registration": lambda word: is_name("OAK LTD", f"OAK LTD ({word} 123456-X"),
    "numbers.company": lambda word: not find_names([row(f"{word} No SA 17")]),
    "numbers.identity": lambda word: not is_street(f"Jalan {word} 123456"),
    "merchant.business": lambda word: as_name(f"OAK & {word}")["businesses"],
    "merchant.filling": lambda word: as_name(f"{word} HOTEL")["only business"],
    "merchant.streets": is_street,
    "items.things": lambda word: columns_below(heading(word, "Qty"))[0].kind == "name",
    "merchant.premises": lambda word: (
        found(f"OAK LTD\n{word} 12 Green Oaks").merchant_address == f"{word} 12 Green Oaks"
    ),
    "merchant.states": lambda code: (
        found(f"OAK LTD\n1 Rua Nova\nPINHAL - {code}").merchant_address
        == f"1 Rua Nova, PINHAL - {code}"
    ),
    "merchant.places": is_street,
    "merchant.street_endings": lambda word: is_street(f"Haupt{word} 1"),
    "merchant.addressed": lambda word: is_street(f"{word}: 12 Main Street"),
    "merchant.names": lambda word: not find_names([row(word)]),
    "merchant.greeting": lambda word: is_name("GREEN OAK LTD", f"{word} GREEN OAK LTD"),
    "merchant.former": lambda word: is_name("GREEN OAK LTD", f"GREEN OAK LTD ({word} PINE)"),
    "merchant.numbered": lambda word: not find_names([row(f"{word} # NY-17")]),
    "merchant.not_a_name": lambda word: as_name(f"{word} OAK")["not a name"],
    "merchant.sentence": lambda word: as_name(f"OAK {word}")["sentence words"],
    "merchant.networks": lambda name: (
        not any(n.features["web name"] for n in find_names([row(f"www.{name}.com")]))
    ),
    "merchant.chains": lambda name: as_name(name.replace("'", ""))["chain"],
    "merchant.domains": lambda name: as_name(f"www aldi.{name}")["web"],
    "legal.forms": lambda form: as_name(f"GREEN OAK {form}")["form"],
    "legal.mandatory": lambda form: as_name(f"GREEN OAK {form}")["form by law"],
    "legal.words": lambda form: as_name(f"GREEN OAK {form}")["certain form"],
    "legal.ordinary": lambda form: as_name(f"GREEN OAK {form}")["form"],
    "legal.initials": lambda form: as_name(f"GREEN OAK {form} (123456-X)")["certain form"],
    "legal.partners": lambda form: as_name(f"OAK & {form}")["certain form"],
    "legal.prefixes": lambda form: as_name(f"{form} GREEN OAK")["certain form"],
    "labels.tax_table": lambda word: find_candidates(
        list(map(row, ["TOTAL 9.00", f"TAX {word} XYZ", "TOTAL 12.00"]))
    )[-1].features["in tax table"],
    "items.pieces": lambda word: found(f"SHOP\n2 {word} MILK 2.50").items[0].quantity == 2,
    "items.codes": lambda word: (
        found(f"SHOP\nASPIRIN\n{word} 16197878 2.50").items[0].description == "ASPIRIN"
    ),
    "items.units": lambda word: found(f"SHOP\nMILK 5.00\n2 {word} x 2.50").items[0].quantity == 2,
    "items.quantity": lambda word: (
        found(f"SHOP\n{word}\n2 MILK 2.50\nAB 1.00\nCD 1.00\nEF 1.00").items[0].quantity == 2
    ),
    "items.each": lambda word: (
        found(f"A PEN 5.00\n(2.50 {word})\nTOTAL 5.00").items[-1].quantity == 2
    ),
    "items.former": lambda word: len(found(f"A PEN 5.00\n{word} 7.00\nTOTAL 5.00").items) == 1,
    "items.headings": lambda word: found(f"TEL 0207946000\n{word} A item\n12345 2.50").items == (),
    "items.tax_codes": lambda code: found(f"SHOP\nMILK {code} 2.50").items[0].description == "MILK",
    "dates.afternoon": lambda word: find_time(f"{word}6:22") == "18:22",
    "dates.clock": lambda word: find_time(f"12.50 {word}") == "12:50",
}
LISTS = [
    (section, key)
    for section in sorted({name for file in FILES.values() for name in file} - {"topics"} - FACTS)
    for key in sorted({key for _, key, _ in entries(section)} - OF_A_CURRENCY)
]


@pytest.mark.slow
@pytest.mark.parametrize(("section", "key"), LISTS)
def test_each_word_is_understood(section, key):
    assert f"{section}.{key}" in CHECKS, "add a line to CHECKS that says what the key is for"
    understands, lost = CHECKS[f"{section}.{key}"], []
    for word in words(section, key):
        try:
            if not understands(word.strip("*").replace("?", "a")):
                lost.append(word)
        except LookupError:  # nothing was found
            lost.append(word)
    assert lost == []


def test_a_pattern_without_a_word_in_any_file_is_refused():
    with pytest.raises(KeyError, match=r"no file of fields/lexicon has <numbers\.fone>"):
        filled(r"\b<numbers.fone>\b")


def test_the_order_of_words_does_not_depend_on_the_files():
    assert words("topics", "total", "grand") == sorted(set(words("topics", "grand", "total")))


def test_each_name_of_a_countrys_tax_is_a_label_of_tax():
    names = [name for file in COUNTRIES.values() for name in file.get("tax", {}).get("names", ())]
    assert len(names) > 80
    assert [name for name in names if "tax" not in row(f"{name} 10% 7.00").topics] == []
