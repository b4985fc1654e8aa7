"""The replay of an agent CLI, over whichever API it speaks."""

from __future__ import annotations

from collections.abc import Sequence

from cab_check.handshake.check import Check
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen
from cab_check.handshake.tuis import replay_api, replayed
from cab_check.handshake.tuis.replay import Replay
from cab_check.tuis.profile import Profile


def replay_of(profile: Profile) -> Check:
    """The check that sends what this CLI sends."""
    return replayed.replay_check(profile) if profile.wire == "chat" else replay_api.replay_check(profile)


def tokens_replayed(asked_about: Sequence[Profile], plan: Plan, seen: Seen) -> int | None:
    """The largest prompt of a replay that was answered, in the server's own count."""
    counts = [
        replayed.prompt_tokens(one, plan, seen) if one.wire == "chat" else replay_api.prompt_tokens(one, seen)
        for one in asked_about
    ]
    return max((count for count in counts if count is not None), default=None)


def taken(profile: Profile, plan: Plan, seen: Seen) -> bool:
    """Whether both turns of this CLI were taken, whatever is wrong with the answers: nothing of them is refused."""
    if profile.wire != "chat":
        turns = replay_api.surface_of(profile).turns(seen)
        return any(turn.accepted and turn.has_result for turn in turns)
    job = Replay(profile, plan, seen)
    return any(turn.answered for turn in job.opened()) and any(turn.answered for turn in job.answered())
