"""Machines of a home over SSH: the reader's own OpenSSH, with their configuration, agent and known hosts.

One connection per machine carries everything: commands, HTTP and TCP as the machine sees it, Docker's socket.
The remote side needs a POSIX shell, nothing else.
"""
