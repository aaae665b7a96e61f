"""The answers of a classifier, counted: accuracy, intervals, calibration, McNemar's test."""
