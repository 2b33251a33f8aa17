"""What the rows of receipts have in common. Pure."""


def is_known(text: str) -> bool:
    """Whether a row has a word, a date or an amount as receipts have them.

    A child process gets this function by its name; only where it is called, the words are loaded.
    """
    from fields.dates import find_dates
    from fields.labels import topics
    from fields.money import find_amounts

    amounts = (amount for amount in find_amounts(text) if amount.decimals == 2)
    return bool(topics(text) or any(find_dates(text)) or any(amounts))
