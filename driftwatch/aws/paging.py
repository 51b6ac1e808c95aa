"""How an operation continues on the next page, from botocore's paginator data or, where it has none, from the names of the members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jmespath

from driftwatch.aws.entry import Paging

_TOKEN_INPUTS = frozenset(
    {"token", "nexttoken", "marker", "nextmarker", "paginationtoken", "pagetoken", "nextpagetoken", "position"}
    | {"continuationtoken", "startingtoken"}
)


@dataclass(frozen=True, kw_only=True)
class PageRule:
    """`inputs` are the members that take the token; `outputs` (JMESPath, one for each) and `more` say where a reply has it."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    more: str | None = None
    follow: bool = True
    """False: a single call was asked for, and a token in its reply means that something is left unread."""

    @cached_property
    def _expressions(self) -> tuple[Any, ...]:
        return tuple(jmespath.compile(output) for output in self.outputs)

    def next(self, reply: Mapping[str, Any]) -> dict[str, Any] | None:
        """The members to send for the next page; None at the end. Raises ValueError when there is more, but no way to ask for it."""
        more = jmespath.search(self.more, reply) if self.more else None
        if self.more and not more:
            return None
        found = {name: value for name, value in zip(self.inputs, (e.search(reply) for e in self._expressions), strict=True) if value}
        if not found and more:
            raise ValueError("the reply says that there is more, but holds no token")
        return found or None


def page_rule(paginator: Mapping[str, Any] | None, operation_model: Any, paging: Paging | None) -> PageRule:
    """The rule of an operation. `paginator` is botocore's data for it, if any."""
    if paging is not Paging.SINGLE and paging is not Paging.TOKEN and paginator:
        return PageRule(
            inputs=tuple(_listed(paginator["input_token"])),
            outputs=tuple(_listed(paginator["output_token"])),
            more=paginator.get("more_results"),
        )
    pair = next(_token_pairs(operation_model), None)
    if pair is None:
        return PageRule()
    return PageRule(inputs=(pair[0],), outputs=(pair[1],), follow=paging is not Paging.SINGLE)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _token_pairs(operation_model: Any) -> Iterator[tuple[str, str]]:
    if operation_model.input_shape is None or operation_model.output_shape is None:
        return
    for name in operation_model.input_shape.members:
        if name.lower() in _TOKEN_INPUTS:
            wanted = {name.lower(), f"next{name.lower()}", "nexttoken", "nextpagetoken"}
            for output, leaf, shape in _outputs(operation_model.output_shape):
                if leaf.lower() in wanted and shape.type_name == "string":
                    yield name, output


def _outputs(shape: Any) -> Iterator[tuple[str, str, Any]]:
    """(path, name, shape) of a reply's members; where its only member is a structure, of that one's (CloudFront, Pinpoint)."""
    members = dict(shape.members)
    yield from ((name, name, member) for name, member in members.items())
    wrapped = [(name, member) for name, member in members.items() if member.type_name == "structure"]
    if len(members) == 1 and wrapped:
        ((outer, inner),) = wrapped
        yield from ((f"{outer}.{name}", name, member) for name, member in inner.members.items())
