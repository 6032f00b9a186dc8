from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

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
