"""The quiz: questions about the talk, for phones in the room and a projector in front of it.

Python's standard library only, and relative imports only: in its container this folder is the package ``quiz``.
"""
