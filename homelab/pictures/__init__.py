"""Pictures and tables: small functions from plain data to something that a notebook and the report show.

They are laid out from the data alone, so a picture of another topology needs no new code.
"""
