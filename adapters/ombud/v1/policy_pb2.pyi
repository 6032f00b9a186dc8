from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class GetActivePolicyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetActivePolicyResponse(_message.Message):
    __slots__ = ("digest", "entities_digest", "policies")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_DIGEST_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    digest: str
    entities_digest: str
    policies: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digest: _Optional[str] = ..., entities_digest: _Optional[str] = ..., policies: _Optional[_Iterable[str]] = ...) -> None: ...

class ActivatePolicyRequest(_message.Message):
    __slots__ = ("files", "reason")
    class FilesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    FILES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    files: _containers.ScalarMap[str, bytes]
    reason: str
    def __init__(self, files: _Optional[_Mapping[str, bytes]] = ..., reason: _Optional[str] = ...) -> None: ...

class ActivatePolicyResponse(_message.Message):
    __slots__ = ("old_digest", "new_digest")
    OLD_DIGEST_FIELD_NUMBER: _ClassVar[int]
    NEW_DIGEST_FIELD_NUMBER: _ClassVar[int]
    old_digest: str
    new_digest: str
    def __init__(self, old_digest: _Optional[str] = ..., new_digest: _Optional[str] = ...) -> None: ...
