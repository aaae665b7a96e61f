"""The fifteen corruptions of MNIST-C (Mu and Gilmer 2019, arXiv:1906.02337), one idea a file.

Each is a function of raw pixels, its strength and a generator, and gives raw pixels. Strengths are
those that the authors published; `suite` has them, and what MNIST-C took of them. Written from the
definitions; where a published image shows what a library of its time made of a definition, ours
does the same, and the function says so.
"""
