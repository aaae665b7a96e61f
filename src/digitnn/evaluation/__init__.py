"""The evaluation of a classifier: accuracy, intervals, calibration, McNemar's test."""
