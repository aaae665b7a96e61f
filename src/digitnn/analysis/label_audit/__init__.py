"""Find labels that may be wrong, with networks that were not trained on them."""
