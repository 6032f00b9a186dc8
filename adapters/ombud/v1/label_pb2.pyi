from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LabelKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_KIND_UNSPECIFIED: _ClassVar[LabelKind]
    LABEL_KIND_OBSERVED: _ClassVar[LabelKind]
    LABEL_KIND_HISTORICAL: _ClassVar[LabelKind]
    LABEL_KIND_EXPERT: _ClassVar[LabelKind]

class LabelSelection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_SELECTION_UNSPECIFIED: _ClassVar[LabelSelection]
    LABEL_SELECTION_ALL: _ClassVar[LabelSelection]
    LABEL_SELECTION_APPROVED_ONLY: _ClassVar[LabelSelection]
    LABEL_SELECTION_DENIED_ONLY: _ClassVar[LabelSelection]
    LABEL_SELECTION_SAMPLE: _ClassVar[LabelSelection]
    LABEL_SELECTION_APPEALED: _ClassVar[LabelSelection]
    LABEL_SELECTION_UNKNOWN: _ClassVar[LabelSelection]

class LabelResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_RESULT_UNSPECIFIED: _ClassVar[LabelResult]
    LABEL_RESULT_RECORDED: _ClassVar[LabelResult]
    LABEL_RESULT_CORRECTED: _ClassVar[LabelResult]
    LABEL_RESULT_UNCHANGED: _ClassVar[LabelResult]
    LABEL_RESULT_SUPERSEDED: _ClassVar[LabelResult]
    LABEL_RESULT_UNKNOWN_DECISION: _ClassVar[LabelResult]
    LABEL_RESULT_OTHER_SYSTEM: _ClassVar[LabelResult]
    LABEL_RESULT_ERASED: _ClassVar[LabelResult]
    LABEL_RESULT_UNTIED: _ClassVar[LabelResult]
    LABEL_RESULT_INVALID: _ClassVar[LabelResult]
LABEL_KIND_UNSPECIFIED: LabelKind
LABEL_KIND_OBSERVED: LabelKind
LABEL_KIND_HISTORICAL: LabelKind
LABEL_KIND_EXPERT: LabelKind
LABEL_SELECTION_UNSPECIFIED: LabelSelection
LABEL_SELECTION_ALL: LabelSelection
LABEL_SELECTION_APPROVED_ONLY: LabelSelection
LABEL_SELECTION_DENIED_ONLY: LabelSelection
LABEL_SELECTION_SAMPLE: LabelSelection
LABEL_SELECTION_APPEALED: LabelSelection
LABEL_SELECTION_UNKNOWN: LabelSelection
LABEL_RESULT_UNSPECIFIED: LabelResult
LABEL_RESULT_RECORDED: LabelResult
LABEL_RESULT_CORRECTED: LabelResult
LABEL_RESULT_UNCHANGED: LabelResult
LABEL_RESULT_SUPERSEDED: LabelResult
LABEL_RESULT_UNKNOWN_DECISION: LabelResult
LABEL_RESULT_OTHER_SYSTEM: LabelResult
LABEL_RESULT_ERASED: LabelResult
LABEL_RESULT_UNTIED: LabelResult
LABEL_RESULT_INVALID: LabelResult

class Label(_message.Message):
    __slots__ = ("decision", "boolean", "integer", "number", "text", "kind", "selection", "observed_at_us")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    decision: str
    boolean: bool
    integer: int
    number: float
    text: str
    kind: LabelKind
    selection: LabelSelection
    observed_at_us: int
    def __init__(self, decision: _Optional[str] = ..., boolean: _Optional[bool] = ..., integer: _Optional[int] = ..., number: _Optional[float] = ..., text: _Optional[str] = ..., kind: _Optional[_Union[LabelKind, str]] = ..., selection: _Optional[_Union[LabelSelection, str]] = ..., observed_at_us: _Optional[int] = ...) -> None: ...

class LabelServiceReportRequest(_message.Message):
    __slots__ = ("system", "labels")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    system: str
    labels: _containers.RepeatedCompositeFieldContainer[Label]
    def __init__(self, system: _Optional[str] = ..., labels: _Optional[_Iterable[_Union[Label, _Mapping]]] = ...) -> None: ...

class LabelTold(_message.Message):
    __slots__ = ("result", "entry", "message")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    result: LabelResult
    entry: str
    message: str
    def __init__(self, result: _Optional[_Union[LabelResult, str]] = ..., entry: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class LabelServiceReportResponse(_message.Message):
    __slots__ = ("told",)
    TOLD_FIELD_NUMBER: _ClassVar[int]
    told: _containers.RepeatedCompositeFieldContainer[LabelTold]
    def __init__(self, told: _Optional[_Iterable[_Union[LabelTold, _Mapping]]] = ...) -> None: ...
