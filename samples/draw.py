"""Draws samples/receipt.jpg, a photo of a receipt that nobody owns, for README and tests."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

ROWS = """
CORNER CAFE
12 Harbour Street, Dublin 2
Tel 01 555 0142
VAT No IE1234567T

Receipt 004217
14/03/2026  09:41

2 x Flat White @ 3.90|7.80
1 x Almond Croissant|3.20
1 x Orange Juice|2.20

Subtotal|12.00
VAT 10%|1.20
TOTAL EUR|13.20

VISA **** 4821|13.20

Thank you for your visit!
""".strip().splitlines()
WIDTH, MARGIN, LINE = 620, 40, 44


def main() -> None:
    paper = Image.new("RGB", (WIDTH, MARGIN * 2 + LINE * len(ROWS)), (247, 245, 240))
    draw = ImageDraw.Draw(paper)
    for number, row in enumerate(ROWS):
        left, _, right = row.partition("|")
        font = ImageFont.load_default(32 if number in (0, 14) else 26)
        top = MARGIN + LINE * number
        centred = number < 4 or number == len(ROWS) - 1
        x = (WIDTH - draw.textlength(left, font)) / 2 if centred else MARGIN
        draw.text((x, top), left, (40, 40, 46), font)
        draw.text((WIDTH - MARGIN, top), right, (40, 40, 46), font, anchor="ra")
    table = Image.new("RGB", (WIDTH + 160, paper.height + 160), (112, 84, 62))
    table.paste(paper, (80, 80))
    photo = table.rotate(1.4, Image.Resampling.BICUBIC, fillcolor=(112, 84, 62))
    photo.filter(ImageFilter.GaussianBlur(0.6)).save(
        Path(__file__).with_name("receipt.jpg"), quality=88
    )


if __name__ == "__main__":
    main()
