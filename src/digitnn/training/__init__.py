"""The training loops that both engines share; a training is a generator of records."""
