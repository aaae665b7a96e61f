"""Parameters on disk: safetensors, 8-bit weights."""
