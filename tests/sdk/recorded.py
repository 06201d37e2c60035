"""Asks proofs/NAME.py about requests: a line of JSON for each request and each answer. See recorded.mjs."""

import base64
import importlib.util
import json
import os
import pathlib
import sys
import traceback
from types import SimpleNamespace

import time_machine

path = pathlib.Path(__file__).parent / "proofs" / f"{sys.argv[1]}.py"
spec = importlib.util.spec_from_file_location(f"proof_{sys.argv[1]}", path)
proof = importlib.util.module_from_spec(spec)
spec.loader.exec_module(proof)
answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
sys.stdout = sys.stderr  # the output of a package is no answer
print(json.dumps(getattr(proof, "looser", {})), file=answers, flush=True)
for line in sys.stdin:
    request = json.loads(line)
    request["body"] = base64.b64decode(request["body"])
    request["text"] = request["body"].decode("utf-8", "replace")
    with time_machine.travel(request["now"], tick=False):
        try:
            accepted = bool(proof.accepts(SimpleNamespace(**request)))
        except Exception:
            if os.environ.get("SHOW"):
                traceback.print_exc(file=sys.stderr)
            accepted = False
    print(json.dumps(accepted), file=answers, flush=True)
