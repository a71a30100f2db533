"""A language model as who uses it meets it."""

from __future__ import annotations

from homelab import web
from homelab.check import Answer, check
from homelab.errors import NoAnswer
from homelab.llm.openai import OpenAI
from homelab.llm.result import Report
from homelab.machine import Machine

LOG = "does the engine still run? its log says why"


@check
def answers(machine: Machine, url: str, model: str = "") -> Answer:
    """Does the engine at `url` answer a prompt from here with tokens of its own?"""
    got = OpenAI(web.session(machine), url, model).generate(16, 4, 1)
    said = f"{got.tokens} tokens after {got.prompt_tokens} of prompt, the first after {got.wait:.2f} s"
    return Answer("a language model answers", machine.name, "ok" if got.tokens else "fail", said)


@check
def is_hidden(machine: Machine, url: str) -> Answer:
    """Does nobody answer at `url` from here, where only the tailnet should reach the engine?"""
    try:
        status = web.session(machine).get(f"{url}/v1/models", timeout=3).status_code
    except NoAnswer as error:
        return Answer("the engine is hidden", machine.name, "ok", error.what)
    hint = "let it listen on the address in the tailnet only"
    return Answer(
        "the engine is hidden", machine.name, "fail", f"it answers at {url} with status {status}", hint
    )


@check
def was_quiet(machine: Machine, report: Report) -> Answer:
    """Was the machine left alone while it was measured, so that its numbers can be believed?"""
    samples = [s for c in report.cases for s in c.samples]
    bad = [s for s in samples if s.disturbed]
    counted = any(len(c.quiet) < min(report.wanted, len(c.samples)) for c in report.cases)
    if none := _nothing(report):
        return Answer("was quiet", machine.name, "fail", none, LOG)
    if not bad:
        return Answer("was quiet", machine.name, "ok", f"none of {len(samples)} repetitions was disturbed")
    said = " ".join(report.disturbances())
    hint = "close what else computes here, and measure again"
    return Answer("was quiet", machine.name, "warn" if counted else "ok", said, hint)


@check
def measured_to_the_end(machine: Machine, report: Report) -> Answer:
    """Did the engine answer every repetition? That it died is its own fault, and no noise of the machine."""
    samples = [s for c in report.cases for s in c.samples]
    silent, many = sum(not s.tokens for s in samples), f"{len(samples)} repetition{'s' * (len(samples) != 1)}"
    status, said, hint = "ok", f"all {many} had an answer", ""
    if none := _nothing(report):
        status, said, hint = "fail", none, LOG
    elif report.failed:
        status, said, hint = "fail", f"{report.ended}; {many} came before", LOG
    elif silent:
        status, said, hint = "warn", f"no token came in {silent} of {many}", LOG
    elif report.ended:
        status, said, hint = "warn", f"{report.ended}; {many} came before", "give it more time"
    return Answer("measured to the end", machine.name, status, said, hint)


def _nothing(report: Report) -> str:
    """Why there is no number to judge at all; empty where there is one."""
    samples = [s for c in report.cases for s in c.samples]
    if not samples:
        return report.ended or "nothing was measured"
    if not any(s.tokens for s in samples):
        return f"no token came in {len(samples)} of {len(samples)} repetitions"
    return ""
