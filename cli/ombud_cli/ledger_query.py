# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger query`: ask a gateway for rows of its ledger; they come as an Arrow stream."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ombud.v1 import ledger_pb2
from ombud.v1.ledger_pb2_grpc import LedgerServiceStub
from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.failure import Failure, unusable
from ombud_cli.ledger_place import AsOf, read_checkpoints
from ombud_cli.output import Format, print_rows
from ombud_cli.parquet_out import write_parquet
from ombud_cli.query import Out, Output, Parameters, QueryFormat, check_out, given_parameters

if TYPE_CHECKING:
    import pyarrow as pa

_SECONDS = 3_900.0
"""Longer than any gateway lets a query run: it is the gateway's limit that counts."""


@asks_gateway
def query_command(
    control: Control,
    sql: Annotated[str, typer.Argument(help="One SELECT.")],
    *,
    parameter: Parameters = None,
    as_of: AsOf = None,
    output: Output = QueryFormat.TABLE,
    out: Out = None,
) -> None:
    """Ask a running gateway's ledger in SQL; views and columns are those of `ombud query PATH --schema`.

    The gateway judges it like any read, records it, and bounds its time, memory and rows.
    """
    check_out(output, out)
    request = ledger_pb2.QueryLedgerRequest(
        sql=sql, parameters=given_parameters(parameter or ()), as_of=read_checkpoints(as_of)
    )
    import pyarrow as pa

    pieces = _Pieces(control.listen(LedgerServiceStub, "QueryLedger", request, seconds=_SECONDS))
    with pieces.told():
        reader = pa.ipc.open_stream(io.BufferedReader(pieces))
    batches = _whole(reader, pieces)
    if out is not None:
        written = write_parquet(out, reader.schema, batches)
        print(f"{out}: {written} rows", file=sys.stderr)
    else:
        print_rows(reader.schema.names, _rows(batches), Format(output))


class _Pieces(io.RawIOBase):
    """The chunks of an answer, as a file."""

    def __init__(self, messages: Iterator[Any]) -> None:
        self._messages = messages
        self._left = b""
        self._failure: Failure | None = None

    def readable(self) -> bool:
        """Say that it is there to be read."""
        return True

    @contextmanager
    def told(self) -> Iterator[None]:
        """Read in a with block; raise the `Failure` that cut the answer short.

        Arrow takes an end between two batches for the end of the rows, and another for a damaged file.
        """
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise self._failure or unusable(f"the answer is no whole Arrow stream: {error}") from error
        if self._failure is not None:
            raise self._failure

    def readinto(self, into: Any) -> int:
        """Read what is left of a chunk, or of the next one."""
        while not self._left:
            try:
                message = next(self._messages, None)
            except Failure as failure:
                self._failure = failure
                return 0
            if message is None:
                return 0
            self._left = message.chunk
        taken = self._left[: len(into)]
        into[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)


def _whole(reader: pa.RecordBatchReader, pieces: _Pieces) -> Iterator[pa.RecordBatch]:
    while True:
        with pieces.told():
            batch = next(reader, None)
            if batch is None:
                pieces.read()  # after the last row comes the gateway's word that it was the last
        if batch is None:
            return
        yield batch


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
