"""The loops that both engines share. A training is a generator of records."""
