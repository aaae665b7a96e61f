"""Trained networks in formats that other programs run, each verified before it is written."""
