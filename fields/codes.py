"""The fields that the codes on receipts and invoices hold, by their published formats. Pure.

A parser takes the text of one code. It returns the fields of a Receipt that the text holds, by
name and exactly as written, or None where the text is not of its format. Signatures are not
verified. An address is only taken apart, never fetched.
"""

import base64
import re
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from result import MAX_TEXT_LENGTH, one_line

Fields = dict[str, Any]
Parser = Callable[[str], Fields | None]

_AMOUNT = re.compile(r"-?\d{1,12}(?:[.,]\d{1,4})?")


def read_code(text: str) -> tuple[str, Fields] | None:
    """The name of the code's format and the fields it holds; None for any other code."""
    for name, parser in PARSERS.items():
        if fields := _read(parser, text.strip()):
            return name, fields
    return None


def germany(text: str) -> Fields | None:
    """The QR code of a TSE (Kassenbeleg-V1): the time in UTC, gross amounts by tax rate.

    DSFinV-K 2.4, appendix I, "QR-Code" and "processData"; § 6 KassenSichV.
    """
    parts = text.split(";")
    if len(parts) != 12 or parts[0] != "V0" or parts[2].lower() != "kassenbeleg-v1":
        return None
    kind, amounts, *_ = parts[3].split("^")
    if kind != "Beleg" or amounts.count("_") != 4:  # not an order, a training or a cancelled one
        return None
    finished = datetime.fromisoformat(parts[7])
    local = _central_european(finished if finished.tzinfo else finished.replace(tzinfo=UTC))
    return _moment(local) | {"currency": "EUR", "total": _sum(amounts.split("_"))}


def austria(text: str) -> Fields | None:
    """The machine-readable code of the RKSV: gross amounts by tax rate, in local time.

    Registrierkassensicherheitsverordnung, annex, numbers 10 and 13; "Festlegungen des BMF zu
    Detailfragen der RKSV", section 4.
    """
    parts = text.split("_")
    if len(parts) < 13 or parts[0] or not re.fullmatch(r"R\d-AT\d+", parts[1]):
        return None
    if parts[10] == "VFJB":  # TRA in base64: a training
        return None
    fields = {"currency": "EUR", "receipt_number": parts[3], "total": _sum(parts[5:10])}
    return _moment(datetime.fromisoformat(parts[4])) | fields


def portugal(text: str) -> Fields | None:
    """The QR code with the ATCUD: `A:` issuer, `F:` day, `G:` number, `N:` taxes, `O:` total.

    Portaria 195/2020; AT, "Especificações técnicas: código QR", version 1.1.
    """
    parts = dict(part.split(":", 1) for part in text.split("*") if ":" in part)
    if not text.startswith("A:") or not {"A", "F", "G", "H", "O", "Q", "R"} <= parts.keys():
        return None
    if parts.get("E") == "A":  # cancelled
        return None
    return {
        "merchant_tax_id": parts["A"],
        "receipt_number": parts["G"],
        "date": _day(parts["F"], "%Y%m%d"),
        "currency": "EUR",
        "tax": _amount(parts["N"]) if "N" in parts else None,
        "total": _amount(parts["O"]),
    }


def spain(text: str) -> Fields | None:
    """The address in the QR code of VERI*FACTU and of software that keeps its own records.

    AEAT, "Características del QR y especificaciones del servicio de cotejo", version 0.4.7;
    Orden HAC/1177/2024, articles 20 and 21.
    """
    host, path, query = _address(text)
    is_of_agency = re.search(r"(?:^|\.)(?:agenciatributaria\.gob|aeat)\.es$", host)
    if not is_of_agency or not re.search(r"/ValidarQR(?:NoVerifactu)?$", path):
        return None
    return {
        "merchant_tax_id": query["nif"],
        "receipt_number": query["numserie"],
        "date": _day(query["fecha"], "%d-%m-%Y"),
        "currency": "EUR",
        "total": _amount(query["importe"]),
    }


def basque_country(text: str) -> Fields | None:
    """The address in a TicketBAI code, whose `id` holds the issuer and the day; CRC-8 ends both.

    "TicketBAI: especificaciones del código identificativo TBAI y del código QR", annex of the
    Ordenes Forales of Araba, Bizkaia and Gipuzkoa (2020).
    """
    _, _, query = _address(text)
    found = re.fullmatch(r"(TBAI-(\w{9})-(\d{6})-.{13}-)(\d{3})", query.get("id", ""))
    address, _, check = text.partition("&cr=")
    if not found or int(found[4]) != _crc8(found[1]) or int(check) != _crc8(address):
        return None
    return {
        "merchant_tax_id": found[2],
        "receipt_number": query["nf"],
        "date": _day(found[3], "%d%m%y"),
        "currency": "EUR",
        "total": _amount(query["i"]),
    }


def croatia(text: str) -> Fields | None:
    """The address in a Croatian code: local time in `datv`, the total in `izn`, mostly in cents.

    Pravilnik o fiskalizaciji u prometu gotovinom, articles 18.a to 18.c (NN 146/12, 1/21).
    """
    host, _, query = _address(text)
    if not re.search(r"(?:^|\.)porezna(?:-uprava)?\.(?:gov\.)?hr$", host):
        return None
    issued = datetime.strptime(query["datv"], "%Y%m%d_%H%M")
    amount = _amount(query["izn"])
    return _moment(issued) | {
        "currency": "EUR" if issued.year >= 2023 else "HRK",
        "total": amount if re.search(r"[.,]", query["izn"]) else amount.scaleb(-2),
    }


def russia(text: str) -> Fields | None:
    """The QR code of a Russian receipt: `t` local time, `s` total, `i` number of the document.

    Order ЕД-7-20/662@ of the Federal Tax Service (fiscal document formats), tag 1196.
    """
    found = re.fullmatch(
        r"t=(?P<t>\d{8}T\d{4})(?:\d\d)?&s=(?P<s>[\d.]+)&fn=\d+&i=(?P<i>\d+)&fp=\d+&n=[1-4]", text
    )
    if not found:
        return None
    fields = {"receipt_number": found["i"], "currency": "RUB", "total": _amount(found["s"])}
    return _moment(datetime.strptime(found["t"], "%Y%m%dT%H%M")) | fields


def saudi_arabia(text: str) -> Fields | None:
    """The TLV of ZATCA in base64: seller, VAT number, time, total, VAT.

    "Detailed Guidelines for E-Invoicing", annex 2; "Security Features Implementation Standards",
    section 4. Tills write local time as often as UTC behind a Z: then only a day that is the same
    in both is taken.
    """
    values = _tlv(base64.b64decode(text, validate=True))
    if not {1, 2, 3, 4, 5} <= values.keys() or not re.fullmatch(r"3\d{13}3", values[2]):
        return None
    issued = datetime.fromisoformat(values[3])
    moment = _moment(issued)
    if issued.tzinfo:
        moment = {"date": moment["date"]} if issued.hour < 21 else {}
    return moment | {
        "merchant": values[1],
        "merchant_tax_id": values[2],
        "currency": "SAR",
        "tax": _amount(values[5]),
        "total": _amount(values[4]),
    }


def taiwan(text: str) -> Fields | None:
    """The left QR code of an electronic invoice: 77 characters, amounts in hexadecimal.

    Ministry of Finance, 電子發票證明聯一維及二維條碼規格說明. The year is that of the Republic.
    """
    found = re.match(
        r"(?P<number>[A-Z]{2}\d{8})(?P<year>\d{3})(?P<day>\d{4})\d{4}[\dA-F]{8}(?P<total>[\dA-F]{8})"
        r"\d{8}(?P<seller>\d{8})[\w+/]{22}==(?::|$)",
        text,
    )
    if not found:
        return None
    return {
        "merchant_tax_id": found["seller"],
        "receipt_number": found["number"],
        "date": _day(f"{int(found['year']) + 1911}{found['day']}", "%Y%m%d"),
        "currency": "TWD",
        "total": Decimal(int(found["total"], 16)),
    }


def brazil(text: str) -> Fields | None:
    """The access key of an NFC-e or NF-e, alone or in an address, with its total where it has one.

    "Manual de Especificações Técnicas do DANFE NFC-e e QR Code", versions 4.1 and 6.0: the key is
    state 2, year and month 4, issuer 14, model 2, series 3, number 9, ... digits; issuers may have
    letters since July 2026 (Nota Técnica 2025.001). Only a receipt that was printed offline (and
    version 1.00 of the code) holds the day and the total too. `month` is no field of a receipt, and
    what its date is checked against.
    """
    _, _, query = _address(text)
    key, *rest = query.get("p", query.get("chNFe", text)).split("|")
    is_key = re.fullmatch(r"\d{6}[\dA-Z]{12}\d{2}(?:55|65)\d{22}", key)
    if not is_key or not _has_check_digit(key):
        return None
    fields: Fields = {
        "merchant_tax_id": key[6:20],
        "receipt_number": key[25:34].lstrip("0"),
        "month": _day(key[2:6], "%y%m")[:7],
    }
    if "dhEmi" in query:
        issued = datetime.fromisoformat(bytes.fromhex(query["dhEmi"]).decode())
        fields |= _moment(issued) | {"total": _amount(query["vNF"])}
    if len(rest) == 7:  # version, environment, day, total, ...
        fields |= {"date": _day(key[2:6] + rest[2], "%y%m%d"), "total": _amount(rest[3])}
    return fields | {"currency": "BRL"}


def switzerland(text: str) -> Fields | None:
    """The QR-bill: the creditor, what is to be paid, and the invoice's data after //S1.

    SIX, "Swiss Implementation Guidelines QR-bill", version 2.3; Swico, "Syntaxdefinition der
    Rechnungsinformationen (S1)": 10 number, 11 day, 30 UID.
    """
    lines = [*text.splitlines(), *[""] * 32]
    if lines[0] != "SPC" or lines[30] != "EPD" or not _is_iban(lines[3]):
        return None
    parts = re.split(r"(?<!\\)/", lines[31])
    is_swico = parts[:3] == ["", "", "S1"]
    bill = dict(zip(parts[3::2], parts[4::2], strict=False)) if is_swico else {}
    return {
        "merchant": lines[5],
        "merchant_tax_id": re.sub(r"^(\d{3})(\d{3})(\d{3})$", r"CHE-\1.\2.\3", bill.get("30", "")),
        "receipt_number": re.sub(r"\\(.)", r"\1", bill.get("10", "")),
        "date": _day(bill["11"], "%y%m%d") if "11" in bill else None,
        "currency": lines[19],
        "total": _amount(lines[18]) if lines[18] else None,
    }


def epc(text: str) -> Fields | None:
    """The European payment code (GiroCode): whom to pay, and how many euros.

    European Payments Council, EPC069-12, version 3.1.
    """
    lines = [*text.splitlines(), *[""] * 8]
    if lines[0] != "BCD" or lines[3] not in ("SCT", "INST") or not _is_iban(lines[6]):
        return None
    if not lines[7].startswith("EUR"):
        return {"merchant": lines[5]}
    return {"merchant": lines[5], "currency": "EUR", "total": _amount(lines[7][3:])}


def spayd(text: str) -> Fields | None:
    """The Czech and Slovak payment code, with the invoice's data in X-INV (QR Faktura).

    qr-platba.cz, "Short Payment Descriptor", version 1.0; qr-faktura.cz, "Short Invoice
    Descriptor": ID number, DD day of issue, VII VAT number. DT is the day to pay, not used. A
    CRC32, where there is one, is that of all other attributes in the order of their names.
    """
    if not text.startswith(("SPD*1.0*", "SID*1.0*")):
        return None
    outer = _descriptor(text)
    rows = sorted(part for part in text[8:].split("*") if part and not part.startswith("CRC32:"))
    check = zlib.crc32("*".join([text[:7], *rows]).encode())
    account = outer.get("ACC", "" if text.startswith("SPD") else None)
    is_damaged = "CRC32" in outer and int(outer["CRC32"], 16) != check
    if is_damaged or (account is not None and not _is_iban(account.partition("+")[0])):
        return None
    inner = outer | _descriptor(outer.get("X-INV", ""))
    return {
        "merchant": outer.get("RN"),
        "merchant_tax_id": inner.get("VII"),
        "receipt_number": inner.get("ID"),
        "date": _day(inner["DD"], "%Y%m%d") if "DD" in inner else None,
        "currency": inner.get("CC", "CZK"),
        "total": _amount(inner["AM"]) if "AM" in inner else None,
    }


PARSERS: dict[str, Parser] = {
    "tse": germany,
    "rksv": austria,
    "atcud": portugal,
    "verifactu": spain,
    "ticketbai": basque_country,
    "fiskalizacija": croatia,
    "fns": russia,
    "zatca": saudi_arabia,
    "einvoice-tw": taiwan,
    "nfe": brazil,
    "qr-bill": switzerland,
    "epc": epc,
    "spayd": spayd,
}
PAYMENTS = {"qr-bill", "epc", "spayd"}  # what is to be paid: it may be a part of the total


def _read(parser: Parser, text: str) -> Fields:
    """The fields that are there; none where the text is not of the format, or breaks it."""
    try:
        fields = parser(text) or {}
    except (ValueError, ArithmeticError, LookupError):
        return {}
    for name, value in fields.items():
        if isinstance(value, str):
            fields[name] = one_line(value)[:MAX_TEXT_LENGTH]
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"expected an amount, found {text!r}")
    return Decimal(text.replace(",", "."))


def _sum(amounts: Sequence[str]) -> Decimal:
    return sum(map(_amount, amounts), Decimal(0))


def _day(text: str, form: str) -> str:
    return f"{datetime.strptime(text, form):%Y-%m-%d}"


def _moment(moment: datetime) -> Fields:
    return {"date": f"{moment:%Y-%m-%d}", "time": f"{moment:%H:%M}"}


def _central_european(moment: datetime) -> datetime:
    """The time on the clocks of Berlin, by directive 2000/84/EC.

    Computed: not every machine has a database of time zones.
    """
    utc = moment.astimezone(UTC)
    starts, ends = (_last_sunday(utc.year, month) for month in (3, 10))
    return utc + timedelta(hours=2 if starts <= utc < ends else 1)


def _last_sunday(year: int, month: int) -> datetime:
    """01:00 UTC on the last Sunday of a month of 31 days."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=last.isoweekday() % 7)


def _address(text: str) -> tuple[str, str, dict[str, str]]:
    """The host, the path and the query of an address; empty ones where the text is none."""
    if not re.match(r"https?://", text, re.IGNORECASE):
        return "", "", {}
    parts = urlsplit(text)
    query = parse_qs(parts.query, keep_blank_values=True)
    return parts.hostname or "", parts.path, {name: values[0] for name, values in query.items()}


def _tlv(data: bytes) -> dict[int, str]:
    """The texts by tag: each is a byte for the tag, one for the length, and that many bytes.

    Some tills write a length over 127 as DER does, with 81 before it: it is read so where the
    other way does not end with the data. Raises ValueError where neither does.
    """
    with suppress(ValueError):
        return _tagged(data, before_length=-1)
    return _tagged(data, before_length=0x81)


def _tagged(data: bytes, before_length: int) -> dict[int, str]:
    values, start = {}, 0
    while start < len(data):
        tag, place = data[start], start + 1 + (data[start + 1] == before_length)
        text, start = data[place + 1 : place + 1 + data[place]], place + 1 + data[place]
        if tag <= 5:  # those behind are hashes and signatures
            values[tag] = text.decode()
    if start > len(data):
        raise ValueError(f"expected {start} bytes, found {len(data)}")
    return values


def _crc8(text: str) -> int:
    """The CRC-8 of a text, polynomial 7, as TicketBAI has it."""
    check = 0
    for byte in text.encode():
        check ^= byte
        for _ in range(8):
            check = (check << 1 ^ (7 if check & 128 else 0)) & 255
    return check


def _is_iban(text: str) -> bool:
    """Whether it is as long as an account's number, and has its check digits (ISO 13616)."""
    number = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d\d[\dA-Z]{11,30}", number):
        return False
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1


def _has_check_digit(key: str) -> bool:
    """Whether the last digit of an access key is right: modulo 11 with weights 2 to 9 from the end.

    A letter counts as its ASCII code less 48, as a digit does.
    """
    rest = sum((ord(sign) - 48) * (2 + n % 8) for n, sign in enumerate(key[-2::-1])) % 11
    return int(key[-1]) == (0 if rest < 2 else 11 - rest)


def _descriptor(text: str) -> dict[str, str]:
    """The attributes of a Short Payment or Invoice Descriptor."""
    parts = (part.partition(":") for part in text.split("*"))
    return {name: unquote(value) for name, _, value in parts if value}
