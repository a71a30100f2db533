"""The page beside the scripts that are carried to a Windows machine: what to do there, and how to take it back."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

POWERSHELL = "homelab-wsl.ps1"
STYLE = """\
:root { color-scheme: light dark; --line: #d5dbe3; --soft: #f3f6fa; --hue: #0a6aa8 }
@media (prefers-color-scheme: dark) { :root { --line: #3a434f; --soft: #1d232b; --hue: #6cb6e8 } }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.7em; margin-bottom: .2em } h2 { font-size: 1.2em; margin-top: 1.8em; border-top: 1px solid var(--line); padding-top: .8em }
code, pre { background: var(--soft); border-radius: 3px; padding: .1em .3em } pre { padding: .7em .9em; overflow: auto; border-left: 3px solid var(--hue) }
kbd { border: 1px solid var(--line); border-radius: 3px; padding: 0 .35em; font: inherit; font-size: .9em }
.back { border-left: 3px solid var(--line); padding-left: .9em } td { padding: .2em 1em .2em 0; vertical-align: top }
"""


def page(
    distribution: str, task: str, script: str, settings: Sequence[str], ports: Sequence[tuple[int, int]]
) -> str:
    """The whole page, one file that fetches nothing; `ports` are pairs of Windows' port and WSL's."""
    name, lines = escape(distribution), escape("\n".join(settings))
    bridged = _bridged(ports) if ports else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>To your Windows machine</title><style>
{STYLE}</style></head><body>
<h1>To your Windows machine</h1>
<p>Homelab Runbook has made this folder for a Windows that it did not run on. Copy the folder there. Afterwards WSL
(<b>{name}</b>) starts when you log on, without a window, and stays. If yours is called otherwise (<code>wsl --list</code>),
make the folder again with <code>-p distribution=NAME</code>. No administrator is needed{" but for part 3" if ports else ""}.</p>
<p>No WSL there yet? <code>wsl --install</code> in a PowerShell that was opened as administrator, and a restart. An old one?
<code>wsl --update</code>, for what part 2 sets is younger than the WSL that came with Windows 10.</p>
<table>
<tr><td><code>{POWERSHELL}</code></td><td>does part 1{" and part 3" if ports else ""}, and says what it does: read it before you run it</td></tr>
<tr><td><code>{escape(script)}</code></td><td>the talk's way, for whoever prefers it to part 1</td></tr>
</table>

<h2>1. A task at logon</h2>
<p>Open PowerShell in this folder and run</p>
<pre>powershell -ExecutionPolicy Bypass -File {POWERSHELL}</pre>
<p>Then log off and on, wait a moment, open PowerShell (not WSL), and ask</p>
<pre>wsl --list --verbose</pre>
<p>It should say <b>Running</b>, although no terminal of WSL is open. Two minutes later it should still say so: that is the
answer that counts, for WSL stops what is idle after a quarter of a minute.</p>
<p class="back">Take it back: <code>schtasks /Delete /TN {escape(task)} /F</code></p>

<h2>2. Settings that keep WSL running</h2>
<p>The task keeps WSL for as long as it runs. For the day when something ends it, let WSL itself not stop what is idle. Type
<code>notepad %UserProfile%\\.wslconfig</code> in <kbd>Win</kbd>+<kbd>R</kbd>, and see that the file has these lines, each
heading once:</p>
<pre>{lines}</pre>
<p>They count from WSL's next start on. <code>wsl --shutdown</code> brings that about, and ends all that runs in WSL.</p>
<p>Docker comes along by itself where WSL runs systemd. Where it does not, <code>/etc/wsl.conf</code> in WSL wants</p>
<pre>[boot]
command=service docker start</pre>
<p class="back">Take it back: delete the lines.</p>
{bridged}
<h2>The talk's way: a script in the start-up folder</h2>
<p>Instead of part 1, not with it. Press <kbd>Win</kbd>+<kbd>R</kbd>, type <code>shell:startup</code>, and put
<code>{escape(script)}</code> there. If the folder has a file of that name already, or <code>wsl-init.vbe</code> as in the talk,
look at it first. The script is VBScript, which Windows is giving up: one day it will do nothing, without a word.</p>
<p class="back">Take it back: delete the file.</p>
</body></html>
"""


def _bridged(ports: Sequence[tuple[int, int]]) -> str:
    each = "".join(f"<li>Port {there} of Windows leads to port {here} of WSL.</li>" for there, here in ports)
    return f"""
<h2>3. Ports for devices without Tailscale</h2>
<p>The last part of <code>{POWERSHELL}</code>, in a PowerShell that was opened as administrator. WSL's address changes at each start,
so it has to be run again then. Try it from another device of your home.</p>
<ul>{each}</ul>
<p class="back">Take it back: the script says how, beside each port.</p>
"""
