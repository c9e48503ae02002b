"""What every model that is read has in common: frozen, and a typo names the nearest field."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from broker.domain.values import decimal_text
from broker.wire.wording import UNKNOWN_FIELD, WRONG, in_words

_SHOWN: Final = 60
"""How much of a name that we do not know is repeated."""


def wrong(sentence: str) -> PydanticCustomError:
    """A value that cannot be, and what to do about it."""
    return PydanticCustomError(WRONG, "{sentence}", {"sentence": sentence})


class Strict(BaseModel):
    """What is asked of us. A field of a later issue is refused by name, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Fields that are meant to come and are not there yet."""
    ELSEWHERE: ClassVar[Mapping[str, str]] = {}
    """Fields that people look for here, and where they are."""

    if not TYPE_CHECKING:  # type checkers know the fields

        def __init__(self, /, **given: object) -> None:
            try:
                super().__init__(**given)
            except ValidationError as wrong:
                raise in_words(wrong) from None

        def __setattr__(self, name: str, value: object) -> None:
            try:
                super().__setattr__(name, value)
            except ValidationError as wrong:
                raise in_words(wrong) from None

        __init__.__pydantic_base_init__ = True  # what is read from JSON does without it

    @model_validator(mode="before")
    @classmethod
    def _knows_its_fields(cls, given: Any) -> Any:  # noqa: ANN401 - anything may be given
        if not isinstance(given, Mapping) or given.keys() <= cls.model_fields.keys():
            return given
        known = {field.alias or name for name, field in cls.model_fields.items()}
        named = cast("Mapping[object, object]", given)
        unknown = next((str(key) for key in named if key not in known), None)
        if unknown is None:
            return given
        name = (
            unknown if unknown.isprintable() and len(unknown) <= _SHOWN else ascii(unknown[:_SHOWN])
        )
        if name in cls.LATER:
            sentence = f"{name} is not supported yet; leave it out"
        elif name in cls.ELSEWHERE:
            sentence = f"{name} is no field here; write it as {cls.ELSEWHERE[name]}"
        elif near := get_close_matches(name, known, n=1, cutoff=0.6):
            sentence = f"{name} is no field here; did you mean {near[0]}?"
        else:
            sentence = f"{name} is no field here; known are {', '.join(sorted(known))}"
        raise PydanticCustomError(
            UNKNOWN_FIELD, "{sentence}", {"sentence": sentence, "field": name}
        )


class Seen(BaseModel):
    """What we answer. Readers skip what they do not know, so that more may be told later."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _storable(text: str) -> str:
    if "\0" in text:
        raise wrong("a NUL character cannot be kept; take it out")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise wrong("half a character cannot be kept; send whole UTF-8") from None
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""Text that every database keeps."""
UsdText = Annotated[Decimal, PlainSerializer(decimal_text, return_type=str)]
"""US dollars, on the wire a decimal string."""
Word = Annotated[Text, Field(min_length=1, max_length=128)]
Count = Annotated[int, Field(strict=True, ge=1, le=10_000)]
