"""Runs commands of the `openstack` command line, one after the other, in one process: it takes a second to start.

Each line of standard input is a list of arguments in JSON; each is answered by a line: exit code, output, errors.
"""

import contextlib
import io
import json
import sys
import traceback

from openstackclient import shell


def run(arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = shell.main(arguments)
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            traceback.print_exc()
            code = 70
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


answers = sys.stdout
for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), file=answers, flush=True)
