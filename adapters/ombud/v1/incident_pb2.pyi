from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IncidentCategory(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INCIDENT_CATEGORY_UNSPECIFIED: _ClassVar[IncidentCategory]
    INCIDENT_CATEGORY_DEATH: _ClassVar[IncidentCategory]
    INCIDENT_CATEGORY_SERIOUS_HARM_TO_HEALTH: _ClassVar[IncidentCategory]
    INCIDENT_CATEGORY_CRITICAL_INFRASTRUCTURE: _ClassVar[IncidentCategory]
    INCIDENT_CATEGORY_WIDESPREAD_INFRINGEMENT: _ClassVar[IncidentCategory]
    INCIDENT_CATEGORY_FUNDAMENTAL_RIGHTS: _ClassVar[IncidentCategory]
    INCIDENT_CATEGORY_PROPERTY_OR_ENVIRONMENT: _ClassVar[IncidentCategory]

class CausalLink(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAUSAL_LINK_UNSPECIFIED: _ClassVar[CausalLink]
    CAUSAL_LINK_SUSPECTED: _ClassVar[CausalLink]
    CAUSAL_LINK_REASONABLY_LIKELY: _ClassVar[CausalLink]
    CAUSAL_LINK_ESTABLISHED: _ClassVar[CausalLink]
    CAUSAL_LINK_EXCLUDED: _ClassVar[CausalLink]

class DeadlineState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEADLINE_STATE_UNSPECIFIED: _ClassVar[DeadlineState]
    DEADLINE_STATE_RUNNING: _ClassVar[DeadlineState]
    DEADLINE_STATE_OVERDUE: _ClassVar[DeadlineState]
    DEADLINE_STATE_MET: _ClassVar[DeadlineState]
    DEADLINE_STATE_MET_LATE: _ClassVar[DeadlineState]
    DEADLINE_STATE_CLOSED_UNMET: _ClassVar[DeadlineState]
INCIDENT_CATEGORY_UNSPECIFIED: IncidentCategory
INCIDENT_CATEGORY_DEATH: IncidentCategory
INCIDENT_CATEGORY_SERIOUS_HARM_TO_HEALTH: IncidentCategory
INCIDENT_CATEGORY_CRITICAL_INFRASTRUCTURE: IncidentCategory
INCIDENT_CATEGORY_WIDESPREAD_INFRINGEMENT: IncidentCategory
INCIDENT_CATEGORY_FUNDAMENTAL_RIGHTS: IncidentCategory
INCIDENT_CATEGORY_PROPERTY_OR_ENVIRONMENT: IncidentCategory
CAUSAL_LINK_UNSPECIFIED: CausalLink
CAUSAL_LINK_SUSPECTED: CausalLink
CAUSAL_LINK_REASONABLY_LIKELY: CausalLink
CAUSAL_LINK_ESTABLISHED: CausalLink
CAUSAL_LINK_EXCLUDED: CausalLink
DEADLINE_STATE_UNSPECIFIED: DeadlineState
DEADLINE_STATE_RUNNING: DeadlineState
DEADLINE_STATE_OVERDUE: DeadlineState
DEADLINE_STATE_MET: DeadlineState
DEADLINE_STATE_MET_LATE: DeadlineState
DEADLINE_STATE_CLOSED_UNMET: DeadlineState

class MatterNote(_message.Message):
    __slots__ = ("at_us", "by", "event", "text")
    AT_US_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    at_us: int
    by: str
    event: str
    text: str
    def __init__(self, at_us: _Optional[int] = ..., by: _Optional[str] = ..., event: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Incident(_message.Message):
    __slots__ = ("id", "system", "state", "category", "article", "aware_us", "due_us", "reported_us", "deadline", "causal_link", "decisions", "notes")
    ID_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    ARTICLE_FIELD_NUMBER: _ClassVar[int]
    AWARE_US_FIELD_NUMBER: _ClassVar[int]
    DUE_US_FIELD_NUMBER: _ClassVar[int]
    REPORTED_US_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    CAUSAL_LINK_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    system: str
    state: str
    category: IncidentCategory
    article: str
    aware_us: int
    due_us: int
    reported_us: int
    deadline: DeadlineState
    causal_link: CausalLink
    decisions: _containers.RepeatedScalarFieldContainer[str]
    notes: _containers.RepeatedCompositeFieldContainer[MatterNote]
    def __init__(self, id: _Optional[str] = ..., system: _Optional[str] = ..., state: _Optional[str] = ..., category: _Optional[_Union[IncidentCategory, str]] = ..., article: _Optional[str] = ..., aware_us: _Optional[int] = ..., due_us: _Optional[int] = ..., reported_us: _Optional[int] = ..., deadline: _Optional[_Union[DeadlineState, str]] = ..., causal_link: _Optional[_Union[CausalLink, str]] = ..., decisions: _Optional[_Iterable[str]] = ..., notes: _Optional[_Iterable[_Union[MatterNote, _Mapping]]] = ...) -> None: ...

class OpenIncidentRequest(_message.Message):
    __slots__ = ("system", "category", "aware_us", "causal_link", "decisions", "text")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    AWARE_US_FIELD_NUMBER: _ClassVar[int]
    CAUSAL_LINK_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    system: str
    category: IncidentCategory
    aware_us: int
    causal_link: CausalLink
    decisions: _containers.RepeatedScalarFieldContainer[str]
    text: str
    def __init__(self, system: _Optional[str] = ..., category: _Optional[_Union[IncidentCategory, str]] = ..., aware_us: _Optional[int] = ..., causal_link: _Optional[_Union[CausalLink, str]] = ..., decisions: _Optional[_Iterable[str]] = ..., text: _Optional[str] = ...) -> None: ...

class OpenIncidentResponse(_message.Message):
    __slots__ = ("incident",)
    INCIDENT_FIELD_NUMBER: _ClassVar[int]
    incident: Incident
    def __init__(self, incident: _Optional[_Union[Incident, _Mapping]] = ...) -> None: ...

class UpdateIncidentRequest(_message.Message):
    __slots__ = ("system", "id", "category", "causal_link", "reported_us", "decisions", "text")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CAUSAL_LINK_FIELD_NUMBER: _ClassVar[int]
    REPORTED_US_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    system: str
    id: str
    category: IncidentCategory
    causal_link: CausalLink
    reported_us: int
    decisions: _containers.RepeatedScalarFieldContainer[str]
    text: str
    def __init__(self, system: _Optional[str] = ..., id: _Optional[str] = ..., category: _Optional[_Union[IncidentCategory, str]] = ..., causal_link: _Optional[_Union[CausalLink, str]] = ..., reported_us: _Optional[int] = ..., decisions: _Optional[_Iterable[str]] = ..., text: _Optional[str] = ...) -> None: ...

class UpdateIncidentResponse(_message.Message):
    __slots__ = ("incident",)
    INCIDENT_FIELD_NUMBER: _ClassVar[int]
    incident: Incident
    def __init__(self, incident: _Optional[_Union[Incident, _Mapping]] = ...) -> None: ...

class CloseIncidentRequest(_message.Message):
    __slots__ = ("system", "id", "reason")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    system: str
    id: str
    reason: str
    def __init__(self, system: _Optional[str] = ..., id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CloseIncidentResponse(_message.Message):
    __slots__ = ("incident",)
    INCIDENT_FIELD_NUMBER: _ClassVar[int]
    incident: Incident
    def __init__(self, incident: _Optional[_Union[Incident, _Mapping]] = ...) -> None: ...

class ListIncidentsRequest(_message.Message):
    __slots__ = ("system", "id", "open_only")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    OPEN_ONLY_FIELD_NUMBER: _ClassVar[int]
    system: str
    id: str
    open_only: bool
    def __init__(self, system: _Optional[str] = ..., id: _Optional[str] = ..., open_only: _Optional[bool] = ...) -> None: ...

class ListIncidentsResponse(_message.Message):
    __slots__ = ("incidents",)
    INCIDENTS_FIELD_NUMBER: _ClassVar[int]
    incidents: _containers.RepeatedCompositeFieldContainer[Incident]
    def __init__(self, incidents: _Optional[_Iterable[_Union[Incident, _Mapping]]] = ...) -> None: ...
