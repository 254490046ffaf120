"""The forms of a metric and of an upload, without scripts: each button submits all fields."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from reference_host.tests.app_fixture import Browser

FORMS = {"metric-form", "upload-form"}
Fields = dict[str, list[str]]


class FormReader(HTMLParser):
    """Reads the form of a page.

    Attributes:
        fields: The values to submit, by name.
        offered: The enabled options, by list.
        refused: The disabled options with the reason, by list.
        action: The address that the form is submitted to.
        buttons: The values of its buttons, by name.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: Fields = {}
        self.offered: Fields = {}
        self.refused: dict[str, dict[str, str]] = {}
        self.action = ""
        self.buttons: dict[str, str] = {}
        self._within = False
        self._list = self._area = self._disabled = ""
        self._chosen: str | None = None
        self._text = ""
        self.feed(page)
        assert self.fields, "the page has no such form"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read the start of a control."""
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self._within = given.get("id") in FORMS
            self.action = given.get("action", "") if self._within else self.action
        elif not self._within:
            return
        elif tag == "button" and name:
            self.buttons[name] = given.get("value", "")
        elif tag == "input" and name:
            self._input(name, given)
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "select":
            self._list, self._chosen = name, None
            self.offered[name], self.refused[name] = [], {}
        elif tag == "option":
            self._option(given)

    def handle_data(self, data: str) -> None:
        """Read the text of a control."""
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        """Read the end of a control."""
        if tag == "form":
            self._within = False
        elif tag == "textarea" and self._area:
            self._send(self._area, self._text)
            self._area = ""
        elif tag == "option" and self._disabled:
            self.refused[self._list][self._disabled] = " ".join(self._text.split())
        elif tag == "select" and self._list:
            first = next(iter(self.offered[self._list]), None)
            chosen = first if self._chosen is None else self._chosen
            if chosen is not None:
                self._send(self._list, chosen)
            self._list = ""

    def _input(self, name: str, given: dict[str, str]) -> None:
        kind, value = given.get("type", "text"), given.get("value", "")
        if kind in {"checkbox", "radio"}:
            if "disabled" in given:
                self.refused.setdefault(name, {})[value] = ""
                return
            self.offered.setdefault(name, []).append(value)
            if "checked" not in given:
                return
        if kind != "file":
            self._send(name, value)

    def _option(self, given: dict[str, str]) -> None:
        value, self._text, self._disabled = given.get("value", ""), "", ""
        if "selected" in given and "disabled" not in given:
            self._chosen = value
        if "disabled" not in given:
            self.offered[self._list].append(value)
        elif value:
            self._disabled = value

    def _send(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


class FormFiller:
    """A person who fills a metric's form, page after page.

    Args:
        browser: The person's browser.
        address: The page with the form.
    """

    def __init__(self, browser: Browser, address: str = "/metrics/new") -> None:
        self.browser = browser
        self.take(browser.get(address))

    @property
    def page(self) -> str:
        """The current page."""
        return self.answer.text

    @property
    def fields(self) -> Fields:
        """The values of the form."""
        return self.form.fields

    def offered(self, name: str) -> list[str]:
        """Return the enabled options of a list."""
        return self.form.offered.get(name, [])

    def refused(self, name: str) -> dict[str, str]:
        """Return the disabled options of a list, with the reason."""
        return self.form.refused.get(name, {})

    def choose(self, **changes: str | list[str] | None) -> None:
        """Change fields and update the form; None clears a checkbox."""
        self.press("/metrics/form", **changes)

    def press(self, address: str, **changes: str | list[str] | None) -> httpx.Response:
        """Change fields and press the button that submits the form to an address."""
        self.take(self.send(address, **changes))
        return self.answer

    def send(self, address: str, **changes: str | list[str] | None) -> httpx.Response:
        """Submit the form like ``press``, and return the response, which may have no form."""
        return self._finished(self.browser.post(address, data=self._changed(changes)))

    def choose_file(self, file: str, content: bytes, /, **changes: str | list[str] | None) -> None:
        """Choose a file and show its preview."""
        files = {"file": (file, content)}
        data = self._changed(changes)
        self.take(self.browser.post("/metrics/upload", data=data, files=files))

    def update_preview(self, **changes: str) -> None:
        """Change how the file is read, and show its preview again."""
        self.press(self._address, show="1", **changes)

    def store_file(self, **changes: str) -> None:
        """Press Connect or Replace in the preview, whichever it has."""
        buttons = {n: v for n, v in self.form.buttons.items() if n in {"connect", "replace"}}
        assert len(buttons) == 1, "the file is not ready"
        self.press(self._address, **buttons, **changes)

    def upload(self, file: str, content: bytes, /, **changes: str | list[str] | None) -> None:
        """Choose a file and connect it as the preview shows it."""
        self.choose_file(file, content, **changes)
        self.store_file()

    @property
    def _address(self) -> str:
        return self.form.action.removeprefix(self.browser.base_url.path.rstrip("/"))

    def take(self, answer: httpx.Response) -> None:
        """Read a page with the form."""
        self.answer = self._finished(answer)
        self.form = FormReader(self.answer.text)

    def _changed(self, changes: dict[str, str | list[str] | None]) -> dict[str, str | list[str]]:
        """Return the values to submit; ``__`` in a keyword is a dash in the name of the field."""
        named = {name.replace("__", "-"): value for name, value in changes.items()}
        return {
            name: value for name, value in {**self.fields, **named}.items() if value is not None
        }

    def _finished(self, answer: httpx.Response) -> httpx.Response:
        job = answer.url.path.removeprefix(self.browser.base_url.path.rstrip("/"))
        if not job.startswith("/jobs/"):
            return answer
        self.browser.get(f"{job}/events")  # The stream ends with the job.
        return self.browser.get(job)
