"""Formats amounts and tables in Markdown."""


def money(dollars: float) -> str:
    if 0 < dollars < 0.005:
        return "<0.01"
    return f"{dollars:,.2f}".replace(",", " ")


def number(quantity: float) -> str:
    """Four significant digits, and no more zeros than that."""
    text = f"{quantity:.4g}" if quantity < 1000 else f"{quantity:,.0f}".replace(",", " ")
    return f"{quantity:.7f}".rstrip("0").rstrip(".") if "e" in text else text


def exact(dollars: float) -> str:
    whole, fraction = f"{dollars:.10f}".rstrip("0").split(".")
    return f"{whole}.{fraction:0<2}"


def table(head: list[str], rows: list[list[str]], align: str = "") -> list[str]:
    """A Markdown table; `align` has l or r for each column, and is one l and then r otherwise."""
    align = align or "l" + "r" * (len(head) - 1)
    return [
        "| " + " | ".join(head) + " |",
        "|" + "|".join({"l": "---", "r": "---:"}[side] for side in align) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]
