"""Which labels of a collection may be wrong: asked of networks that never saw them."""
