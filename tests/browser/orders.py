"""Two versions of a table of orders, the second of which went wrong in ways that happen."""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

NAMES = ("order", "placed", "country", "product", "weight_kg", "price", "discount", "returned")
COUNTRIES = ("DE", "FR", "BR", "PL", "NG", "JP")
PRODUCTS = ("lamp", "chair", "table", "shelf", "rug", "clock", "vase")
ROWS = 4000


def write_orders(path: Path, *, went_wrong: bool) -> None:
    """Write 4,000 orders; in the wrong version most weights are in pounds, a fourth of the discounts is
    missing, Brazil is gone, rugs are new, one label in fifty is flipped, and some orders came on top."""
    chance = random.Random(7)
    start = datetime(2026, 1, 1)
    with open(path, "w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(NAMES)
        for number in range(ROWS + (200 if went_wrong else 0)):
            placed = start + timedelta(minutes=number * 60 + chance.randrange(50))
            country = chance.choices(COUNTRIES, (30, 22, 14, 12, 6, 16))[0]
            product = chance.choices(PRODUCTS, (20, 18, 12, 10, 0, 9, 8))[0]
            weight = round(chance.lognormvariate(1.2, 0.5), 2)
            price = round(chance.gauss(80, 22) + 2 * weight, 2)
            discount = "" if chance.random() < 0.02 else chance.choice(("0", "5", "10", "15"))
            returned = "yes" if chance.random() < (0.24 if product == "vase" else 0.08) else "no"
            if went_wrong:
                weight = round(2.204623 * weight, 2) if number >= 1500 else weight
                discount = "" if number % 4 == 0 else discount
                country = "DE" if country == "BR" else country
                product = "rug" if product == "shelf" and number % 3 else product
                if number % 50 == 25:
                    returned = "no" if returned == "yes" else "yes"
            lines.writerow(
                (number, placed.isoformat(" "), country, product, weight, price, discount, returned)
            )
