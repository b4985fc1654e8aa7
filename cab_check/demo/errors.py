"""Refusals in the form that OpenAI's API documents: https://platform.openai.com/docs/guides/error-codes"""

from __future__ import annotations

from cab_check.demo.http import HttpReply


class ApiError(Exception):
    """A request that is answered with an error object instead of a completion."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = headers

    def reply(self) -> HttpReply:
        """The error as it goes over the wire."""
        error = {"message": self.message, "type": "invalid_request_error", "param": self.param, "code": self.code}
        return HttpReply(self.status, {"error": error}, headers=self.headers)


def invalid(param: str, message: str, code: str | None = None) -> ApiError:
    """400: field `param` of the body does not hold what it must. Dots and brackets lead to the place."""
    return ApiError(400, message, param=param, code=code)
