"""Where the shop is, and its numbers: address, telephone, tax number."""

import pytest

from fields.contacts import find_phone
from fields.labels import read_rows
from fields.receipt import read_receipt
from fields.tax_ids import find_tax_id, is_misread, tax_id_in
from fields.text import rows_from_text
from result import Line


def read(text):
    return read_receipt(rows_from_text(text))


def address_of(rows):
    return read(f"GREEN LEAF LTD\n{rows}\nTEA 1.00\nTOTAL 1.00").merchant_address


@pytest.mark.parametrize(
    "rows",
    [
        "386 Rt 9W\nGlenmont, NY 12077",
        "8930 Mission Dr. #102\nRosemead,CA 91770",
        "8610 GARFIELD AVE.\nSOUTH GATE, CA. 90280",
        "4503 NW 23rd\nOklahoma City, OK",
        "1305 Marine Drive\nWest Vancouver, BC V7T 1B6",
        "8-13 Black Lion Street\nBrighton\nBN1 1ND",
        "12 Station Road\nCambridge CB1 2JW",
        "12 Smith Street\nMelbourne VIC 3000",
        "3 Pearse Street\nDublin 2 D02 X285",
        "100 Feet Road\nBengaluru - 560001",
        "東京都渋谷区道玄坂2-10-1",
        "Rua Augusta 1200\n01305-000 São Paulo",
        "27. Westcoast Highway\nSINGAPORE 117867",
        "Max Euweplein 59-61\nNL-1017 MA Amsterdam",
        "Storgata 5\n0155 Oslo",
        "Av. da República 15A\n1050-185 Lisboa",
        "ul. Dluga 8\n31-147 Krakow",
        "C/ LARGA 2\n41001 Sevilla",
        "NO.50, JALAN PBS 14/11,\nKAWASAN PERINDUSTRIAN BUKIT,\n43300 SERI KEMBANGAN",
        "1-1-24 JALAN TUN AWANG\n11900 Bayan Lepas",
        "CNR COLERIDGE & WILLIAMSON AVE",
        "Nizampet Cross Road, Kukatpally, Hyderabad",
        "Blk 184 Toa Payoh Central\nSingapore 310184",
        "Grønland 12\n0188 Oslo",
        "R. Voluntarios da Patria, 2210 - Santana\nSao Paulo - SP CEP 02402-100",
        "AV. INSURGENTES SUR 1440\nC.P. 03230 CIUDAD DE MEXICO",
        "Av. Juarez 88\nMazatlán, Sin. 82000",
        "22 Hàng Giấy, Hoàn Kiếm, Hà Nội",
        "서울 마포구 망원로 62",
        "Alamat: Jl. Panjang 21",
        "12 Sukhumvit Road\nBangkok 10110",
        "Terminal 2, Sydney Airport, Mascot NSW 2020",
        "Station Road, March PE15 8QY",
        "22 Mount Desert Street\nBar Harbor, Maine 04609",
        "DIC Building Road 12\nDubai, UAE",
        "Strandgata 5\n101 Reykjav\u00edk",
        "Brink 40a, Deventer",
        "Belgrano 642 - Rosario, Santa Fe",
        "Brink 20, 7411 BT Deventer",
        "Albert Cuypmarkt kraam 214\nAmsterdam",
        "Vinohradská 149/1934\n130 00 Praha 3",
        "Av. San Martin 1845\n(1416) Ciudad A. de Buenos Aires",
        "RUA DAS ACACIAS, 455 - CENTRO\nCAMPINAS - SP",
        "Elizabetes iela 65, Rīga\nLV-1050",
        "Cra 50 # 38-22 Medellín - Antioquia",
        "JR. UNION 471 - TRUJILLO",
        "#14, SP Road, Bengaluru 560002, Karnataka",
        "S.No. 114, Baner Road, Pune - 411045",
        "G/F Market Place, BGC, Taguig City",
        "SHOP 12 WONDERPARK CENTRE, PRETORIA NORTH",
        "NO.50, JALAN PBS 14/11,\nKAWASAN PERINDUSTRIAN BUKIT SERDANG",
        "No.1,\nJln Puteri 1/6,\n47100 Puchong",
        "33-G JALAN MAJU 3/1\nCHERAS, 56100 KL",
        "JL. KALIURANG KM 5,6 NO 22\nSLEMAN YOGYAKARTA",
        "412 Great North Rd, Grey Lynn\nAuckland 1021",
        "Quinta da Torre, 2785-599 S. D. RANA",
        "\u0395\u03a1\u039c\u039f\u03a5 63 \u0392\u039f\u039b\u039f\u03a3 \u03a4.\u039a. 38221",
        "12 Market Street\nKinsale, Co. Cork",
        "3/F Green Building",
    ],
)
def test_the_rows_of_an_address_are_taken_and_those_between_them(rows):
    assert address_of(rows) == ", ".join(row.strip(" ,") for row in rows.splitlines())


@pytest.mark.parametrize(
    "row",
    [
        *("Tbl 34/1 Chk 2763 Gst 2", "2/3 1885 GST 2", "Pork P", "Product Sale Unit Final"),
        *("p. 0105 376 200", "AVENUE SUPERMARTS LTD", "RC 88123 Lane 8 26/03/26 17:22"),
        *("Cafe 1771", "Table 12", "Số: HD004417 Bàn: 05", "Barreira: GRIJO Via 11"),
        *("Dr. Katrin Vogel", "Le Grand Cerf", "So Good"),
        *("GST ID : 7", "P.Iva 22", "TR-1042", "Anna - MK"),
        *("3: 0942 Rdol magna 17.0", "GST ID No: 001092886528", "STORE: 25188 REGISTER:002"),
    ],
)
def test_a_row_of_the_till_is_no_address_and_ends_one(row):
    assert address_of(row) is None
    assert (
        address_of(f"1 Main Street\nAustin, TX 78701\n{row}") == "1 Main Street, Austin, TX 78701"
    )


@pytest.mark.parametrize(
    ("printed", "read_as"),
    [
        ("22 Haverhi11 Rd", "22 Haverhill Rd"),
        ("Hauptstr10b, 12345 Berlin", "Hauptstr10b, 12345 Berlin"),
        ("11325 Washington B1vd", "11325 Washington Blvd"),
        ("8I2 Frenchmen St.", "812 Frenchmen St."),
        ("1 Mi1l Lane, Styal SK9 4HH", "1 Mill Lane, Styal SK9 4HH"),
        ("Unit 10a, 12 High Street", "Unit 10a, 12 High Street"),
        ("C-1-3 JALAN SS21/39", "C-1-3 JALAN SS21/39"),
        ("EC1A 1BB London Road", "EC1A 1BB London Road"),
    ],
)
def test_figures_within_words_of_an_address_are_letters(printed, read_as):
    assert address_of(printed) == read_as


@pytest.mark.parametrize(
    "row",
    [
        *("1042 Priya\n----\nTbl 22/1 Chk 3318 Gst 2", "(STRAND MALL KOTA DAMANSARA)"),
        *("REG#07 TRAN STORE", "Item Qty Price"),
    ],
)
def test_what_is_below_an_address_is_no_part_of_it(row):
    street = "12 High Street,\nLudlow SY8 1DB" if row.startswith("(") else "12 High Street,"
    assert address_of(f"{street}\n{row}") == ", ".join(street.strip(",").split(",\n"))


def test_a_post_office_with_numbers_above_its_street_is_no_house():
    rows = "Oficina 4811094 BILBAO SUC. 5\nAlameda Urquijo 61, 48011 Bilbao"
    assert address_of(rows) == "Alameda Urquijo 61, 48011 Bilbao"


def test_a_sentence_below_a_comma_is_no_part_of_an_address():
    assert address_of("12 High Street,\nHave a lovely day") == "12 High Street"


def test_an_address_above_a_name_that_stands_at_the_foot_is_found():
    rows = "12 High Street\nLudlow SY8 1DB\n10/01/2024\nTEA 1.00\nTOTAL 1.00\nSTARBUCKS COFFEE LTD"
    found = read(rows)
    assert found.merchant == "STARBUCKS COFFEE LTD"
    assert found.merchant_address == "12 High Street, Ludlow SY8 1DB"


def test_who_serves_is_no_town_with_its_postcode():
    rows = "1 Main Street\nAustin, TX 78701\n1034 Yvonne C\nTbl 03/1 Chk 1067 Gst 2"
    assert address_of(rows) == "1 Main Street, Austin, TX 78701"


def test_a_row_with_an_amount_between_street_and_town_is_no_part_of_the_address():
    rows = "7230 Pendleton Pike\nWIN $500 CASH ON BACK\nLawrence, IN 46226"
    assert address_of(rows) == "7230 Pendleton Pike, Lawrence, IN 46226"


def test_a_time_or_a_phone_number_beside_an_address_is_no_part_of_it():
    rows = [
        [Line("GREEN LEAF LTD")],
        [Line("1955 BROADWAY"), Line("Jan 25, 2018")],
        [Line("SANTA MONICA, CA 90404"), Line("11:47 AM"), Line("(323) 555-0199")],
        [Line("TOTAL 1.00")],
    ]
    assert read_receipt(rows).merchant_address == "1955 BROADWAY, SANTA MONICA, CA 90404"
    assert address_of("3920 Zermatt Tel. 027 967 12 88") == "3920 Zermatt"
    assert address_of("1020 Wien, Praterstr. 12 ATU16372407") == "1020 Wien, Praterstr. 12"


@pytest.mark.parametrize(
    ("row", "number"),
    [
        ("(317)555-0197", "(317)555-0197"),
        ("Fhone(956)555-0160", "(956)555-0160"),
        ("516-5550122", "516-5550122"),
        ("Ticket #1035057 317-555-0142", "317-555-0142"),
        ("Tel (000) 000-0000", None),
        ("Receipt No.:003-1220815", None),
        ("07-555 0116", "07-555 0116"),
        ("02 99 81 40 13", "02 99 81 40 13"),
        ("014/42 17 90", "014/42 17 90"),
        ("0803 417 7204, 0812 880 4418", "0803 417 7204"),
        ("Tel: 024 417 7204 / 030 281 1770", "024 417 7204"),
        ("001 7896004", None),
        ("0279-4003-2211-1303", None),
        ("03-7645", None),
        ("0203-20757", None),
        ("07.00-23.00", None),
        ("(31) 3555-0140", "(31) 3555-0140"),
        ("01756 555 019", "01756 555 019"),
        ("Order 1035057", None),
    ],
)
def test_a_number_of_ten_digits_in_the_head_is_a_telephone(row, number):
    assert find_phone(read_rows([[Line(row)]])) == number


@pytest.mark.parametrize(
    "number",
    [
        *("CIF: |B11908225", "CIF: |A-46103834", "VAT NO: |P051389409L", "RIF: |J-29595463-0"),
        *("GSTIN: |29AAFCD6456M2Z5", "RFC: |NWM9709244W4", "BTW NO.|8090.41.078.B03"),
        *("|ATU12345678", "MWST-Nr. |CHE-116.281.710", "V.A.T NO. |GB 705 3259 52"),
        *("VAT REG. NO |10125917F", "GST Reg No: |M2-0012345-6", "MF |1234567/A/M/000"),
        *("HST # |813417227RT0001", "R.F.C. |NWM9709244W4", "Contribuinte Nº |512840172"),
        *("TRN |100072725300003", "GST REF NO: |001694261248", "TVA |BE0403.170.701"),
    ],
)
def test_a_tax_number_has_all_its_letters(number):
    label, _, wanted = number.partition("|")
    assert tax_id_in(label + wanted)["number"] == wanted


@pytest.mark.parametrize(
    "row",
    [
        *("UID: 401322479861", "MF S4 72001136", "TRN: CR0008964", "Tax Invoice no. 3521060200602"),
        *("GST 105.00 13.65", "TAX INVOICE 123456789"),
    ],
)
def test_the_number_of_a_terminal_or_an_invoice_is_no_tax_number(row):
    assert tax_id_in(row) is None


def test_a_tax_number_with_wrong_check_digits_is_misread_and_not_given():
    rows = read_rows([[Line("ABN 35 441 910 990")], [Line("ABN 56 006 426 599")]])
    assert find_tax_id(rows, "AU") == "56 006 426 599"
    assert find_tax_id(rows, None) == "35 441 910 990"
    assert not is_misread("33298713", "NL")  # of the chamber of commerce, without check digits


def test_a_right_tax_number_tells_the_currency_of_a_receipt_without_a_sign():
    for number, currency in [("VAT 508 037 563", "GBP"), ("GST NO. 44-833-938", "NZD")]:
        assert read(f"PARK STORES\n{number}\nMILK 1.00\nTOTAL 1.00").currency == currency
    assert read("PARK STORES\nVAT 508 037 564\nMILK 1.00\nTOTAL 1.00").currency is None


def test_a_number_alone_is_a_telephone_also_below_the_no_of_a_house():
    rows = read_rows([[Line("No.49, Jalan Dinar")], [Line("03-7845 8155")], [Line("TEA 1.00")]])
    assert find_phone(rows) == "03-7845 8155"


def test_a_tax_number_with_right_check_digits_is_taken_before_one_without():
    receipt = read(
        "BACKHAUS EHLERS\n20249 Hamburg\nBROT 4,95\nSUMME EUR 4,95\nSt.-Nr. 27/118/00442\n"
        "USt-IdNr. DE271814781"
    )
    assert receipt.merchant_tax_id == "DE271814781"
