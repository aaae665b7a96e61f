"""Pickles that hold NumPy arrays and plain builtins, read without trusting them.

Read in this order: `plain_values` (what is admitted, and how much), `literals` (instructions that
carry a value), `admitted` (the few names a file may call, each a constructor of ours), `loading`
(the stack machine, and saving).
"""
