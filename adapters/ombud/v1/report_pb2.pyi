from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MakeReportRequest(_message.Message):
    __slots__ = ("kind", "system", "to", "options_json", "as_of", "json_only")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    JSON_ONLY_FIELD_NUMBER: _ClassVar[int]
    kind: str
    system: str
    to: str
    options_json: str
    as_of: _containers.RepeatedScalarFieldContainer[bytes]
    json_only: bool
    def __init__(self, kind: _Optional[str] = ..., system: _Optional[str] = ..., to: _Optional[str] = ..., options_json: _Optional[str] = ..., as_of: _Optional[_Iterable[bytes]] = ..., json_only: _Optional[bool] = ..., **kwargs) -> None: ...

class MakeReportResponse(_message.Message):
    __slots__ = ("step", "chunk", "made")
    STEP_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    MADE_FIELD_NUMBER: _ClassVar[int]
    step: str
    chunk: ReportChunk
    made: ReportMade
    def __init__(self, step: _Optional[str] = ..., chunk: _Optional[_Union[ReportChunk, _Mapping]] = ..., made: _Optional[_Union[ReportMade, _Mapping]] = ...) -> None: ...

class ReportChunk(_message.Message):
    __slots__ = ("ending", "data")
    ENDING_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ending: str
    data: bytes
    def __init__(self, ending: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class ReportMade(_message.Message):
    __slots__ = ("log", "entry", "digest")
    LOG_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    log: str
    entry: int
    digest: str
    def __init__(self, log: _Optional[str] = ..., entry: _Optional[int] = ..., digest: _Optional[str] = ...) -> None: ...
