"""Readers of data sets in the formats of docs/formats.md, and writers of some of them.

A reader checks a file's header against its size before it allocates memory, reads only the part
that is asked for, and raises `FormatError` naming the file.
"""
