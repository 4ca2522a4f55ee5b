"""The expression language of queues, workflow filters and targets (R-19): text, tree, truth.

Grammar and operators: https://www.twilio.com/docs/taskrouter/expression-syntax
A fault names the character at which it was found, and becomes error 20001.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Path = tuple[str | int, ...]
Resolve = Callable[[Path], Any]
TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<operator>==|!=|>=|<=|>|<|=)
    | (?P<mark>[()\[\],])
    | (?P<word>[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\[\d+\])*)
    )""",
    re.VERBOSE,
)
SCALAR_OPERATORS = frozenset({"==", "!=", ">", "<", ">=", "<=", "CONTAINS"})
WORD_OPERATORS = frozenset({"CONTAINS", "HAS", "IN", "NOT"})
DEPTH_MAX = 50


class ExpressionError(ValueError):
    """The text is no expression; `position` is the character where that showed."""

    def __init__(self, text: str, position: int, what: str) -> None:
        super().__init__(f"Failed to parse expression '{text}': {what} at position {position}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Constant:
    value: Any

    def value_in(self, _: Resolve) -> Any:
        return self.value


@dataclass(frozen=True, slots=True)
class Key:
    path: Path

    def value_in(self, resolve: Resolve) -> Any:
        return resolve(self.path)


@dataclass(frozen=True, slots=True)
class List:
    items: tuple["Operand", ...]

    def value_in(self, resolve: Resolve) -> Any:
        return [item.value_in(resolve) for item in self.items]


Operand = Constant | Key | List


@dataclass(frozen=True, slots=True)
class Comparison:
    operator: str
    left: Operand
    right: Operand

    def holds(self, resolve: Resolve) -> bool:
        return compare(self.operator, self.left.value_in(resolve), self.right.value_in(resolve))


@dataclass(frozen=True, slots=True)
class Joined:
    """AND or OR over two or more parts."""

    every: bool
    parts: tuple["Expression", ...]

    def holds(self, resolve: Resolve) -> bool:
        truths = (part.holds(resolve) for part in self.parts)
        return all(truths) if self.every else any(truths)


Expression = Comparison | Joined


@lru_cache(maxsize=2048)
def parse(text: str) -> Expression:
    """Raises ExpressionError. The same text is parsed once."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        found = self._any_of()
        rest = self._peek()
        if rest is not None:
            raise self._unexpected(rest)
        return found

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> Token:
        token = self._peek()
        if token is None:
            raise ExpressionError(self._text, len(self._text), "unexpected end")
        self._at += 1
        return token

    def _unexpected(self, token: Token) -> ExpressionError:
        return ExpressionError(self._text, token.at, f"unexpected '{token.text}'")

    def _word(self, word: str) -> bool:
        """Take this word if it is next."""
        token = self._peek()
        if token is None or token.kind != "word" or token.text.upper() != word:
            return False
        self._at += 1
        return True

    def _any_of(self) -> Expression:
        parts = [self._all_of()]
        while self._word("OR"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Joined(False, tuple(parts))

    def _all_of(self) -> Expression:
        parts = [self._one()]
        while self._word("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Joined(True, tuple(parts))

    def _one(self) -> Expression:
        token = self._peek()
        if token is None or token.text != "(" or token.kind != "mark":
            return self._comparison()
        self._take()
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ExpressionError(self._text, token.at, "too many parentheses")
        found = self._any_of()
        self._depth -= 1
        self._expect(")")
        return found

    def _expect(self, mark: str) -> None:
        token = self._take()
        if token.kind != "mark" or token.text != mark:
            raise self._unexpected(token)

    def _comparison(self) -> Comparison:
        left = self._operand()
        operator = self._operator()
        return Comparison(operator, left, self._operand())

    def _operator(self) -> str:
        token = self._take()
        word = token.text.upper()
        if token.kind == "operator":
            return "==" if word == "=" else word
        if token.kind != "word" or word not in WORD_OPERATORS:
            raise self._unexpected(token)
        if word == "NOT":
            if not self._word("IN"):
                raise self._unexpected(token)
            return "NOT IN"
        return word

    def _operand(self) -> Operand:
        token = self._take()
        if token.kind == "number":
            return Constant(float(token.text) if "." in token.text else int(token.text))
        if token.kind == "string":
            return Constant(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        if token.kind == "mark" and token.text == "[":
            return self._list()
        if token.kind != "word" or token.text.upper() in ("AND", "OR", *WORD_OPERATORS):
            raise self._unexpected(token)
        if token.text.lower() in ("true", "false"):
            return Constant(token.text.lower() == "true")
        return Key(_path(token.text))

    def _list(self) -> List:
        items: list[Operand] = []
        token = self._peek()
        if token is not None and token.text == "]":
            self._take()
            return List(())
        while True:
            items.append(self._operand())
            token = self._take()
            if token.kind == "mark" and token.text == "]":
                return List(tuple(items))
            if token.kind != "mark" or token.text != ",":
                raise self._unexpected(token)


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            here = at + len(text[at:]) - len(text[at:].lstrip())
            raise ExpressionError(text, here, f"unexpected '{text[here]}'")
        kind = match.lastgroup
        found.append(Token(kind, match.group(kind), match.start(kind)))
        at = match.end()
    return found


def _path(word: str) -> Path:
    parts = re.findall(r"[A-Za-z_$][\w$]*|\[\d+\]", word)
    return tuple(int(part[1:-1]) if part.startswith("[") else part for part in parts)


def look_up(document: Any, path: Path) -> Any:
    """What stands at this path of a JSON document; None when nothing does."""
    for part in path:
        if isinstance(part, int):
            if not isinstance(document, list) or part >= len(document):
                return None
            document = document[part]
        elif isinstance(document, dict):
            document = document.get(part)
        else:
            return None
    return document


def same(left: Any, right: Any) -> bool:
    """Equal and of one kind: true is not 1, and "1" is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def compare(operator: str, left: Any, right: Any) -> bool:
    """An operator on values it is not made for gives false, not an error."""
    if operator in SCALAR_OPERATORS:
        if isinstance(left, list | dict) or isinstance(right, list | dict):
            return False
        return _compare_scalars(operator, left, right)
    if operator == "HAS":
        return isinstance(left, list) and any(same(item, right) for item in left)
    if not isinstance(right, list) or isinstance(left, list | dict):
        return False
    return any(same(left, item) for item in right) is (operator == "IN")


def _compare_scalars(operator: str, left: Any, right: Any) -> bool:
    if operator in ("==", "!="):
        return same(left, right) is (operator == "==")
    texts = isinstance(left, str) and isinstance(right, str)
    if operator == "CONTAINS":
        return texts and right in left
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))
    if not texts and not numbers:
        return False
    first = {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right}
    return bool(first[operator])
