"""What the API gives, as a file on the disk or as a URL for an element."""

from typing import TYPE_CHECKING, Any

import js
from js import URL, Function
from pyodide.ffi import JsException

from ..errors import ReissueError
from ..http.content_disposition import filename_for, safe_filename
from ..http.messages import Request
from ..http.outcomes import field_of
from ..streams.session_watch import SessionWatch
from .interop import js_object
from .urls import IN_WORKER

if TYPE_CHECKING:
    from .page import PageInterceptor

_REVOKED_AFTER = 60_000  # ms; a browser has long begun to save it by then


async def download(api: "PageInterceptor", url: Any, filename: str | None, options: dict[str, Any]) -> str | None:
    """As `PageInterceptor.download`."""
    if IN_WORKER:
        raise ReissueError("a worker can't save files: call download() in the page")
    response = await api.request(options.pop("method", "GET"), url, **options)
    try:
        response.raise_for_status()
        named = None if filename is None else safe_filename(filename)
        name = named or filename_for(field_of(response, "Content-Disposition"), response.url)
        try:
            target = await _picked(name)
        except JsException:
            return None
        if target is None:
            _save(await response.blob(), name)
        else:
            await _write(response, target)
        return name
    finally:
        response.discard_body()


async def _picked(name: str) -> Any | None:
    """The file that the user has picked; None if the browser does not let the page ask. Raises JsException if the user
    declined.
    """
    # The browser shows the dialog only to a page whose user has just clicked (HTML standard, 'transient activation').
    pick = getattr(js, "showSaveFilePicker", None)
    if pick is None or not js.navigator.userActivation.isActive:
        return None
    try:
        return await pick(js_object({"suggestedName": name}))
    except JsException as error:
        if error.name == "AbortError":
            raise
        return None  # a frame of another origin, a policy, or too late


async def _write(response: Any, target: Any) -> None:
    writable = await target.createWritable()
    try:
        while (part := await response.next_part()) is not None:
            await writable.write(part)
        await writable.close()
    except BaseException:
        writable.abort().catch(Function.prototype)  # the file stays as it was
        raise


def _save(blob: Any, name: str) -> None:
    link = js.document.createElement("a")
    link.href, link.download = URL.createObjectURL(blob), name
    link.click()
    js.setTimeout(URL.revokeObjectURL, _REVOKED_AFTER, link.href)


class ObjectUrl:
    """A `blob:` URL. It holds what it names in memory until it is revoked: by `close()`, or with the session's end.

    with await api.object_url("/api/report.pdf") as report:
        js.window.open(report.url)
    """

    def __init__(self, url: str, watch: SessionWatch) -> None:
        self.url = url
        self._watch = watch
        watch.subscribe(self._revoke)

    def _revoke(self) -> None:
        URL.revokeObjectURL(self.url)

    def close(self) -> None:
        """Revoke the URL. What an element has loaded stays."""
        self._watch.close()

    def __enter__(self) -> "ObjectUrl":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        return self.url


async def object_url(api: "PageInterceptor", url: Any, options: dict[str, Any]) -> ObjectUrl:
    """As `PageInterceptor.object_url`."""
    url = api._audience.resolve(url)
    watch = api._watch_session(Request.build(getattr(url, "href", url)), auth=options.get("auth", True))
    try:
        response = await api.fetch(url, **options)
        watch.response = response
        response.raise_for_status()
        blob = await response.blob()
        watch.check()  # the session may have ended meanwhile
    except BaseException as error:
        watch.close()
        if isinstance(error, OSError):
            watch.check()  # its end has cut the body off
        raise
    watch.response = None
    return ObjectUrl(URL.createObjectURL(blob), watch)
