"""Tool calls put together from the deltas of a stream, as a client that follows OpenAI's rules does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cab_check.chat.problems import Problems
from cab_check.chat.reply import ToolCall


@dataclass(slots=True)
class _Open:
    """A call whose deltas are still coming."""

    index: Any
    id: Any = None
    type: Any = "function"
    name: Any = None
    pieces: list[str] = field(default_factory=list)
    whole: Any = None  # arguments that came as something other than text

    @property
    def arguments(self) -> Any:
        return "".join(self.pieces) if self.whole is None else self.whole


class CallStream:
    """Feed it the `tool_calls` list of each delta, then ask for the calls. Deviations go to `problems`."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._calls: list[_Open] = []

    def feed(self, entries: Any, where: str) -> str:
        """Take in one delta's list; returns the text that it added to names and arguments."""
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self._problems.add("stream-event-malformed", where, entries, "delta")
            return ""
        return "".join(self._entry(entry, f"{where}[{number}]") for number, entry in enumerate(entries))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls in the order they began."""
        return tuple(ToolCall(call.id, call.name, call.arguments, call.type, call.index) for call in self._calls)

    def finish(self, where: str) -> None:
        """Note what only the whole stream can show: gaps in the indices, and calls that never got a name."""
        indices = [call.index for call in self._calls]
        if all(isinstance(index, int) for index in indices) and indices != list(range(len(indices))):
            self._problems.add("stream-tool-index", where, indices, "offset")
        for call in self._calls:
            if not isinstance(call.name, str) or not call.name:
                self._problems.add("stream-tool-name", where, call.name, "null")

    def _entry(self, entry: dict[str, Any], where: str) -> str:
        function = entry.get("function")
        inner: dict[str, Any] = function if isinstance(function, dict) else {}
        call = self._find(entry, inner, where)
        if call is None:
            return self._begin(entry, inner, where)
        if not call.id and entry.get("id"):
            call.id = entry["id"]
        self._later_name(call, inner.get("name"), where)
        return self._arguments(call, inner.get("arguments"))

    def _find(self, entry: dict[str, Any], function: dict[str, Any], where: str) -> _Open | None:
        """The open call that a delta continues, None if it begins a new one."""
        index, call_id = entry.get("index"), entry.get("id")
        if not isinstance(index, int) or isinstance(index, bool):
            self._problems.add("stream-tool-index", f"{where}.index", entry, "missing")
            if call_id:
                return next((call for call in self._calls if call.id == call_id), None)
            return self._calls[-1] if self._calls else None
        found = next((call for call in self._calls if call.index == index), None)
        if found and found.id and call_id and call_id != found.id and function.get("name"):
            self._problems.add("stream-tool-index", f"{where}.index", entry, "reused")
        return found

    def _begin(self, entry: dict[str, Any], function: dict[str, Any], where: str) -> str:
        name = function.get("name")
        if "name" in function and name is None:
            self._problems.add("stream-tool-name", f"{where}.function.name", entry, "null")
        call = _Open(entry.get("index"), entry.get("id"), entry.get("type") or "function", name)
        self._calls.append(call)
        return (name if isinstance(name, str) else "") + self._arguments(call, function.get("arguments"))

    def _later_name(self, call: _Open, name: Any, where: str) -> None:
        """A name in a later delta. Clients append it, so the same name twice gives `read_fileread_file`."""
        if not isinstance(name, str) or not name or self._problems.has("stream-tool-index"):
            return
        if call.name == name:
            self._problems.add("stream-tool-name", f"{where}.function.name", name, "repeated")
            return
        if not self._problems.has("stream-tool-name"):
            self._problems.add("stream-tool-name", f"{where}.function.name", name, "late")
        call.name = (call.name or "") + name

    def _arguments(self, call: _Open, arguments: Any) -> str:
        if isinstance(arguments, str):
            call.pieces.append(arguments)
            return arguments
        if arguments is not None:
            call.whole = arguments
        return ""
