"""How numbers are written for people."""


def percent(share: float) -> str:
    """0.97432 as "97.43 %"."""
    return f"{100 * share:.2f} %"
