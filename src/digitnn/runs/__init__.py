"""The run directory: training into it, resuming, evaluating and recording, ensembles."""
