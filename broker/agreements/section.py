"""One mapping of an edition file, read key by key; what nobody asked for is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import NoReturn, TypeVar

from broker.agreements.durations import seconds
from broker.agreements.errors import AgreementError, Rule, nearest
from broker.domain.values import instant
from broker.domain.workload import WorkClass

Word = TypeVar("Word", bound=StrEnum)


@dataclass(slots=True, kw_only=True)
class Section:
    """A mapping and where it stands. Every reading method raises AgreementError.

    A key that is absent and a key that is null are the same: the source does not say.
    """

    values: Mapping[object, object]
    file: str
    clause: str = ""
    path: str = ""
    missing: Rule = Rule.SHAPE
    """The rule that an absent field breaks here."""
    asked: set[str] = field(default_factory=set)

    def fail(self, key: str, says: str, *, rule: Rule = Rule.SHAPE) -> NoReturn:
        name = f"{self.path}.{key}" if self.path else key
        raise AgreementError(f"{name} {says}", file=self.file, clause=self.clause, rule=rule)

    def done(self) -> None:
        """Refuse the first key that no reading method has asked for."""
        for key in self.values:
            if key not in self.asked:
                known = self.asked - {str(other) for other in self.values if other != key}
                self.fail(str(key), f"is not a known field: {nearest(str(key), known)}")

    def get(self, key: str) -> object:
        self.asked.add(key)
        return self.values.get(key)

    def need(self, key: str) -> object:
        value = self.get(key)
        if value is None:
            self.fail(key, "is missing", rule=self.missing)
        return value

    def text(self, key: str) -> str:
        value = self.need(key)
        if not isinstance(value, str) or not value.strip():
            self.fail(key, f"must be a text, not {value!r}")
        return value

    def text_or_none(self, key: str) -> str | None:
        return None if self.get(key) is None else self.text(key)

    def text_or(self, key: str, default: str) -> str:
        return default if self.get(key) is None else self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, f"must be a list of texts, not {value!r}")
        return tuple(value)

    def whole(self, key: str) -> int:
        value = self.need(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.fail(key, f"must be a whole number of at least 0, not {value!r}")
        return value

    def decimal(self, key: str) -> Decimal:
        value = self.need(key)
        try:
            number = None if isinstance(value, bool) else Decimal(str(value))
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite():
            self.fail(key, f"must be a number, not {value!r}")
        return number

    def flag(self, key: str) -> bool:
        value = self.need(key)
        if not isinstance(value, bool):
            self.fail(key, f"must be true or false, not {value!r}")
        return value

    def flag_or_false(self, key: str) -> bool:
        return self.get(key) is not None and self.flag(key)

    def seconds(self, key: str) -> int:
        try:
            return seconds(self.text(key))
        except AgreementError:
            raise
        except ValueError as wrong:
            self.fail(key, f"is wrong: {wrong}")

    def seconds_or_none(self, key: str) -> int | None:
        return None if self.get(key) is None else self.seconds(key)

    def instant(self, key: str) -> datetime:
        text = self.text(key)
        try:
            return instant(text)
        except ValueError:
            self.fail(key, f"must be an instant such as 2025-01-21T00:00:00Z, not {text!r}")

    def instant_or_none(self, key: str) -> datetime | None:
        return None if self.get(key) is None else self.instant(key)

    def word(self, key: str, words: type[Word]) -> Word:
        return self.word_of(key, self.text(key), words)

    def word_or(self, key: str, default: Word) -> Word:
        return default if self.get(key) is None else self.word(key, type(default))

    def words(self, key: str, words: type[Word]) -> frozenset[Word]:
        return frozenset(self.word_of(key, text, words) for text in self.texts(key))

    def open_words(self, key: str, words: type[Word]) -> frozenset[Word] | None:
        """The words of a match; None, so any, where it is absent or says `*`."""
        texts = self.open_texts(key)
        return None if texts is None else self.words(key, words)

    def open_texts(self, key: str) -> frozenset[str] | None:
        if self.get(key) is None:
            return None
        texts = self.texts(key)
        if not texts:
            self.fail(key, "is empty and so would match nothing: leave it out or write ['*']")
        return None if "*" in texts else frozenset(texts)

    def word_of(self, key: str, text: str, words: type[Word]) -> Word:
        try:
            return words(text)
        except ValueError:
            rule, what = (
                (Rule.KNOWN_CLASS, "no known class")
                if words is WorkClass
                else (Rule.SHAPE, "none of its words")
            )
            self.fail(key, f"says {text!r}, which is {what}: {nearest(text, words)}", rule=rule)

    def section(self, key: str) -> Section:
        return self.inner(key, self.need(key))

    def section_or_none(self, key: str) -> Section | None:
        return None if self.get(key) is None else self.section(key)

    def inner(self, key: str, value: object, *, clause: str = "") -> Section:
        """A mapping found under a key of this one; a clause's own begins its path anew."""
        if not isinstance(value, Mapping):
            self.fail(key, f"must be a mapping, not {value!r}")
        name = f"{self.path}.{key}" if self.path else key
        return Section(
            values=value,
            file=self.file,
            clause=clause or self.clause,
            path="" if clause else name,
            missing=self.missing,
        )

    def sections(self, key: str) -> tuple[Section, ...]:
        """The mappings of a list. Where they have an id, they are spoken of by it."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.fail(key, f"must be a list, not {value!r}")
        return tuple(
            self.inner(f"{key}[{index}]", item, clause=_id_of(item))
            for index, item in enumerate(value)
        )

    def names(self) -> tuple[str, ...]:
        """Every key, where the keys are names of the author's own."""
        return tuple(str(key) for key in self.values)


def _id_of(item: object) -> str:
    found = item.get("id") if isinstance(item, Mapping) else None
    return found if isinstance(found, str) else ""
