"""Explain what a network has learned and how it classifies one image.

For each figure one function computes values, which have a `to_json`, a second draws them, and a
third describes them in words. Everything runs on the scratch engine, whichever engine trained the
network.
"""
