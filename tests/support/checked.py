"""The checker of annotated types and shapes; as the typing rules have it, an int is a float too."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
