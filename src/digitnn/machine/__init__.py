"""What digitnn runs on: cores, BLAS threads, device, and a description of the machine."""
