"""The portrait of a home: what its machines show of themselves to somebody who only looks."""
