"""Windows on a machine of the lab, played by stand-ins: the programs that the runbook calls, and what they do.

The programs on C: (programs/interop.py under their names) hand every call to the lab, as WSL hands it to Windows.
What they do is real as far as the network goes: a port proxy forwards, a firewall rule filters, a task at logon
runs, and WSL's distribution, which is another machine of the lab, stops and starts with another address. What no
module here knows, it refuses and says that it is a stand-in.
"""
