# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Options that many commands share, added to each by a decorator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def adds(options: Callable[..., T]) -> Callable[[Callable[Concatenate[T, P], None]], Callable[..., None]]:
    """Make a decorator that gives a command, as first argument, what `options` makes of its parameters.

    These are then options of the command, which `--help` lists after its own. Decorated again, it gets what
    that one makes before.
    """
    signature = inspect.signature(options, eval_str=True)
    added = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in signature.parameters.values()]

    def decorate(command: Callable[Concatenate[T, P], None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

        @functools.wraps(command)
        def run(*others: Any, **given: Any) -> None:
            first = options(**{option.name: given.pop(option.name) for option in added})
            command(first, *others, **given)

        run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in (*own, *added)}
        return run

    return decorate
