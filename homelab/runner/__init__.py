"""The runner: one headless pass over stages, and the folder that it leaves behind."""
