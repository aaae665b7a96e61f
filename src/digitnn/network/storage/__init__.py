"""Parameters on disk: safetensors, untrusted pickles, 8-bit weights."""
