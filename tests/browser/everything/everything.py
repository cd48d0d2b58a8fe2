"""One session for all that the page sends: its Python, its JavaScript, and its elements."""

import asyncio
import struct
import zlib

import js
import reissue

api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
colours = [(0x3B, 0x82, 0xF6), (0x10, 0xB9, 0x81), (0xF5, 0x9E, 0x0B), (0xEF, 0x44, 0x44)]


def picture(red: int, green: int, blue: int) -> bytes:
    """A PNG of one colour (PNG specification, sections 5 and 11)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    line = b"\0" + bytes((red, green, blue)) * 8
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(line * 8))
        + chunk(b"IEND", b"")
    )


async def bring_files() -> None:
    """Put what the page's elements show at the API."""
    for number, colour in enumerate(colours):
        await api.put(f"files/tile-{number}.png", body=picture(*colour))
    clip = await (await api.fetch("/clip.webm")).bytes()
    await api.put("files/clip.webm", body=clip)
    await api.put("files/notes.bin", body=bytes(range(256)) * 40)


async def listen() -> None:
    """One event stream, over however many tokens."""
    try:
        async for event in api.event_stream("/api/events?total=10000&each=5&retry=200&stay=1"):
            js.document.getElementById("streamed").textContent = f"event {event.id}"
            js.count("stream", True)
    except Exception as error:
        js.count("stream", False, repr(error))


async def upload() -> None:
    """One upload after the other, each with its progress."""
    bar, body = js.document.getElementById("bar"), bytes(400_000)

    def show(progress: reissue.Progress) -> None:
        bar.value = progress.loaded / progress.total if progress.total else 0

    while True:
        try:
            response = (await api.post("upload", body=body, on_progress=show)).raise_for_status()
            size = (await response.json())["size"]
            js.document.getElementById("uploaded").textContent = f"{size} bytes"
            js.count("upload", size == len(body), size)
        except Exception as error:
            js.count("upload", False, repr(error))
        await asyncio.sleep(0.8)


replayed: set[int] = set()


def look_at(event: reissue.Event) -> None:
    """Count downloads, of which no script is told, and requests whose replay was rejected, too.

    The token of those was revoked before the page had received it.
    """
    if isinstance(event, reissue.RequestEvent):
        if event.phase is reissue.RequestPhase.REPLAYED:
            replayed.add(event.request)
        elif event.phase is reissue.RequestPhase.DONE:
            if event.destination == "download":
                js.count("download", event.status == 200, event.status)
            if event.status == 401:
                js.noteRejection(event.request in replayed)


async def show_life() -> None:
    """How long the access token has to live."""
    while True:
        js.document.getElementById("life").textContent = f"{api.expires_in or 0:.1f} s left"
        await asyncio.sleep(0.1)


# ruff: noqa: F704 (PyScript runs a script as the body of a coroutine)
api.on(look_at)
await api.sign_in(username="ada", password="lovelace")
await bring_files()
api.install()
await api.install_worker()
js.begin()
tasks = [asyncio.create_task(run()) for run in (listen, upload, show_life)]
js.document.getElementById("status").textContent = "ready"
