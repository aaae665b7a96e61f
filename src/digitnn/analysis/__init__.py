"""Analyse trained networks: comparison, robustness, ladder, label audit, explanation."""
