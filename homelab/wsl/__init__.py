"""Tequila's Windows half, as seen from its WSL side: what runs there, asked and changed through interop."""
