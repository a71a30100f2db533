"""The card and the model: what is there, whether it fits, how fast memory is, and what a token costs."""
