"""llama.cpp's OpenAI-compatible server as a process of its own; it needs nothing but the package xllamacpp.

Started by us beside the notebook, or copied to a machine and started there. Its first line of output is
JSON and says what it is. It ends with its standard input, or, with --stay, when it is told to.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time


def main() -> None:
    """Load the model, say so, and serve."""
    asked = _parser().parse_args()
    if asked.waiting == "passive":
        os.environ["OMP_WAIT_POLICY"] = "passive"  # read when the library is loaded, so before the import
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = asked.model
    params.model_alias = {asked.name} if asked.name else params.model_alias
    params.hostnames, params.port = [asked.host], asked.port
    params.n_ctx, params.n_parallel = asked.context * asked.slots, asked.slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = asked.threads
    params.n_gpu_layers = asked.gpu_layers
    params.cache_ram_mib = 0  # no cache of old prompts: it would answer for the engine
    start = time.monotonic()
    server = xllamacpp.Server(params)
    told = {
        "url": server.listening_address,
        "pid": os.getpid(),
        "load_seconds": round(time.monotonic() - start, 3),
        "version": xllamacpp.__version__,
        "flags": " ".join(xllamacpp.get_system_info().split()),
        "waiting": asked.waiting,
        "threads": asked.threads,
        "context": asked.context,
        "slots": asked.slots,
    }
    print(json.dumps(told), flush=True)
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    if asked.stay:
        while True:
            signal.pause()
    sys.stdin.read()
    os._exit(0)  # its threads would outlive us


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="program.py")
    made.add_argument("model", help="the GGUF file")
    made.add_argument("--name", default="", help="what the API calls it")
    made.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    made.add_argument("--port", type=int, default=0, help="0: any that is free")
    made.add_argument("--context", type=int, default=2048, help="tokens for one request")
    made.add_argument("--slots", type=int, default=1, help="requests at once")
    made.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    made.add_argument("--gpu-layers", type=int, default=-1, help="-1: all that fit")
    made.add_argument("--waiting", choices=("spin", "passive"), default="spin", help="for each other")
    made.add_argument("--stay", action="store_true", help="outlive standard input")
    return made


if __name__ == "__main__":
    main()
