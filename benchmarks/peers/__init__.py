"""Compare the reader with OCR engines over the same pictures.

pictures and truths -> a worker process for each engine -> texts and CPU seconds -> scores, tests

A worker is a process that reads requests, one JSON object a line, and answers each with one. So an
engine lives in an environment of its own and is no dependency of digitnn.
"""
