"""In which currency was paid? Printed text in, ISO 4217 out. Pure."""

import re
from collections import Counter
from collections.abc import Sequence

# A sign or code beside an amount speaks loudest, a country's words less.
_SIGNS = {
    "MYR": r"\bRM ?\d|\bRM\b|\bMYR\b",
    "IDR": r"\bRp\.? ?\d|\bIDR\b|\bRp\b",
    "EUR": r"€|\bEUR(?:O|OS)?\b",
    "GBP": r"£|\bGBP\b",
    "CHF": r"\bCHF\b|\bSFr\b",
    "BRL": r"R\$|\bBRL\b",
    "SGD": r"(?<!U)S\$|\bSGD\b",
    "AUD": r"A\$|\bAUD\b",
    "CAD": r"C\$|\bCAD\b",
    "PHP": r"₱|\bPHP\b",
    "THB": r"฿|\bTHB\b",
    "VND": r"₫|\bVND\b",
    "INR": r"₹|\bINR\b|\bRs\.? ?\d",
    "PLN": r"\bzł\b|\bPLN\b",
    "CZK": r"\bKč\b|\bCZK\b",
    "HUF": r"\bHUF\b|\d ?Ft\b",
    "SEK": r"\bSEK\b",
    "NOK": r"\bNOK\b",
    "DKK": r"\bDKK\b",
    "TRY": r"₺|\bTRY\b",
    "USD": r"US\$|\bUSD(?![A-Za-z])|\bUS\d[\d,]*\.\d\d\b",  # not the word: CONTACT US 03 1234567
}
_WORDS = {
    "MYR": r"\bsdn\b|\bbhd\b|kuala lumpur|selangor|johor|\bpenang\b|petaling|malaysia|\bjalan\b"
    r"|\bgst (?:id|reg)",
    "IDR": r"jakarta|bandung|surabaya|\bbali\b|indonesia|\bppn\b|\bpb ?1\b|\bnpwp\b|\btunai\b"
    r"|\bkembali\w*|\bpajak\b|\bkasir\b|\bmeja\b|\bbelanja\b|\bjl\.",
    "EUR": r"\bgmbh\b|\bmwst\b|\bust-?id|\bsiret\b|\btva\b|\bp\.? ?iva\b|\bbtw\b|\bnif\b|\bcif\b"
    r"|deutschland|\bsumme\b|\biva\b|strasse|straße",
    "GBP": r"\bvat (?:no|reg|number)\b.*\bgb\b|united kingdom|\blondon\b|\.co\.uk",
    "CHF": r"\bschweiz\b|\bsuisse\b|\bche-\d",
    "USD": r"\b(?:al|ak|az|ar|ca|co|ct|dc|de|fl|ga|hi|ia|id|il|in|ks|ky|la|ma|md|me|mi|mn|mo|ms|mt"
    r"|nc|nd|ne|nh|nj|nm|nv|ny|oh|ok|or|pa|ri|sc|sd|tn|tx|ut|va|vt|wa|wi|wv|wy),?"
    r" \d{5}(?:-\d{4})?\b|\bsales tax\b|\bstate tax\b|\bgratuity\b",
    "SGD": r"\bsingapore\b|\bpte\b",
    "AUD": r"\babn\b|\baustralia\b",
    "CAD": r"\bhst\b|\bpst\b|\bcanada\b|\bontario\b",
    "PHP": r"\bphilippines\b|\bmanila\b|\bvatable\b",
}


_SIGN = {currency: re.compile(sign) for currency, sign in _SIGNS.items()}
_WORD = {currency: re.compile(words) for currency, words in _WORDS.items()}
_DOLLAR = re.compile(r"(?<![A-Z])\$ ?\d")


def find_currency(texts: Sequence[str]) -> str | None:
    """The currency most signs and words speak for; a lone dollar sign needs a country's words."""
    votes: Counter[str] = Counter()
    for points, patterns, rows in ((3, _SIGN, texts), (2, _WORD, [t.lower() for t in texts])):
        whole = "\n".join(rows)
        for currency, pattern in patterns.items():
            if pattern.search(whole):  # few of 31 are anywhere
                votes[currency] += points * sum(bool(pattern.search(row)) for row in rows)
    dollars = sum(bool(_DOLLAR.search(text)) for text in texts)
    if dollars:
        dollar = max(("USD", "SGD", "AUD", "CAD"), key=lambda c: votes[c])
        votes[dollar] += 2 * dollars
    return votes.most_common(1)[0][0] if votes else None
