"""Data sets: reading, splitting, fetching, augmenting and synthesising images of digits."""
