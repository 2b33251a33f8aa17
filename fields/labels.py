"""What does a row of the receipt speak of? Printed text in, topics and amounts out. Pure.

Words in English, Malay, Indonesian, German, French, Spanish, Italian, Portuguese and Dutch.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from operator import contains
from typing import NamedTuple

from fields.dates import find_dates
from fields.money import LONGEST, Amount, find_amounts
from result import Line


def words(text: str) -> tuple[str, ...]:
    """The words or phrases of a list written with commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


# Each topic's phrases without accents; a word of 6 letters or more may have one slip.
TOPICS: dict[str, tuple[str, ...]] = {
    "subtotal": words("""
        subtotal, sub total, sub ttl, subttl, sub tot, zwischensumme, sous total, total ht,
        montant ht, total hors taxe, sub jumlah, merchandise total, harga jual, net amount, nett
        amount, food total, subtotaal, zwischensu, sub-total
    """),
    "total": words("""
        total, due, payable, ttl, amount due, balance due, amount payable, net payable, to pay,
        summe, gesamt, gesamtsumme, gesamtbetrag, endbetrag, zu zahlen, endsumme, rechnungsbetrag,
        zahlbetrag, betrag, summe eur, gesamt eur, bar total, net a payer, a payer, montant,
        montant du, montant ttc, total ttc, somme, importe, a pagar, total a pagar, importo,
        totale, totale complessivo, importo pagato, da pagare, valor total, valor a pagar, totaal,
        te betalen, eindtotaal, jumlah, jumlah besar, total bayar, total belanja, total harga,
        tagihan, amt due, nett total, net total, total due, sum total, bill total, invoice total,
        total sale, total sales, toplam, suma, totalt, i alt, yhteensa
    """),
    "grand": words("""
        grand total, amount due, balance due, total due, total payable, amount payable, net
        payable, zu zahlen, zahlbetrag, endbetrag, net a payer, total a pagar, da pagare, te
        betalen, total bayar, jumlah besar, nett total, gesamtbetrag, total ttc, grnd total, grand
        ttl, total to pay, final total, totale complessivo, total belanja, jumlah bayaran, total
        tagihan, bill total, total a payer, gesamtsumme, endsumme, rechnungsbetrag, total amount
        payable, summe eur
    """),
    "rounding": words("""
        rounding, round, rounded, rounding adj, rnd adj, pembulatan, penggenapan, pelarasan,
        rundung, arrondi, afronding, redondeo, arrotondamento, rounding adjustment, round adj,
        arredondamento, roundg, roundings, round ing, bill rounding
    """),
    "discount": words("""
        discount, disc, rabatt, nachlass, remise, reduction, descuento, dto, sconto, desconto,
        korting, diskon, diskaun, potongan, coupon, voucher, promo, promotion, saving, savings,
        you saved, price cut, preisvorteil, rebate, bonus coupon, markdown, member disc, offre,
        gutschein, rebaja, abzug, avantage, you save, total saved, hemat, anda hemat
    """),
    "tax": words("""
        tax, taxes, gst, vat, mwst, mehrwertsteuer, ust, umsatzsteuer, steuer, tva, taxe, iva,
        igv, imposto, impuestos, impuesto, imposta, btw, ppn, pb1, pajak, sst, hst, pst, qst, tps,
        tvq, sales tax, pbi, p b 1, service tax, mva, moms, alv, kdv, dph, govt tax, cukai, pajak
        resto, tax resto, vat amount, pajak daerah, mwst betrag, stax
    """),
    "incl": words("""
        incl, inclusive, including, inc, inkl, inklusive, enthalten, ttc, included, incluido,
        inclusa, inclus, incluso, termasuk, inclu, compresa, compris, includes, include,
        inclusief, comprese, after tax, after gst, with gst, with tax, brutto, incl gst, w gst,
        after rounding, incluidos, inci, inel
    """),
    "excl": words("""
        excl, excluding, exclusive, exc, before, exkl, ohne, hors, excluido, esclusa, netto, ex
        gst, ex tax, sebelum, before tax, taxable, w o, excluded, zzgl, ht, without, exci, excl
        gst, nettobetrag, nett amt, bef
    """),
    "count": words("""
        qty, quantity, items, item, total qty, no of items, item count, pcs, items sold, artikel,
        posten, articles, articulos, articoli, artigos, artikelen, jumlah barang, jumlah item,
        total item, itens, anzahl, tl qty, no of item, number of items, item sold, kuantiti, total
        quantity, pieces, qty s, item s, total items, jml item, ttl qty, nombre, unid, cantidad
    """),
    "cash": words("""
        cash, tunai, bar, bargeld, barzahlung, gegeben, bar eur, especes, efectivo, contanti,
        contante, dinheiro, contant, kontant, tender, tendered, cash tendered, amount tendered,
        received, cash received, paid, payment, amount paid, bayar, dibayar, entregado, recu,
        ontvangen, bayaran, recibido, cash paid, pembayaran, uang, bezahlt, paid amount, pay,
        bayar tunai, cash in, tunal, erhalten, rcvd, gotowka, amt paid, amt tendered, total paid,
        paye, zahlung, pagato, pago, betaald, entrega, amt rcvd, customer pays
    """),
    "card": words("""
        visa, mastercard, master card, amex, american express, maestro, debit, credit, credit
        card, debit card, card, girocard, ec karte, kartenzahlung, karte, carte, carte bancaire,
        cb, pinnen, gepind, tarjeta, carta, bancomat, cartao, pin, kartu, eftpos, contactless,
        discover, v pay, kreditkarte, ec cash, kad kredit, kartu debit, bancontact, elv, paywave,
        pagamento elettronico, lastschrift, vpay, debit bca, edc, bca, mandiri, interac, credito,
        debito
    """),
    "wallet": words("""
        apple pay, google pay, paypal, alipay, wechat, touch n go, grabpay, gopay, ovo, dana,
        boost, tng, qris, shopeepay, bizum, twint, e wallet, mb way
    """),
    "change": words("""
        change, change due, kembali, kembalian, kembalan, baki, ruckgeld, zuruck, wechselgeld,
        rendu, monnaie, a rendre, cambio, vuelto, resto, troco, wisselgeld, terug, rueckgeld,
        change amt, kembal, balance change, retour, devolucion, cash change, a devolver, rest,
        changes, baki tunai, vaxel
    """),
    "tip": words("""
        tip, gratuity, trinkgeld, pourboire, propina, mancia, gorjeta, fooi, tips, gratuities, tip
        amount, service gratuity
    """),
    "service": words("""
        service charge, servicecharge, svc chg, service, svc, serv charge, s charge, svr chg, serv
        chg, service chg, bedienung, servicio, servizio, coperto, biaya layanan, service chrg, srv
        chg, ser charge, sc
    """),
    "points": words("""
        points, point, poin, punkte, balance points, loyalty, member, mileage, bonus point,
        earned, rewards, payback, treuepunkte, deutschlandcard, puntos, stempel, stamps, points
        earned
    """),
}

# Words that things are called as well (TIP TOP BREAD, BAR SOAP, CARTA IGIENICA): topics only where
# all other words of the row are topics, sums or currencies too.
ORDINARY = frozenset(
    words("""
        tip, tips, rest, resto, change, changes, cambio, retour, bar, tender, service, svc, sc, pin,
        carta, discover, maestro, boost, dana, ovo, promo, promotion, member, point, stamps, due,
        round, rounded, importe
    """)
)
BESIDE = words("""
    eur, euro, usd, myr, idr, sgd, aud, cad, gbp, chf, php, amt, amount, sum, total, adj, fee, off,
    less, your, the
""")


class Row(NamedTuple):
    """A printed row: its text, what it speaks of and the numbers on it, left to right."""

    text: str
    topics: frozenset[str]
    numbers: tuple[Amount, ...]
    pieces: tuple[tuple[int, int, float], ...] = ()  # start, end and confidence of what was read

    @property
    def confidence(self) -> float:
        """The mean of its letters; 1 where the engine gives none."""
        letters = sum(end - start for start, end, _ in self.pieces)
        return sum((e - s) * c for s, e, c in self.pieces) / letters if letters else 1.0

    def certainty(self, start: int, end: int) -> float:
        """The confidence of the least certain piece between two places of its text."""
        return min((c for s, e, c in self.pieces if s < end and start < e), default=1.0)

    @property
    def amounts(self) -> tuple[Amount, ...]:
        """The numbers that are money."""
        return tuple(number for number in self.numbers if number.is_money)


def read_row(row: Sequence[Line]) -> Row:
    text = " ".join(line.text for line in row)[:LONGEST]
    return Row(text, topics(text), tuple(find_amounts(_without_dates(text))), tuple(_pieces(row)))


def _pieces(row: Sequence[Line]) -> Iterator[tuple[int, int, float]]:
    start = 0
    for line in row:
        end = start + len(line.text)
        if line.confidence is not None:
            yield start, end, line.confidence
        start = end + 1


def _without_dates(text: str) -> str:
    for day in find_dates(text):
        text = text[: day.start] + "/" * (day.end - day.start) + text[day.end :]
    return text


_SLIPS = str.maketrans("015|8", "olsib")


@lru_cache(maxsize=2048)
def plain(text: str) -> str:
    """Lower case, accents off, everything but letters and digits as single spaces."""
    kept = text.lower()
    if not kept.isascii():
        flat = unicodedata.normalize("NFKD", kept.replace("ß", "ss"))
        kept = "".join(c for c in flat if not unicodedata.combining(c))
    kept = re.sub(r"(?<=[a-z]{4})(?=(?:rm|rh|rp|eur)\b)", " ", kept)  # TOTALRM
    kept = re.sub(r"(?<=[a-z]{3})[!\]](?![\w\]])", "l", kept)  # Tota] Tote!
    return re.sub(r"[^a-z0-9]+", " ", kept).strip()


def topics(text: str) -> frozenset[str]:
    """The topics whose phrases stand in the text, one misread letter in five allowed."""
    return _topics(plain(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)))  # TotalGST


@lru_cache(maxsize=4096)
def _topics(text: str) -> frozenset[str]:
    words = text.split()
    found = list(_named(words))
    named = {start + n for start, _, phrase in found for n in range(len(phrase))}
    is_label = all(n in named or _is_beside(word) for n, word in enumerate(words))
    return frozenset(
        topic
        for start, topic, phrase in found
        if is_label or len(phrase) > 1 or ORDINARY.isdisjoint((*phrase, words[start]))
    )


def _named(words: Sequence[str]) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Each phrase that stands among the words: where it starts, its topic and itself."""
    meant = [_meant(_letters(word)) for word in words]
    for start, firsts in enumerate(meant):
        for first in firsts:
            for topic, phrase in _BEGINNING[first]:
                rest = meant[start : start + len(phrase)]
                if len(rest) == len(phrase) and all(map(contains, rest, phrase)):
                    yield start, topic, phrase


def _is_beside(word: str) -> bool:
    """The word is an amount, a currency or a tax letter, and no part of a name."""
    return len(word) <= 2 or not word.isalpha() or word in BESIDE


def _letters(word: str) -> str:
    """The word with digits read as the letters they look like, if it has letters at all."""
    return word.translate(_SLIPS) if re.search("[a-z]", word) else word


def vocabulary(wanted: Collection[str]) -> Callable[[str], frozenset[str]]:
    """A function that tells which of the wanted words a word may be.

    One slip leaves the first or the last two letters of a word of five as they are, so that only
    those with the same need a closer look: without, half the time of the rules goes here.
    """
    near: dict[tuple[str, str], set[str]] = defaultdict(set)
    for word in wanted:
        near["", word[:2]].add(word)
        near[word[-2:], ""].add(word)

    @lru_cache(maxsize=16384)  # the same few words are on every receipt
    def meant(word: str) -> frozenset[str]:
        close = near.get(("", word[:2]), set()) | near.get((word[-2:], ""), set())
        return frozenset(w for w in close if alike(word, w))

    return meant


def alike(word: str, wanted: str) -> bool:
    """The same word, or one of 5 letters and more with a letter misread, lost or added."""
    if word == wanted:
        return True
    if len(wanted) < 6:
        return wanted in ("total", "summe") and len(word) == 5 and one_slip(word, wanted)
    if abs(len(word) - len(wanted)) > 1:
        return False
    return one_slip(word, wanted)


def one_slip(a: str, b: str) -> bool:
    """The words differ by one letter misread, lost or added, or not at all."""
    start = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    return (
        a[start + 1 :] == b[start + 1 :]
        or a[start + 1 :] == b[start:]
        or a[start:] == b[start + 1 :]
    )


_PHRASES = {
    topic: tuple(
        dict.fromkeys(
            tuple(map(_letters, words))
            for phrase in map(plain, phrases)
            for words in (phrase.split(), [phrase.replace(" ", "")])  # GRANDTOTAL
            if len(words) > 1 or " " not in phrase or len(words[0]) > 6
        )
    )
    for topic, phrases in TOPICS.items()
}
_WORDS = {word for phrases in _PHRASES.values() for phrase in phrases for word in phrase}
_meant = vocabulary(_WORDS)
_BEGINNING = {
    word: [(t, p) for t, phrases in _PHRASES.items() for p in phrases if p[0] == word]
    for word in _WORDS
}
