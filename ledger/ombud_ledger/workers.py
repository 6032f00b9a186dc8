# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Segments checked one after the other or, where that pays, in several processes at the same time."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import get_context
from typing import Final

from ombud_ledger.check_segment import check_segment
from ombud_ledger.lean import begin_worker
from ombud_ledger.segment_job import SegmentJob, SegmentResult

_MANY_ENTRIES: Final = 100_000  # sealed: from here on, starting processes pays


class Workers:
    """This process, and others that are started when they are needed and end with the with block."""

    def __init__(self, processes: int | None) -> None:
        """Take how many there may be, this one among them; None: one per core where that pays."""
        self._processes = processes
        self._stack = ExitStack()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def pool(self, entries: int) -> ProcessPoolExecutor | None:
        """Return the other processes, None if so few entries do not repay their start."""
        processes = self._processes
        if processes is None:
            processes = _cores() if entries >= _MANY_ENTRIES else 1
        if processes > 1 and self._pool is None:
            self._pool = self._stack.enter_context(
                ProcessPoolExecutor(processes - 1, mp_context=get_context("spawn"), initializer=begin_worker)
            )
        return self._pool

    def check(self, jobs: list[SegmentJob], entries: int, tell: Callable[[int], None]) -> list[SegmentResult]:
        """Check segments, which have so many entries; `tell` learns how many more are done."""
        linked = all(job.head is not None or job.first == 0 for job in jobs)
        pool = self.pool(entries) if len(jobs) > 1 and linked else None
        return _in_turn(jobs, tell) if pool is None else _together(jobs, tell, pool)


def _in_turn(jobs: list[SegmentJob], tell: Callable[[int], None]) -> list[SegmentResult]:
    results = []
    before: SegmentResult | None = None
    for at, job in enumerate(jobs):
        # Without a seal entry for the file before, its own end is what this one must follow from.
        if before is not None and job.head is None and jobs[at - 1].last + 1 == job.first:
            before = check_segment(replace(job, head=before.head), tell)
        else:
            before = check_segment(job, tell)
        results.append(before)
    return results


def _together(
    jobs: list[SegmentJob], tell: Callable[[int], None], pool: ProcessPoolExecutor
) -> list[SegmentResult]:
    # The others begin with the first segments. This process takes what none has begun from the end, so that
    # it works while they start.
    results: dict[int, SegmentResult] = {}
    futures = [pool.submit(check_segment, job) for job in jobs]
    for at in reversed(range(len(jobs))):
        if futures[at].cancel():
            results[at] = check_segment(jobs[at], tell)
    for at, future in enumerate(futures):
        if at not in results:
            results[at] = future.result()
            tell(jobs[at].last - jobs[at].first + 1)
    return [results[at] for at in range(len(jobs))]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
