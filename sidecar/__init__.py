"""The payment sidecar: sells the calls of an HTTP agent and books what they earn and cost."""

import sys

# Read by every Python there is, before anything that only a newer one can read.
if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs the source tree was asked by no installer
    sys.stderr.write(
        "sidecar: this is Python %d.%d, and 3.11 or newer is needed; run it with `python3.11 -m sidecar`\n"  # noqa: UP031
        % sys.version_info[:2]
    )
    sys.exit(3)
