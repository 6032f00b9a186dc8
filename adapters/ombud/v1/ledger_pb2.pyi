from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetHeadRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetHeadResponse(_message.Message):
    __slots__ = ("log", "size", "chain")
    LOG_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    log: str
    size: int
    chain: bytes
    def __init__(self, log: _Optional[str] = ..., size: _Optional[int] = ..., chain: _Optional[bytes] = ...) -> None: ...

class SealLedgerRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SealLedgerResponse(_message.Message):
    __slots__ = ("log", "entries", "size", "chain")
    LOG_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    log: str
    entries: int
    size: int
    chain: bytes
    def __init__(self, log: _Optional[str] = ..., entries: _Optional[int] = ..., size: _Optional[int] = ..., chain: _Optional[bytes] = ...) -> None: ...

class GetCheckpointRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCheckpointResponse(_message.Message):
    __slots__ = ("log", "checkpoint")
    LOG_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    log: str
    checkpoint: bytes
    def __init__(self, log: _Optional[str] = ..., checkpoint: _Optional[bytes] = ...) -> None: ...

class ProveInclusionRequest(_message.Message):
    __slots__ = ("entry",)
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    entry: int
    def __init__(self, entry: _Optional[int] = ...) -> None: ...

class ProveInclusionResponse(_message.Message):
    __slots__ = ("log", "receipt")
    LOG_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    log: str
    receipt: bytes
    def __init__(self, log: _Optional[str] = ..., receipt: _Optional[bytes] = ...) -> None: ...

class ProveConsistencyRequest(_message.Message):
    __slots__ = ("old_size", "new_size")
    OLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    NEW_SIZE_FIELD_NUMBER: _ClassVar[int]
    old_size: int
    new_size: int
    def __init__(self, old_size: _Optional[int] = ..., new_size: _Optional[int] = ...) -> None: ...

class ProveConsistencyResponse(_message.Message):
    __slots__ = ("log", "old_size", "new_size", "hashes", "checkpoint")
    LOG_FIELD_NUMBER: _ClassVar[int]
    OLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    NEW_SIZE_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    log: str
    old_size: int
    new_size: int
    hashes: _containers.RepeatedScalarFieldContainer[bytes]
    checkpoint: bytes
    def __init__(self, log: _Optional[str] = ..., old_size: _Optional[int] = ..., new_size: _Optional[int] = ..., hashes: _Optional[_Iterable[bytes]] = ..., checkpoint: _Optional[bytes] = ...) -> None: ...

class GetEntryRequest(_message.Message):
    __slots__ = ("entry", "decision")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    entry: int
    decision: str
    def __init__(self, entry: _Optional[int] = ..., decision: _Optional[str] = ...) -> None: ...

class GetEntryResponse(_message.Message):
    __slots__ = ("log", "entries")
    LOG_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    log: str
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    def __init__(self, log: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("seq", "record", "chain")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    seq: int
    record: bytes
    chain: bytes
    def __init__(self, seq: _Optional[int] = ..., record: _Optional[bytes] = ..., chain: _Optional[bytes] = ...) -> None: ...

class QueryLedgerRequest(_message.Message):
    __slots__ = ("sql", "parameters", "as_of")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SQL_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    sql: str
    parameters: _containers.ScalarMap[str, str]
    as_of: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, sql: _Optional[str] = ..., parameters: _Optional[_Mapping[str, str]] = ..., as_of: _Optional[_Iterable[bytes]] = ...) -> None: ...

class QueryLedgerResponse(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...

class PruneLedgerRequest(_message.Message):
    __slots__ = ("before_us", "dry_run")
    BEFORE_US_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    before_us: int
    dry_run: bool
    def __init__(self, before_us: _Optional[int] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class PruneLedgerResponse(_message.Message):
    __slots__ = ("log", "before", "goes", "stays", "left", "progress")
    LOG_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    GOES_FIELD_NUMBER: _ClassVar[int]
    STAYS_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    log: str
    before: int
    goes: _containers.RepeatedCompositeFieldContainer[PrunedFile]
    stays: _containers.RepeatedCompositeFieldContainer[StayingFile]
    left: _containers.RepeatedCompositeFieldContainer[LeftFile]
    progress: PruneProgress
    def __init__(self, log: _Optional[str] = ..., before: _Optional[int] = ..., goes: _Optional[_Iterable[_Union[PrunedFile, _Mapping]]] = ..., stays: _Optional[_Iterable[_Union[StayingFile, _Mapping]]] = ..., left: _Optional[_Iterable[_Union[LeftFile, _Mapping]]] = ..., progress: _Optional[_Union[PruneProgress, _Mapping]] = ...) -> None: ...

class PruneProgress(_message.Message):
    __slots__ = ("step", "done", "total")
    STEP_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    step: str
    done: int
    total: int
    def __init__(self, step: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class PrunedFile(_message.Message):
    __slots__ = ("path", "part", "first", "last", "sha256", "newest_us", "system", "period")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    NEWEST_US_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    path: str
    part: str
    first: int
    last: int
    sha256: str
    newest_us: int
    system: str
    period: str
    def __init__(self, path: _Optional[str] = ..., part: _Optional[str] = ..., first: _Optional[int] = ..., last: _Optional[int] = ..., sha256: _Optional[str] = ..., newest_us: _Optional[int] = ..., system: _Optional[str] = ..., period: _Optional[str] = ...) -> None: ...

class StayingFile(_message.Message):
    __slots__ = ("path", "part", "first", "last", "why")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    path: str
    part: str
    first: int
    last: int
    why: str
    def __init__(self, path: _Optional[str] = ..., part: _Optional[str] = ..., first: _Optional[int] = ..., last: _Optional[int] = ..., why: _Optional[str] = ...) -> None: ...

class LeftFile(_message.Message):
    __slots__ = ("path", "entry", "why")
    PATH_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    path: str
    entry: int
    why: str
    def __init__(self, path: _Optional[str] = ..., entry: _Optional[int] = ..., why: _Optional[str] = ...) -> None: ...

class HoldRetentionRequest(_message.Message):
    __slots__ = ("system", "reason")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    system: str
    reason: str
    def __init__(self, system: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class HoldRetentionResponse(_message.Message):
    __slots__ = ("log", "entry")
    LOG_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    log: str
    entry: int
    def __init__(self, log: _Optional[str] = ..., entry: _Optional[int] = ...) -> None: ...

class ReleaseRetentionRequest(_message.Message):
    __slots__ = ("system", "reason")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    system: str
    reason: str
    def __init__(self, system: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ReleaseRetentionResponse(_message.Message):
    __slots__ = ("log", "entry", "held_by")
    LOG_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    HELD_BY_FIELD_NUMBER: _ClassVar[int]
    log: str
    entry: int
    held_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, log: _Optional[str] = ..., entry: _Optional[int] = ..., held_by: _Optional[_Iterable[str]] = ...) -> None: ...

class ListRetentionHoldsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRetentionHoldsResponse(_message.Message):
    __slots__ = ("holds",)
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    holds: _containers.RepeatedCompositeFieldContainer[RetentionHold]
    def __init__(self, holds: _Optional[_Iterable[_Union[RetentionHold, _Mapping]]] = ...) -> None: ...

class RetentionHold(_message.Message):
    __slots__ = ("log", "system", "since_us", "by", "reason")
    LOG_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    log: str
    system: str
    since_us: int
    by: str
    reason: str
    def __init__(self, log: _Optional[str] = ..., system: _Optional[str] = ..., since_us: _Optional[int] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ExportLedgerRequest(_message.Message):
    __slots__ = ("system", "from_us", "to_us", "without_facts", "payloads", "recipient", "reason")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_FACTS_FIELD_NUMBER: _ClassVar[int]
    PAYLOADS_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    system: str
    from_us: int
    to_us: int
    without_facts: bool
    payloads: bool
    recipient: str
    reason: str
    def __init__(self, system: _Optional[str] = ..., from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., without_facts: _Optional[bool] = ..., payloads: _Optional[bool] = ..., recipient: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ExportLedgerResponse(_message.Message):
    __slots__ = ("summary", "pieces")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    summary: ExportSummary
    pieces: _containers.RepeatedCompositeFieldContainer[ExportPiece]
    def __init__(self, summary: _Optional[_Union[ExportSummary, _Mapping]] = ..., pieces: _Optional[_Iterable[_Union[ExportPiece, _Mapping]]] = ...) -> None: ...

class ExportSummary(_message.Message):
    __slots__ = ("log", "digest", "files", "bytes", "entries_by_system")
    class EntriesBySystemEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    LOG_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_BY_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    log: str
    digest: str
    files: int
    bytes: int
    entries_by_system: _containers.ScalarMap[str, int]
    def __init__(self, log: _Optional[str] = ..., digest: _Optional[str] = ..., files: _Optional[int] = ..., bytes: _Optional[int] = ..., entries_by_system: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ExportPiece(_message.Message):
    __slots__ = ("path", "data", "last")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    path: str
    data: bytes
    last: bool
    def __init__(self, path: _Optional[str] = ..., data: _Optional[bytes] = ..., last: _Optional[bool] = ...) -> None: ...
