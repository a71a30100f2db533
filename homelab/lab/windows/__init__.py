"""Windows on a machine of the lab, played by stand-ins: the programs that the runbook calls, and what they do.

The programs on C: (programs/interop.py under their names) hand every call to the lab, as WSL hands it to Windows.
What they do is real as far as the network goes: a port proxy forwards, a firewall rule filters, a task at logon
runs, and WSL's distribution, which is another machine of the lab, stops and starts with another address. What no
module here knows, it refuses and says that it is a stand-in.

What a machine of the lab cannot have: a kernel that calls itself Microsoft's, and binfmt's entry for Windows programs.
The distribution shows WSL's variables, its socket, its tools and its drive C:, and nothing more.
"""
