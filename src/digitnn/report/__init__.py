"""All about one trained run as one page of HTML that needs nothing else: no network, no script.

measured: what is known of a run, as values. measuring: how they come about; all that takes time is
there. A file a section turns them into what its template shows, and changes nothing. inline_svg,
pixels: figures as part of the page's text. page: sections to bytes.
"""
