# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The program `ombud`, also `python -m ombud_cli`; in an SDK install, names the extra it needs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit 2 where only the SDK is installed."""
    try:
        from ombud_cli.main import main as command_line
    except ModuleNotFoundError as missing:
        if missing.name not in ("typer", "rich"):
            raise
        print(
            "ombud: this installation is the SDK alone; for the command line: pip install 'ombud[audit]'",
            file=sys.stderr,
        )
        sys.exit(2)
    command_line()


if __name__ == "__main__":
    main()
