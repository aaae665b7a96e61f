"""The machine that digitnn runs on: cores, BLAS threads, device, description."""
