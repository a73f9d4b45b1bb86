"""Formats amounts and tables in Markdown."""


def money(dollars: float) -> str:
    """Returns an amount in dollars with cents."""
    if 0 < dollars < 0.005:
        return "<0.01"
    return f"{dollars:,.2f}".replace(",", " ")


def number(quantity: float) -> str:
    """Returns a quantity with four significant digits, without trailing zeros."""
    text = f"{quantity:.4g}" if quantity < 1000 else f"{quantity:,.0f}".replace(",", " ")
    return f"{quantity:.7f}".rstrip("0").rstrip(".") if "e" in text else text


def exact(dollars: float) -> str:
    """Returns a price with all its digits, at least cents."""
    whole, fraction = f"{dollars:.10f}".rstrip("0").split(".")
    return f"{whole}.{fraction:0<2}"


def table(head: list[str], rows: list[list[str]], align: str = "") -> list[str]:
    """Returns the lines of a table. `align` has l or r for each column; by default the first is l and the others are r."""
    align = align or "l" + "r" * (len(head) - 1)
    return [
        "| " + " | ".join(head) + " |",
        "|" + "|".join({"l": "---", "r": "---:"}[side] for side in align) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]
