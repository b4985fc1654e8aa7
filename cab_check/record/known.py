"""The Record's rule for what is not known: null, never 0, and a sentence beside it that says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def known(values: Mapping[str, Any], why_unknown: Mapping[str, str]) -> dict[str, Any]:
    """`values` with one more key, `reasons`: for each value that is None, the sentence of `why_unknown`.

    Only the keys of `why_unknown` are facts that can be unknown; None elsewhere means that there is nothing to tell.
    """
    reasons = {name: sentence for name, sentence in why_unknown.items() if values[name] is None}
    return {**values, "reasons": reasons}
