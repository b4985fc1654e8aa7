"""All checks, in the order in which a request meets what they look at. A check's needs stand before it."""

from __future__ import annotations

from dataclasses import replace

from cab_check.handshake.check import Check
from cab_check.handshake.checks.address import ADDRESS, BASE_PATH
from cab_check.handshake.checks.auth import KEY
from cab_check.handshake.checks.chat import CHAT, REASONING
from cab_check.handshake.checks.context import CONTEXT
from cab_check.handshake.checks.delivery import COMPRESSION, LONG_FILE, PIECEWISE
from cab_check.handshake.checks.edit_format import EDIT_FORMAT
from cab_check.handshake.checks.limits import LARGE_LIMIT, OUTPUT_LIMIT
from cab_check.handshake.checks.messages import DEVELOPER, HISTORY, SYSTEM
from cab_check.handshake.checks.model import MODEL
from cab_check.handshake.checks.network import REACH, SERVICE
from cab_check.handshake.checks.other_apis import MESSAGES_API, RESPONSES_API
from cab_check.handshake.checks.params import AGENT_PARAMS, PARAMS
from cab_check.handshake.checks.reasoning import REASONING_ECHO
from cab_check.handshake.checks.schemas import SCHEMAS
from cab_check.handshake.checks.streaming import STREAM
from cab_check.handshake.checks.structured import STRUCTURED
from cab_check.handshake.checks.tools_request import TOOL_CHOICE, TOOLS
from cab_check.handshake.checks.tools_response import NO_ARGUMENTS, PARALLEL, TEXT_SURVIVES, TOOL_CALL, TOOL_CALL_STREAM
from cab_check.handshake.checks.turns import SECOND_TURN, SECOND_TURN_STREAM
from cab_check.handshake.checks.usage import USAGE, USAGE_STREAM
from cab_check.handshake.plan import Plan
from cab_check.handshake.tuis.replays import replay_of
from cab_check.tuis.loader import profile

CHECKS: tuple[Check, ...] = (
    ADDRESS,
    REACH,
    BASE_PATH,
    SERVICE,
    KEY,
    MODEL,
    CHAT,
    PARAMS,
    STREAM,
    COMPRESSION,
    TOOLS,
    TOOL_CHOICE,
    SCHEMAS,
    TOOL_CALL,
    TOOL_CALL_STREAM,
    NO_ARGUMENTS,
    PARALLEL,
    TEXT_SURVIVES,
    SECOND_TURN,
    SECOND_TURN_STREAM,
    AGENT_PARAMS,
    OUTPUT_LIMIT,
    HISTORY,
    SYSTEM,
    DEVELOPER,
    USAGE,
    USAGE_STREAM,
    REASONING_ECHO,
    REASONING,
    RESPONSES_API,
    MESSAGES_API,
    LONG_FILE,
    PIECEWISE,
    CONTEXT,
    STRUCTURED,
    LARGE_LIMIT,
    EDIT_FORMAT,
)

BEFORE_REPLAYS = CHECKS[: CHECKS.index(CHAT) + 1]
"""What is asked before anything that an agent CLI sends."""


def checks_of(plan: Plan) -> tuple[Check, ...]:
    """The checks of a plan: where agent CLIs are asked about, what those send comes first, and the rest only if that
    did not pass; but for the formats of edits that some of them live on, which no replay shows.
    """
    if not plan.tuis:
        return CHECKS
    replays = tuple(replay_of(profile(name)) for name in plan.tuis)
    ids = tuple(check.id for check in replays)
    rest = (check if check is EDIT_FORMAT else replace(check, unless=ids) for check in CHECKS[len(BEFORE_REPLAYS) :])
    return (*BEFORE_REPLAYS, *replays, *rest)


CONTACT: tuple[Check, ...] = (ADDRESS, REACH, BASE_PATH)
"""Those that need no model: enough to know where the API is and what it serves."""
