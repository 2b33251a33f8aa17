"""The examples are those of the published formats, else those of the makers of tills."""

import re
from base64 import b64decode, b64encode
from datetime import date
from decimal import Decimal

import pytest

from fields.codes import read_code

TSE = (
    "V0;955002-00;Kassenbeleg-V1;Beleg^0.00_2.55_0.00_0.00_0.00^2.55:Bar;18;112;"
    "2019-07-10T18:41:04.000Z;2019-07-10T18:41:04.000Z;ecdsa-plain-SHA256;unixTime;"
    "MEQCIAy4P9k+7x9saDO0uRZ4El8QwN+qTgYiv1DIaJIMWRiuAiAt+saFDGjK2Yi5Cxgy7PprXQ5O0seRgx4ltdpW9REvwA"
    "==;BHhWOeisRpPBTGQ1W4VUH95TXx2GARf8e2NYZXJoInjtGqnxJ8sZ3CQpYgjI+LYEmW5A37sLWHsyU7nSJUBemyU="
)
RKSV = (
    "_R1-AT1_DEMO-CASH-BOX426_776740_2015-10-14T18:20:23_53,45_6,61_0,00_47,65_3,33_NGGrKn6Kq3c="
    "_8645153189157718879_bacPpqE/lw4="
)
ATCUD = (
    "A:123456789*B:999999990*C:PT*D:FS*E:N*F:20190812*G:FS CDVF/12345*H:CDF7T5HD-12345*I1:PT"
    "*I7:0.65*I8:0.15*N:0.15*O:0.80*Q:YhGV*R:9999*S:NU;0.80"
)
ATCUD_LONG = (
    "A:123456789*B:999999990*C:PT*D:FT*E:N*F:20191231*G:FT AB2019/0035*H:CSDF7T5H-0035*I1:PT"
    "*I2:12000.00*I3:15000.00*I4:900.00*I5:50000.00*I6:6500.00*I7:80000.00*I8:18400.00*J1:PT-AC"
    "*J2:10000.00*J3:25000.56*J4:1000.02*J5:75000.00*J6:6750.00*J7:100000.00*J8:18000.00*K1:PT-MA"
    "*K2:5000.00*K3:12500.00*K4:625.00*K5:25000.00*K6:3000.00*K7:40000.00*K8:8800.00*L:100.00"
    "*M:25.00*N:64000.02*O:513600.58*P:100.00*Q:kLp0*R:9999"
    "*S:TB;PT00000000000000000000000;513500.58"
)
AEAT = "https://www2.agenciatributaria.gob.es/wlpl/TIKE-CONT/ValidarQR"
VERIFACTU = f"{AEAT}?nif=89890001K&numserie=12345678%26G33&fecha=01-09-2024&importe=241.4"
NO_VERIFACTU = VERIFACTU.replace("QR?", "QRNoVerifactu?").replace("%26", "-")
TICKETBAI = "https://batuz.eus/QRTBAI/?id=TBAI-00000006Y-251019-btFpwP8dcLGAF-237&s=T&nf=27174&i=4.70&cr=007"
CROATIA = (
    "https://porezna.gov.hr/rn?jir=2e1a1bb7-6eca-4b5e-8ff5-2dd2c3d6e4f0&datv=20240518_1423&izn="
)
RUSSIA = "t=20190406T104300&s=641.93&fn=9289000100110273&i=80715&fp=1246602073&n=1"
ZATCA = (
    "AQxCb2JzIFJlY29yZHMCDzMxMDEyMjM5MzUwMDAwMwMUMjAyMi0wNC0yNVQxNTozMDowMFoEBzEw"
    "MDAuMDAFBjE1MC4wMA=="
)
TAIWAN = (
    "AB112233441020523999900000144000001540000000001234567ydXZt4LAN1UHN/j1juVcRA=="
    ":**********:3:3:1:乾電池:1:105:"
)
NFCE = "43210193015006003996651230003165881244534711"
NFCE_URL = (
    f"https://www.sefaz.rs.gov.br/NFCE/NFCE-COM.aspx?p={NFCE}%7C2%7C1%7C1%7C"
    "816163C18D6D59DB901C3CAC9DE3D4776283E09B"
)
NFCE_OFFLINE = f"http://www.fazenda.pr.gov.br/nfce/qrcode?p={NFCE}|2|1|29|60.90|797A475844|1|B9CDFF"
NFCE_FIRST = (
    "http://www.dfeportal.fazenda.pr.gov.br/dfe-portal/rest/servico/consultaNFCe?"
    "chNFe=41170410422724000187650010000005101000010235&nVersao=100&tpAmb=2"
    "&dhEmi=323031372d30342d31325431373a31343a30372d30333a3030&vNF=1500.00&vICMS=0.00"
    "&digVal=45433541594a33337247436131674a757967656d4c337550426b493d&cIdToken=000001"
    "&cHashQRCode=7BD57045E529D6F14D97F1BAE333D35B27921441"
)
QR_BILL = """SPC
0200
1
CH4431999123000889012
S
Robert Schneider AG
Rue du Lac
1268
2501
Biel
CH







1949.75
CHF
S
Pia-Maria Rutschmann-Schnyder
Grosse Marktgasse
28
9400
Rorschach
CH
QRR
210000000003139471430009017
Order of 15 June 2020
EPD
//S1/10/10201409/11/200701/20/140.000-53/30/102673831/31/200615/32/7.7/33/7.7:139.40/40/0:30
Name AV1: UV;UltraPay005;12345
Name AV2: XY;XYService;54321"""
EPC = "BCD\n002\n1\nSCT\nBPOTBEB1\nRed Cross\nBE72000000001616\nEUR1\nCHAR\n\nUrgency fund\nSample"
SPAYD = (
    "SPD*1.0*ACC:CZ5855000000001265098001*AM:480.50*CC:CZK*RF:7004139146*X-SS:1234567890"
    "*DT:20120524*MSG:PLATBA ZA ZBOZI"
)
SPAYD_CHECKED = "SPD*1.0*ACC:CZ5855000000001265098001*CC:CZK*AM:100.00*CRC32:AAD80227"
SPAYD_INVOICE = (
    "SPD*1.0*ACC:CZ3103000000270016060243*AM:9535.00*CC:CZK*DT:20161217*X-VS:1234567890"
    "*X-INV:SID%2A1.0%2AID:1963/160/2015%2ADD:20161201%2ATP:0%2AVII:CZ60194383%2AINI:60194383"
)

EXAMPLES = {
    "a receipt of a German till, in summer": (TSE, "tse", "2019-07-10", "20:41", "2.55"),
    "a German one in winter": (TSE.replace("-07-", "-01-"), "tse", "2019-01-10", "19:41", "2.55"),
    "an Austrian one": (RKSV, "rksv", "2015-10-14", "18:20", "111.04"),
    "a Portuguese one": (ATCUD, "atcud", "2019-08-12", None, "0.80"),
    "a Portuguese one with all taxes": (ATCUD_LONG, "atcud", "2019-12-31", None, "513600.58"),
    "VERI*FACTU": (VERIFACTU, "verifactu", "2024-09-01", None, "241.4"),
    "no VERI*FACTU": (NO_VERIFACTU, "verifactu", "2024-09-01", None, "241.4"),
    "TicketBAI": (TICKETBAI, "ticketbai", "2019-10-25", None, "4.70"),
    "Croatia, in cents": (CROATIA + "1880", "fiskalizacija", "2024-05-18", "14:23", "18.80"),
    "Croatia, a comma": (CROATIA + "0018,80", "fiskalizacija", "2024-05-18", "14:23", "18.80"),
    "Russia": (RUSSIA, "fns", "2019-04-06", "10:43", "641.93"),
    "Russia, without seconds": (
        *(RUSSIA.replace("104300", "1043"), "fns"),
        *("2019-04-06", "10:43", "641.93"),
    ),
    "Saudi Arabia": (ZATCA, "zatca", "2022-04-25", None, "1000.00"),
    "Taiwan": (TAIWAN, "einvoice-tw", "2013-05-23", None, "340"),
    "Brazil": (NFCE_URL, "nfe", None, None, None),
    "Brazil, its key alone": (NFCE, "nfe", None, None, None),
    "Brazil, printed offline": (NFCE_OFFLINE, "nfe", "2021-01-29", None, "60.90"),
    "Brazil, the first version": (NFCE_FIRST, "nfe", "2017-04-12", "17:14", "1500.00"),
    "a Swiss bill": (QR_BILL, "qr-bill", "2020-07-01", None, "1949.75"),
    "a Swiss bill in DOS lines": (
        *(QR_BILL.replace("\n", "\r\n"), "qr-bill"),
        *("2020-07-01", None, "1949.75"),
    ),
    "a European payment": (EPC, "epc", None, None, "1"),
    "a Czech payment": (SPAYD, "spayd", None, None, "480.50"),
    "a Czech payment with its sum": (SPAYD_CHECKED, "spayd", None, None, "100.00"),
    "a Swiss bill without an amount": (
        *(QR_BILL.replace("1949.75", ""), "qr-bill", "2020-07-01", None, None),
    ),
    "an Austrian one that is cancelled": (
        *(RKSV.replace("_53,45_", "_-153,45_").replace("NGGrKn6Kq3c=", "U1RP"), "rksv"),
        *("2015-10-14", "18:20", "-95.86"),
    ),
    "a Czech payment of an invoice": (SPAYD_INVOICE, "spayd", "2016-12-01", None, "9535.00"),
}


@pytest.mark.parametrize(
    ("text", "name", "day", "time", "total"), EXAMPLES.values(), ids=EXAMPLES.keys()
)
def test_the_date_the_time_and_the_total_are_exact(text, name, day, time, total):
    found, fields = read_code(text)
    assert found == name
    assert (fields.get("date"), fields.get("time")) == (day, time)
    assert str(fields.get("total")) == str(total)  # the digits too: 4.70, not 4.7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RKSV, {"receipt_number": "776740", "currency": "EUR"}),
        (
            ATCUD,
            {
                "merchant_tax_id": "123456789",
                "receipt_number": "FS CDVF/12345",
                "tax": Decimal("0.15"),
            },
        ),
        (VERIFACTU, {"merchant_tax_id": "89890001K", "receipt_number": "12345678&G33"}),
        (TICKETBAI, {"merchant_tax_id": "00000006Y", "receipt_number": "27174"}),
        (CROATIA.replace("2024", "2022") + "1880", {"currency": "HRK"}),
        (RUSSIA, {"receipt_number": "80715", "currency": "RUB"}),
        (
            ZATCA,
            {
                "merchant": "Bobs Records",
                "merchant_tax_id": "310122393500003",
                "tax": Decimal("150.00"),
            },
        ),
        (
            TAIWAN,
            {
                "receipt_number": "AB11223344",
                "merchant_tax_id": "01234567",
                "currency": "TWD",
            },
        ),
        (
            NFCE_URL,
            {
                "merchant_tax_id": "93015006003996",
                "receipt_number": "316588",
                "month": "2021-01",
            },
        ),
        (
            QR_BILL,
            {
                "merchant": "Robert Schneider AG",
                "merchant_tax_id": "CHE-102.673.831",
                "receipt_number": "10201409",
                "currency": "CHF",
            },
        ),
        (EPC, {"merchant": "Red Cross", "currency": "EUR"}),
        (SPAYD_INVOICE, {"receipt_number": "1963/160/2015", "merchant_tax_id": "CZ60194383"}),
    ],
)
def test_a_code_names_the_issuer_and_the_number_where_its_format_has_them(text, expected):
    _, fields = read_code(text)
    assert {name: fields.get(name) for name in expected} == expected


def test_saudi_time_behind_a_z_may_be_local_so_it_is_not_taken():
    def code(issued):
        texts = ["Shop", "310122393500003", issued, "11.50", "1.50"]
        pairs = (bytes([tag, len(t)]) + t.encode() for tag, t in enumerate(texts, 1))
        return b64encode(b"".join(pairs)).decode()

    moments = {
        "2022-04-25T22:30:00Z": (None, None),  # or 01:30 on the next day
        "2022-04-25T20:30:00Z": ("2022-04-25", None),
        "2022-04-25T22:30:00": ("2022-04-25", "22:30"),
    }
    for issued, expected in moments.items():
        _, fields = read_code(code(issued))
        assert (fields.get("date"), fields.get("time")) == expected


def test_saudi_names_may_be_longer_than_127_bytes_however_their_length_is_written():
    texts = ["\u0645" * 65, "310122393500003", "2022-04-25T20:30:00Z", "11.50", "1.50"]
    for before in (b"", b"\x81"):
        pairs = (
            bytes([tag]) + before * (len(t.encode()) > 127) + bytes([len(t.encode())]) + t.encode()
            for tag, t in enumerate(texts, 1)
        )
        _, fields = read_code(b64encode(b"".join(pairs)).decode())
        assert (fields["merchant"], fields["total"]) == (texts[0], Decimal("11.50"))


@pytest.mark.parametrize("bill", ["//XX/10/1/11/200701", "//S1/10/A\\/B-1/11/200701"])
def test_the_data_of_a_swiss_bill_is_that_of_swico(bill):
    _, fields = read_code(re.sub("//S1/.*", lambda _: bill, QR_BILL))
    expected = ("A/B-1", "2020-07-01") if "S1" in bill else (None, None)
    assert (fields.get("receipt_number"), fields.get("date")) == expected


def test_the_issuer_in_a_brazilian_key_may_have_letters():
    key = "432607" + "12ABC34501DE35" + "650030003165881244534711"[:-1]
    known = [found for digit in "0123456789" if (found := read_code(key + digit))]
    assert len(known) == 1 and known[0][1]["merchant_tax_id"] == "12ABC34501DE35"


@pytest.mark.parametrize(
    "text",
    [
        "4006381333931",
        "https://www.example.com/survey?id=12&p=34",
        "WIFI:S:cafe;T:WPA;P:secret;;",
        "",
        TSE.replace("Beleg^", "AVBestellung^"),
        TSE.replace("2.55_", "two_"),
        TSE.replace("T18:41", "T38:41"),
        TSE[:60],
        RKSV[:70],
        RUSSIA.replace("20190406", "20191306"),
        NFCE[:-1] + "2",  # its check digit is 1
        CROATIA,
        QR_BILL.replace("1949.75", "1'949.75"),
        TAIWAN[:60],
        ZATCA[:40],
        b64encode(b64decode(ZATCA)[:-1]).decode(),
        ZATCA.replace("DzMx", "DzEx"),  # a VAT number begins and ends with 3
        TSE + ";more",
        TSE.replace("0.00_2.55", "2.55"),  # five rates
        RKSV.replace("NGGrKn6Kq3c=", "VFJB"),  # a training
        ATCUD.replace("E:N", "E:A"),  # cancelled
        VERIFACTU.replace("gob.es", "gob.es.example.com"),
        TICKETBAI.replace("4.70", "4.71"),
        TICKETBAI.replace("251019", "261019"),
        CROATIA.replace("gov.hr", "gov.hr.example.com") + "1880",
        TAIWAN.replace("==:", "==1"),
        QR_BILL.replace("9012", "9013"),
        EPC.replace("1616", "1617"),
        SPAYD.replace("8001", "8002"),
        SPAYD_CHECKED.replace("100.00", "900.00"),
    ],
)
def test_a_code_of_no_known_format_or_a_damaged_one_gives_nothing(text):
    assert read_code(text) is None


@pytest.mark.parametrize("text", [example[0] for example in EXAMPLES.values()])
def test_any_damage_to_a_code_leaves_nothing_or_fields_of_their_types(text):
    for start in range(0, len(text), 7):
        for damage in ("", "\0", "-", "9" * 5000, "\udcff", "é"):
            _, fields = read_code(text[:start] + damage + text[start + 3 :]) or ("", {})
            day, sums = fields.pop("date", None), [fields.pop(name, 0) for name in ("tax", "total")]
            assert day is None or str(date.fromisoformat(day)) == day
            assert all(Decimal(amount).is_finite() for amount in sums)
            assert all(type(value) is str for value in fields.values())


def test_what_cannot_be_printed_or_is_endless_does_not_get_into_a_field():
    name = "\x00\x1b[31mCaf\u00e9\u202e\t" + "\x07" * 1000 + "Corner" + "!" * 3000
    _, fields = read_code(f"BCD\n002\n1\nSCT\n\n{name}\nBE72000000001616\nEUR12.5")
    assert (
        fields["merchant"].startswith("[31mCaf\u00e9 Corner!!") and len(fields["merchant"]) == 300
    )
    assert read_code("BCD\n002\n1\nSCT\n\n" + "\x01" * 4000) is None
