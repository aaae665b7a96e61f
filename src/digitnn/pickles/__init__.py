"""Safe reading of pickles that hold NumPy arrays and plain builtins.

In reading order: `plain_values` (the values allowed, and limits), `literals` (instructions that
carry a value), `admitted` (the few names a file may call, and what is done instead), `loading` (the
stack machine, and saving).
"""
