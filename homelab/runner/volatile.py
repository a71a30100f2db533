"""What two runs of one notebook never agree on: one list, for `./runbook test --refresh` and for nbval alike."""

from __future__ import annotations

import re

_NUMBER = r"\d+(?:[.,]\d+)?"

# (what it is, how it looks, what stands for it): a length of time may be missing where it is too short to be shown.
RULES: tuple[tuple[str, str, str], ...] = (
    ("how long a change took, in HTML", rf" ?<small>{_NUMBER} s</small>", ""),
    ("how long a change took, after its command", r'  \d+\.\d s(?=$|\n|\\n|")', ""),
    ("how long a change took, as data", r'"seconds": [\d.e-]+', '"seconds": N'),
    ("a length of time", rf"\b{_NUMBER} (ms|s|µs)\b", r"N \1"),
    ("a time of day", r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?", "DATE"),
    ("a log's clock", r"\b\d\d:\d\d:\d\d(?= \[)", "TIME"),
    ("a run's folder", r"\bruns/(?:latest|\d{4}-[\d_-]+)?/?(?=windows/)", "runs/latest/"),
    ("a page to log in, or an invitation", r"(/a/|/invite/)[0-9a-f]{8,}", r"\1ID"),
    ("a certificate authority of this lab's", r"(Intermediate CA )[0-9a-f]{6}\b", r"\1ID"),
    ("the file of a recording", r"\b\d{8}T\d{6}\.\d+", "DATE"),
    ("a key, a digest, a container", r"(?<![#\w])(?=[0-9a-f]*\d)[0-9a-f]{8,64}(?!\w)", "ID"),
    ("pings until a direct way was found", r"\b\d+ via DERP\(\w+\) in N ms, then (?=\d+ direct)", ""),
    ("the relay that was nearest", r"DERP\(\w+\)", "DERP(HERE)"),
    ("pings by a relay", r"\b\d+ via DERP", "N via DERP"),
    ("as a picture of them tells it", r"\bpings? 1(?: to \d+)? through", "pings through"),
    ("and its end", r"\bping \d+ direct", "ping N direct"),
    ("the port of a NAT", r"(\bdirect(?:,| by|) \(?[\d.]+):\d+", r"\1:PORT"),
    ("a port that the kernel chose", r":(?:3[3-9]|[4-6]\d)\d{3}\b", ":PORT"),
    ("visits in a span of time", r"\b\d+ visits\b", "N visits"),
    ("what TLS made of a page", r"\b\d+ characters there, \d+ back", "N characters there, N back"),
    ("packets, where there are any", r"\b[1-9]\d* (?=in the tunnel|TLS\b|for names|in the clear)", "N "),
    ("and in their table", r"""((?:is dead|through tequila)(?:<[^>]*>|[\s",])*)\d+""", r"\1N"),
    ("bytes until a connection stalls", r"stalls after [\d,]+", "stalls after N"),
    ("room on this machine", r"[\d.]+ of [\d.]+ GB free", "N of N GB free"),
    ("cores of this machine", r"--threads \d+", "--threads N"),
    ("memory of this machine", r"[\d.]+ GiB left", "N GiB left"),
    ("memory in use", r"\b\d+ MiB\b", "N MiB"),
    ("when a replayed line appears", r"animation-delay:[\d.]+s", "animation-delay:N"),
    ("the other end of a cable", r"@if\d+", "@ifN"),
    ("this machine", r"\btier (?:root|rootless)\b", "tier HERE"),
    (
        "a person's things on this machine",
        r"\bof the \d+ things in your home",
        "of the N things in your home",
    ),
)
PADDING = r"(?<=\S) {2,}"  # of a table: a shorter time leaves its column narrower
_RULES = tuple((re.compile(looks), stands) for _, looks, stands in RULES)


def normal(text: str) -> str:
    """`text` with all that is volatile replaced."""
    for looks, stands in _RULES:
        text = looks.sub(stands, text)
    return text
