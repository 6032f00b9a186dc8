from ombud.v1 import incident_pb2 as _incident_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestCategory(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_CATEGORY_UNSPECIFIED: _ClassVar[RequestCategory]
    REQUEST_CATEGORY_ACCESS: _ClassVar[RequestCategory]
    REQUEST_CATEGORY_ERASURE: _ClassVar[RequestCategory]
    REQUEST_CATEGORY_EXPLANATION: _ClassVar[RequestCategory]
    REQUEST_CATEGORY_CONTEST: _ClassVar[RequestCategory]
REQUEST_CATEGORY_UNSPECIFIED: RequestCategory
REQUEST_CATEGORY_ACCESS: RequestCategory
REQUEST_CATEGORY_ERASURE: RequestCategory
REQUEST_CATEGORY_EXPLANATION: RequestCategory
REQUEST_CATEGORY_CONTEST: RequestCategory

class PersonRequest(_message.Message):
    __slots__ = ("id", "system", "state", "category", "received_us", "due_us", "answered_us", "deadline", "extended", "identity_by", "decisions", "review", "review_state", "notes")
    ID_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_US_FIELD_NUMBER: _ClassVar[int]
    DUE_US_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_US_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    EXTENDED_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_BY_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    REVIEW_STATE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    system: str
    state: str
    category: RequestCategory
    received_us: int
    due_us: int
    answered_us: int
    deadline: _incident_pb2.DeadlineState
    extended: bool
    identity_by: str
    decisions: _containers.RepeatedScalarFieldContainer[str]
    review: str
    review_state: str
    notes: _containers.RepeatedCompositeFieldContainer[_incident_pb2.MatterNote]
    def __init__(self, id: _Optional[str] = ..., system: _Optional[str] = ..., state: _Optional[str] = ..., category: _Optional[_Union[RequestCategory, str]] = ..., received_us: _Optional[int] = ..., due_us: _Optional[int] = ..., answered_us: _Optional[int] = ..., deadline: _Optional[_Union[_incident_pb2.DeadlineState, str]] = ..., extended: _Optional[bool] = ..., identity_by: _Optional[str] = ..., decisions: _Optional[_Iterable[str]] = ..., review: _Optional[str] = ..., review_state: _Optional[str] = ..., notes: _Optional[_Iterable[_Union[_incident_pb2.MatterNote, _Mapping]]] = ...) -> None: ...

class OpenRequestRequest(_message.Message):
    __slots__ = ("system", "category", "received_us", "subject", "decisions", "identity", "text", "group")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_US_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    system: str
    category: RequestCategory
    received_us: int
    subject: str
    decisions: _containers.RepeatedScalarFieldContainer[str]
    identity: str
    text: str
    group: str
    def __init__(self, system: _Optional[str] = ..., category: _Optional[_Union[RequestCategory, str]] = ..., received_us: _Optional[int] = ..., subject: _Optional[str] = ..., decisions: _Optional[_Iterable[str]] = ..., identity: _Optional[str] = ..., text: _Optional[str] = ..., group: _Optional[str] = ...) -> None: ...

class OpenRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: PersonRequest
    def __init__(self, request: _Optional[_Union[PersonRequest, _Mapping]] = ...) -> None: ...

class ExtendRequestRequest(_message.Message):
    __slots__ = ("system", "id", "reason")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    system: str
    id: str
    reason: str
    def __init__(self, system: _Optional[str] = ..., id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ExtendRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: PersonRequest
    def __init__(self, request: _Optional[_Union[PersonRequest, _Mapping]] = ...) -> None: ...

class AnswerRequestRequest(_message.Message):
    __slots__ = ("system", "id", "answered_us", "identity", "answer")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_US_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    system: str
    id: str
    answered_us: int
    identity: str
    answer: str
    def __init__(self, system: _Optional[str] = ..., id: _Optional[str] = ..., answered_us: _Optional[int] = ..., identity: _Optional[str] = ..., answer: _Optional[str] = ...) -> None: ...

class AnswerRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: PersonRequest
    def __init__(self, request: _Optional[_Union[PersonRequest, _Mapping]] = ...) -> None: ...

class CloseRequestRequest(_message.Message):
    __slots__ = ("system", "id", "reason")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    system: str
    id: str
    reason: str
    def __init__(self, system: _Optional[str] = ..., id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CloseRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: PersonRequest
    def __init__(self, request: _Optional[_Union[PersonRequest, _Mapping]] = ...) -> None: ...

class ListRequestsRequest(_message.Message):
    __slots__ = ("system", "id", "open_only")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    OPEN_ONLY_FIELD_NUMBER: _ClassVar[int]
    system: str
    id: str
    open_only: bool
    def __init__(self, system: _Optional[str] = ..., id: _Optional[str] = ..., open_only: _Optional[bool] = ...) -> None: ...

class ListRequestsResponse(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[PersonRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[PersonRequest, _Mapping]]] = ...) -> None: ...
