"""The process of the `sidecar` command, also as `python -m sidecar`."""

import sys

from sidecar.sqlite_library import prefer_newer


def main() -> int:
    """Run the command line of this process."""
    prefer_newer(sys.modules)
    from sidecar.cli import main as run  # noqa: PLC0415 whatever it imports finds the one SQLite

    return run()


if __name__ == "__main__":
    sys.exit(main())
