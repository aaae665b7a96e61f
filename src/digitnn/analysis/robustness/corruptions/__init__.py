"""The fifteen corruptions of MNIST-C (Mu and Gilmer 2019, arXiv:1906.02337).

Each is a function from raw pixels, a generator and strengths to raw pixels. `suite` has the
published strengths and the severity in MNIST-C. The functions are written from the definitions;
where the published images show a quirk of a library of the time, ours reproduce it and say so.
"""
