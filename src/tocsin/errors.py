"""Every error a person can meet: a stable public code and a plain sentence.

- One tree, branched by who must act: the sender of an input, the person at the screen, the other side (a source or a
  channel), the operator of this installation.
- The class docstring is the sentence a person reads; ``detail`` says which one and where. The code never changes.
- What is normal is a value and not an exception: a refused delivery, a stale source and an unfit message are results.
- The HTTP status is decided in ``tocsin.web`` alone.
"""

from __future__ import annotations

from typing import ClassVar

from tocsin.remark import Remark, Value, remark


class TocsinError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "tocsin"

    def __init__(self, detail: str | Remark = "", **facts: object) -> None:
        self.said = detail if isinstance(detail, Remark) else None
        self.detail = str(detail)
        self.facts = facts
        super().__init__(f"{self.sentence} {self.detail}".strip())

    @property
    def sentence(self) -> str:
        """The plain sentence for a person, in English; the edge translates it by ``code``."""
        return (type(self).__doc__ or "").strip().splitlines()[0]

    @property
    def remark(self) -> Remark:
        """All of it as one remark, so that the edge can say it in the reader's language."""
        detail: Value = self.said or self.detail
        what = Remark(f"error.{self.code}", self.sentence)
        return remark("error", "{what} {detail}", what=what, detail=detail) if self.detail else what


# --- the sender of an input must act -------------------------------------------------------------------------------


class InputError(TocsinError):
    """What was sent cannot be taken as it is."""

    code = "input"


class HostileXmlError(InputError):
    """This XML is refused because reading it could cost too much or show what is not in it."""

    code = "input.xml-hostile"


class UnreadableError(InputError):
    """This is not a message that can be read."""

    code = "input.unreadable"


class UnfitAlertError(InputError):
    """This alert is not fit to be published."""

    code = "input.alert-unfit"


class TooLargeError(InputError):
    """This is larger than what is taken here."""

    code = "input.too-large"


class NaiveTimeError(InputError):
    """This time has no offset from UTC, so nobody can say which moment it means."""

    code = "input.time-naive"


class UnknownPlaceError(InputError):
    """No area with this code or name is known here."""

    code = "input.place-unknown"


class GeometryError(InputError):
    """This geometry does not enclose an area on the Earth."""

    code = "input.geometry"


class ParameterError(InputError):
    """This part of the request is not understood."""

    code = "input.parameter"


class MediaTypeError(InputError):
    """This kind of content is not taken here."""

    code = "input.media-type"


class MethodError(InputError):
    """This address does not do that."""

    code = "input.method"


class UpgradeError(InputError):
    """This address is for WebSocket; connect with ws: or wss:."""

    code = "input.upgrade"


class HeadersTooLargeError(InputError):
    """The address or the headers of this request are too long."""

    code = "input.headers-too-large"


class TooSlowError(InputError):
    """The request did not arrive in time; send it again."""

    code = "input.too-slow"


class WrongRealmError(InputError):
    """Real alerts and exercises are kept apart, and this message belongs to the other side."""

    code = "input.realm"


class IdentifierTakenError(InputError):
    """Another message with this identifier and sender was taken before."""

    code = "input.identifier-taken"


class RepeatedKeyError(InputError):
    """This Idempotency-Key was used before for a different request."""

    code = "input.idempotency-key"


class ImportFileError(InputError):
    """This file could not be understood."""

    code = "input.file"


class AnswerTimeError(InputError):
    """The time of this answer does not fit this roll call; send it again without a time."""

    code = "input.answer-time"


# --- the person must act -------------------------------------------------------------------------------------------


class PersonError(TocsinError):
    """This is not possible for you now."""

    code = "person"


class NotAllowedError(PersonError):
    """You are not allowed to do this."""

    code = "person.not-allowed"


class NotSignedInError(PersonError):
    """Sign in first."""

    code = "person.not-signed-in"


class SignInRefusedError(PersonError):
    """This did not sign you in. Try again, or use another way to sign in."""

    code = "person.sign-in-refused"


class NotFreshError(PersonError):
    """Prove first that you are present, for exactly this step."""

    code = "person.not-fresh"


class InvitationSpentError(PersonError):
    """This link was used before or has ended; ask an administrator for a new one."""

    code = "person.invitation-spent"


class ForgedFormError(PersonError):
    """This did not come from a page opened here just now; load the page again and send it once more."""

    code = "person.forged-form"


class IllegalStepError(PersonError):
    """This step is not possible from where this stands."""

    code = "person.illegal-step"


class RateLimitedError(PersonError):
    """Too many requests from here; wait and try again."""

    code = "person.rate-limited"


class ForeignSenderError(PersonError):
    """This token may not speak for that sender."""

    code = "person.foreign-sender"


class NotFoundError(PersonError):
    """There is nothing at this address."""

    code = "person.not-found"


# --- the other side must act ---------------------------------------------------------------------------------------


class OtherSideError(TocsinError):
    """The other side did not do its part."""

    code = "other-side"


class SourceError(OtherSideError):
    """A source cannot be heard."""

    code = "other-side.source"


class ChannelError(OtherSideError):
    """A channel does not take what is sent."""

    code = "other-side.channel"


class ModelEndpointError(OtherSideError):
    """The model's endpoint gives no answer that can be used; nothing else waits for it."""

    code = "other-side.model"


# --- the operator must act -----------------------------------------------------------------------------------------


class OperatorError(TocsinError):
    """This installation needs its operator."""

    code = "operator"


class SettingsError(OperatorError):
    """A setting is wrong."""

    code = "operator.settings"


class StoreError(OperatorError):
    """The store cannot be used."""

    code = "operator.store"


class JournalBrokenError(StoreError):
    """The journal's chain is broken."""

    code = "operator.journal-broken"


class PolicyError(OperatorError):
    """The mirror policy cannot be used."""

    code = "operator.policy"


class KeyMissingError(OperatorError):
    """A key that is needed is missing or has ended."""

    code = "operator.key"


class KeyEndsError(OperatorError):
    """A key that is needed ends soon."""

    code = "operator.key-ends"


class NotReadyError(OperatorError):
    """This installation cannot warn right now."""

    code = "operator.not-ready"


class ModelError(OperatorError):
    """This model cannot be used; everything else works without it."""

    code = "operator.model"


class ModelChangedError(ModelError):
    """The files of this model are not those that its list of SHA-256 sums names, so it is not loaded."""

    code = "operator.model-changed"
