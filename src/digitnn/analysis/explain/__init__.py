"""What a network has learned, and why it reads an image as it does, as pictures and in words.

Each figure is a function of values that another function finds; the values have a `to_json`.
Everything runs on the scratch engine, whatever trained the network.
"""
