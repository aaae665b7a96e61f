"""What makes files that ship in the package; users need none of it."""
