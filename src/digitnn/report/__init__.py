"""Report one trained run on a single HTML page that loads nothing and runs no script.

`measuring` does all the work that takes time and returns the values in `measured`. Each section has
a function that turns these values into what its template shows. `elements` embeds images and
figures; `page` renders the sections to bytes.
"""
