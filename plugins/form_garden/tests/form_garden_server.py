"""A fake Form Garden server with fictional data, as a function from request to response."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

HOST: Final = "garden.example.com"
KEY: Final = "made-up-key-of-form-garden-0001"
RESPONDENT: Final = "Rosa Thorne"
FIRST: Final = datetime(2026, 2, 2, 7, 30, tzinfo=UTC)

FORMS: Final = [{"id": f"form-{n}", "title": f"Form {n}"} for n in (1, 2, 3, 4)]
QUESTIONS: Final[list[dict[str, Any]]] = [
    {"name": "ease", "label": "How easy was it?", "options": list("12345"), "many": False},
    {"name": "grown", "label": "What grew?", "options": ["kale", "beans"], "many": True},
    {"name": "wish", "label": "What do you wish for?", "options": [], "many": False},
]


EMPTY: Final = {"id": "form-5", "title": "Not listed, without responses"}
BLANK: Final = {"id": "form-6", "title": "Not listed, without questions"}


def responses(count: int) -> str:
    """Return the responses to a form as CSV text that ends with the number of rows."""
    lines = ["submitted_at,status,respondent,plot,ease,grown,wish"]
    for n in range(count):
        at = (FIRST + timedelta(days=n, seconds=n)).isoformat()
        status = "test" if n % 20 == 7 else "draft" if n % 15 == 4 else "done"
        ease = "" if n % 9 == 0 else str(n % 5 + 1)
        grown = "|".join(name for name, every in (("beans", 2), ("kale", 3)) if n % every == 0)
        lines.append(f"{at},{status},{RESPONDENT},{('sun', 'shade')[n % 2]},{ease},{grown},")
    return "\n".join([*lines, f"# {len(lines) - 1} rows"]) + "\n"


def server(request: httpx.Request) -> httpx.Response:
    """Return the response to a request; only ``HOST`` exists."""
    if request.url.host != HOST:
        raise httpx.ConnectError("the host does not exist")
    if request.headers.get("x-garden-key") != KEY:
        return httpx.Response(401, json={"message": "Unknown key"})
    path, offset = request.url.path, int(request.url.params.get("offset", 0))
    if path == "/api/account":
        return httpx.Response(200, json={"account": "allotment"})
    if path == "/api/forms":
        page = {"offset": offset, "total": len(FORMS), "forms": FORMS[offset : offset + 2]}
        return httpx.Response(200, json=page)
    for form in (*FORMS, EMPTY, BLANK):
        if path == f"/api/forms/{form['id']}":
            questions = [] if form is BLANK else QUESTIONS
            return httpx.Response(200, json={"form": form, "questions": questions})
        if path == f"/api/forms/{form['id']}/responses.csv":
            text = responses(70 if form in FORMS else 0)
            return httpx.Response(200, text=text, headers={"content-type": "text/csv"})
    return httpx.Response(404, json={"message": "Not found"})
