"""Parameters on disk: safetensors, pickles that are not trusted, eight-bit weights."""
