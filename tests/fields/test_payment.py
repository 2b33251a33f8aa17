"""How a receipt was paid."""

import pytest

from fields.receipt import read_receipt
from fields.text import rows_from_text


def paid(*rows):
    receipt = read_receipt(rows_from_text("\n".join(["SHOP LTD", "PEN 5.00", *rows])))
    return receipt.payment_method, receipt.card_last4


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (["TOTAL 5.00", "CASH 5.00"], ("cash", None)),
        (["TOTAL 5.00", "AMOUNT TENDERED 20.00", "CHANGE 15.00"], ("cash", None)),
        (["TOTAL 5.00", "AMOUNT TENDERED 5.00", "CHANGE 0.00"], (None, None)),
        (["TOTAL 5.00", "PAYMENT DUE 5.00"], (None, None)),
        (["TOTAL 5.00", "Credit Purchase", "Payment Amount: 5.00"], (None, None)),
        (["TOTAL 5.00", "CASH 9.00", "CHANGE 4.00", "Customer Card 1234567"], ("cash", None)),
        (["TOTAL 5.00", "CASH 9.00", "CHANGE 4.00", "Total card savings"], ("cash", None)),
        (["*** 0042 ***", "TOTAL 5.00"], (None, None)),
        (["TOTAL 5.00", "Payment Mode: Cash"], ("cash", None)),
        (["TOTAL 5.00", "TARGETA VISA"], ("card", None)),
        (["TOTAL 5.00", "COFFEE BAR"], (None, None)),
        (["TOTAL 5.00", "CLUBCARD NO ********2719"], (None, None)),
        (["TOTALE 5,00", "Contante 5,00", "Bancomat 0,00"], ("cash", None)),
        (["TOTAL 5.00", "Visa 5.00", "TID:****4419", "************3308"], ("card", "3308")),
        (["TOTAL 5.00", "Barzahlung"], ("cash", None)),
        (["TOTAL 5.00", "US DEBIT- 6631 I 1 APPR#044718"], ("card", "6631")),
        (["TOTAL 5.00", "Visa 5.00", "CLUBCARD NO ********2719", "****6603"], ("card", "6603")),
        (["SUBTOTAL 6.00", "Carte fidélité -1.00", "TOTAL 5.00", "Espèces 5.00"], ("cash", None)),
        (["TOTAL 5.00", "Payment Mode: Visa"], ("card", None)),
        (["TOTAL 5.00", "Visa *4402 5.00"], ("card", "4402")),
        (["TOTAL 5.00", "Mastercard ending in 3355 5.00"], ("card", "3355")),
        (["TOTAL 5.00", "CONTANT 5.00"], ("cash", None)),
        (["TOTAL 5.00", "NETS 5.00"], ("card", None)),
        (["TOTAL 5.00", "Apple Pay Visa ....9921 5.00"], ("mobile", "9921")),
        (["TOTAL 5.00", "Bereits bezahlt per Kreditkarte"], ("card", None)),
        (["TOTAL 5.00", "EFTPOS Mastercard 5520 $5.00"], ("card", "5520")),
        (["TOTAL 5.00", "CREDIT CARD ......4408"], ("card", "4408")),
        (["TOTAL 5.00", "AMEX XXXX XXXXXX X2007 5.00"], ("card", "2007")),
        (["ExtraCare #: ********4474", "TOTAL 5.00", "Visa 5.00", "****7702"], ("card", "7702")),
        (["TOTAL 5.00", "PREPAID VISA 5.00"], ("card", None)),
        (["TOTAL 5.00", "Platba: hotově 5.00"], ("cash", None)),
        (["BIRD NETS 2PK 4.00", "TOTAL 9.00", "CASH 9.00"], ("cash", None)),
        (["TOTAL 5.00", "Bezahlt mit girocard"], ("card", None)),
        (["TOTAL 5.00", "ATCUD: JFXX8812-18231"], (None, None)),
        (["TOTAL 5.00", "************2957", "TIP"], ("card", "2957")),
        (["TOTAL 5.00", "Visa 5.00", "XXXX1234"], ("card", "1234")),
        (["CB x 2 10.00", "TOTAL 15.00", "CASH 20.00"], ("cash", None)),
        (["TOTAL 5.00", "Betalt med MobilePay 5.00"], ("mobile", None)),
        (["TOTAL 5.00", "MASTERCARD x0442 CONTACTLESS"], ("card", "0442")),
        (["TOTAL 5.00", "VISA 1142 (Contactless) 5.00"], ("card", "1142")),
        (["AMEX Chip", "********2006 **/**", "TOTAL 5.00"], ("card", "2006")),
        (["## 0270", "TOTAL 5.00", "Visa 5.00"], ("card", None)),
        (["ExtraCare Card #: ********4474", "TOTAL 5.00", "CASH 5.00"], ("cash", None)),
    ],
)
def test_the_way_of_paying_is_that_which_a_row_says(rows, wanted):
    assert paid(*rows) == wanted
