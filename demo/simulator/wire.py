"""HTTP/1.1 as bytes: from bytes to a request, from an answer to bytes."""

from http import HTTPStatus

from demo.simulator.messages import Answer, Request

HEAD_BYTES = 64 * 1024
BODY_BYTES = 8 * 1024 * 1024  # a bench adds thousands of phones in one call


def parse(received: bytearray) -> tuple[Request, int] | None:
    """Return the first request and its length in bytes, None while it is not complete, or raise ValueError."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        if len(received) > HEAD_BYTES:
            raise ValueError
        return None
    first, *lines = received[:end].decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    size = int(headers.get("content-length") or 0)
    if not 0 <= size <= BODY_BYTES:
        raise ValueError
    total = end + 4 + size
    if len(received) < total:
        return None
    body = bytes(received[end + 4 : total])
    asked = headers.get("connection", "close" if version == "HTTP/1.0" else "").lower()
    return Request(method, target, headers, body, keeps_alive=asked != "close"), total


def written(answer: Answer, *, stays: bool) -> bytes:
    head = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        f"Connection: {'keep-alive' if stays else 'close'}",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + answer.body
