"""What networks did, compared and explained: comparison, robustness, ladder, label audit."""
