"""A server that speaks the JSON API of Google Cloud Storage, as a script: `fakegcs.py PORT DIRECTORY BUCKET`.

Emulators that can be installed ignore preconditions, and take quadratic time.  This one knows of the API what
gcsfs asks: buckets (get, list, insert); objects (get, list, simple, multipart and resumable upload, download
with ranges, delete, rewrite, batches of these); `ifGenerationMatch`; 400 for a wrong MD5, 412, 404.

An object appears whole or not at all and survives a kill: its body is written and synced, then one row of an
SQLite table names it.
"""

import base64
import hashlib
import json
import os
import re
import sqlite3
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

_OBJECTS = re.compile(
    r"(?:/download)?/storage/v1/b/([^/]+)/o(?:/([^/]+))?(?:/rewriteTo/b/([^/]+)/o/([^/]+))?"
)
_BUCKETS = re.compile(r"/storage/v1/b(?:/([^/]+))?")
_UPLOADS = re.compile(r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_RESUMABLE_PIECE = 256 * 2**10

Query = dict[str, str]
Resource = dict[str, Any]


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Bucket:
    """All objects, on disk.  Used from several threads."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._bodies = root / "bodies"
        self._bodies.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._rows = sqlite3.connect(root / "objects.db", check_same_thread=False, isolation_level=None)
        self._rows.execute("pragma journal_mode = wal")
        self._rows.execute(
            "create table if not exists objects (name text primary key, resource text, body text)"
        )
        self._generation = 0

    def put(self, name: str, body: bytes, said: Resource, query: Query) -> Resource:
        """Store an object; `said` is what the client says of it."""
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        if said.get("md5Hash", md5) != md5:
            raise Refusal(400, "Provided MD5 hash does not match the calculated one.")
        file = self._bodies / uuid.uuid4().hex
        with file.open("wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        with self._lock:
            old = self._find(name)
            try:
                _check_generation(old and old[0], query)
            except Refusal:
                file.unlink()
                raise
            resource = self._describe(name, len(body), md5, said)
            self._rows.execute(
                "insert or replace into objects values (?, ?, ?)", [name, json.dumps(resource), file.name]
            )
            if old is not None:
                old[1].unlink()
        return resource

    def get(self, name: str, query: Query) -> tuple[Resource, bytes]:
        with self._lock:
            resource, file = self._get(name, query)
            return resource, file.read_bytes()

    def describe(self, name: str, query: Query) -> Resource:
        with self._lock:
            return self._get(name, query)[0]

    def delete(self, name: str, query: Query) -> None:
        with self._lock:
            _, file = self._get(name, query)
            self._rows.execute("delete from objects where name = ?", [name])
            file.unlink()

    def page(self, query: Query) -> Resource:
        """Return a page of objects and, with a delimiter, of prefixes."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        token = base64.urlsafe_b64decode(query.get("pageToken", "")).decode()
        wanted = int(query.get("maxResults", 1000))
        items: list[Resource] = []
        # In order; a dictionary, for many names have the same.
        prefixes: dict[str, None] = {}
        last = ""
        for name, resource in self._from(max(prefix, query.get("startOffset", ""), token)):
            if not name.startswith(prefix):
                break
            # A name is greater than its prefix, so what the token names may come once more.
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            shown = name if cut < 0 else name[: cut + len(delimiter)]
            if (
                (token and shown <= token)
                or shown in prefixes
                or name >= query.get("endOffset", "\U0010ffff")
            ):
                continue
            if len(items) + len(prefixes) == wanted:
                more = base64.urlsafe_b64encode(last.encode()).decode()
                return _page(items, prefixes) | {"nextPageToken": more}
            if cut < 0:
                items.append(json.loads(resource))
            else:
                prefixes[shown] = None
            last = shown
        return _page(items, prefixes)

    def _from(self, first: str) -> list[tuple[str, str]]:
        with self._lock:
            return self._rows.execute(
                "select name, resource from objects where name >= ? order by name", [first]
            ).fetchall()

    def _find(self, name: str) -> tuple[Resource, Path] | None:
        row = self._rows.execute("select resource, body from objects where name = ?", [name]).fetchone()
        return (json.loads(row[0]), self._bodies / row[1]) if row else None

    def _get(self, name: str, query: Query) -> tuple[Resource, Path]:
        found = self._find(name)
        _check_generation(found and found[0], query)
        if found is None or query.get("generation", found[0]["generation"]) != found[0]["generation"]:
            raise Refusal(404, f"No such object: {self.name}/{name}")
        return found

    def _describe(self, name: str, size: int, md5: str, said: Resource) -> Resource:
        self._generation = max(self._generation + 1, time.time_ns() // 1000)
        now = time.time()
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03}Z"
        return {
            "kind": "storage#object",
            "id": f"{self.name}/{name}/{self._generation}",
            "name": name,
            "bucket": self.name,
            "generation": str(self._generation),
            "metageneration": "1",
            "size": str(size),
            "storageClass": "STANDARD",
            "contentType": said.get("contentType", "application/octet-stream"),
            "metadata": said.get("metadata") or {},
            "timeCreated": stamp,
            "updated": stamp,
            "md5Hash": md5,
            "etag": base64.b64encode(str(self._generation).encode()).decode(),
        }


@dataclass(slots=True)
class Upload:
    """A resumable one that has begun.  Forgotten when the server is killed, as real ones are not."""

    name: str
    said: Resource
    query: Query
    body: bytearray = field(default_factory=bytearray)
    done: Resource | None = None


def _check_generation(resource: Resource | None, query: Query) -> None:
    """Refuse what was to be done to another generation than this one; 0 is none."""
    generation = resource["generation"] if resource else "0"
    if query.get("ifGenerationMatch", generation) != generation:
        raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")


def _page(items: list[Resource], prefixes: dict[str, None]) -> Resource:
    page: Resource = {"kind": "storage#objects"}
    if items:
        page["items"] = items
    if prefixes:
        page["prefixes"] = list(prefixes)
    return page


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def do_GET(self) -> None:
        try:
            self._serve(self._read_body())
        except Refusal as refusal:
            self._answer(refusal.status, _error(refusal))
        except ConnectionError:
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _serve(self, body: bytes) -> None:
        url = urlsplit(self.path)
        query = _parse_query(url.query)
        if _UPLOADS.fullmatch(url.path):
            self._upload(url.path, query, body)
        elif url.path.startswith("/batch"):
            self._batch(body)
        elif (found := _OBJECTS.fullmatch(url.path)) and query.get("alt") == "media":
            self._download(unquote(found[2]), query)
        else:
            self._answer(*self._ask(self.command, self.path, body))

    def _ask(self, command: str, target: str, body: bytes) -> tuple[int, Resource | None]:
        """Return the answer to a request that moves no body."""
        url = urlsplit(target)
        query = _parse_query(url.query)
        if found := _OBJECTS.fullmatch(url.path):
            bucket, *names = (part and unquote(part) for part in found.groups())
            self.server.need(bucket)
            return self._ask_objects(command, *names, query)
        if found := _BUCKETS.fullmatch(url.path):
            return self._ask_buckets(command, found[1], body)
        raise Refusal(404, f"unknown path {url.path}")

    def _ask_buckets(self, command: str, name: str | None, body: bytes) -> tuple[int, Resource | None]:
        resource = {"kind": "storage#bucket", "name": self.server.bucket.name, "id": self.server.bucket.name}
        if name is not None:
            self.server.need(name)
            return 200, resource
        if command == "POST":
            self.server.need(json.loads(body)["name"])
            return 200, resource
        return 200, {"kind": "storage#buckets", "items": [resource]}

    def _ask_objects(
        self, command: str, name: str | None, to_bucket: str | None, to_name: str | None, query: Query
    ) -> tuple[int, Resource | None]:
        objects = self.server.bucket
        if name is None:
            return 200, objects.page(query)
        if to_bucket is not None and to_name is not None:
            self.server.need(to_bucket)
            said, content = objects.get(name, {})
            made = objects.put(to_name, content, said, query)
            return 200, {"kind": "storage#rewriteResponse", "done": True, "resource": made}
        if command == "DELETE":
            objects.delete(name, query)
            return 204, None
        return 200, objects.describe(name, query)

    def _download(self, name: str, query: Query) -> None:
        resource, body = self.server.bucket.get(name, query)
        headers = {
            "Content-Type": resource["contentType"],
            "ETag": resource["etag"],
            "X-Goog-Generation": resource["generation"],
            "X-Goog-Hash": f"md5={resource['md5Hash']}",
        }
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        if not wanted or not any(wanted.groups()):
            self._send(200, body, headers)
            return
        start = int(wanted[1]) if wanted[1] else max(0, len(body) - int(wanted[2]))
        end = min(int(wanted[2]) + 1, len(body)) if wanted[1] and wanted[2] else len(body)
        if start >= end:
            self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            return
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
        self._send(206, body[start:end], headers)

    def _upload(self, path: str, query: Query, body: bytes) -> None:
        found = _UPLOADS.fullmatch(path)
        assert found is not None
        self.server.need(unquote(found[1]))
        if query.get("uploadType") == "resumable":
            if "upload_id" in query:
                self._go_on(query["upload_id"], body)
            else:
                self._begin(path, query, body)
        elif query.get("uploadType") == "multipart":
            said, content = _parse_multipart(self.headers, body)
            name = query.get("name") or said["name"]
            self._answer(200, self.server.bucket.put(name, content, said, query))
        else:
            said = {"contentType": self.headers.get("Content-Type", "application/octet-stream")}
            self._answer(200, self.server.bucket.put(query["name"], body, said, query))

    def _begin(self, path: str, query: Query, body: bytes) -> None:
        said = json.loads(body) if body else {}
        number = uuid.uuid4().hex
        self.server.uploads[number] = Upload(query.get("name") or said["name"], said, query)
        # Where the client believes us to be: there may be a proxy between us.
        where = f"http://{self.headers['Host']}{path}?uploadType=resumable&upload_id={quote(number)}"
        self._send(200, b"", {"Location": where, "X-GUploader-UploadID": number})

    def _go_on(self, number: str, body: bytes) -> None:
        upload = self.server.uploads.get(number)
        if upload is None:
            raise Refusal(410, "this upload is not known")
        if self.command == "DELETE":
            del self.server.uploads[number]
            self._answer(499, {})
            return
        if upload.done is None:
            self._take(upload, body)
        if upload.done is not None:
            self._answer(200, upload.done)
        else:
            got = {"Range": f"bytes=0-{len(upload.body) - 1}"} if upload.body else {}
            self._send(308, b"", got)

    def _take(self, upload: Upload, body: bytes) -> None:
        whole = f"bytes 0-{len(body) - 1}/{len(body)}" if body else "bytes */*"
        found = _CONTENT_RANGE.fullmatch(self.headers.get("Content-Range", whole))
        if found is None:
            raise Refusal(400, "the range of this piece means nothing")
        if found[1] is not None:
            if int(found[1]) > len(upload.body):
                raise Refusal(503, "this piece does not follow the last one")
            upload.body[int(found[1]) :] = body
        if found[3] != "*" and len(upload.body) == int(found[3]):
            upload.done = self.server.bucket.put(upload.name, bytes(upload.body), upload.said, upload.query)
            upload.body.clear()
        elif len(body) % _RESUMABLE_PIECE:
            raise Refusal(400, "pieces must be multiples of 256 KiB")

    def _batch(self, body: bytes) -> None:
        boundary = f"batch_{uuid.uuid4().hex}"
        answers = []
        for part in body.split(b"--" + _boundary(self.headers))[1:-1]:
            request = re.search(rb"(GET|POST|DELETE) (\S+) HTTP/1\.1", part)
            number = re.search(rb"Content-ID:\s*<?([^>\r\n]+)", part, re.IGNORECASE)
            assert request is not None
            try:
                status, answer = self._ask(request[1].decode(), request[2].decode(), b"")
            except Refusal as refusal:
                status, answer = refusal.status, _error(refusal)
            content = b"" if answer is None else json.dumps(answer).encode()
            shown = f"Content-ID: <response-{number[1].decode()}>\r\n" if number else ""
            answers.append(
                f"--{boundary}\r\nContent-Type: application/http\r\n{shown}\r\nHTTP/1.1 {status} Answer\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
                + content
                + b"\r\n"
            )
        answers.append(f"--{boundary}--\r\n".encode())
        self._send(200, b"".join(answers), {"Content-Type": f"multipart/mixed; boundary={boundary}"})

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_pieces()
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the body is cut")
        return body

    def _read_pieces(self) -> bytes:
        pieces = []
        while True:
            head = self.rfile.readline().split(b";")[0].strip()
            if not head:
                raise ConnectionError("the body is cut")
            length = int(head, 16)
            piece = self.rfile.read(length + 2)
            if len(piece) < length + 2:
                raise ConnectionError("the body is cut")
            if not length:
                return b"".join(pieces)
            pieces.append(piece[:-2])

    def _answer(self, status: int, resource: Resource | None) -> None:
        content = b"" if resource is None else json.dumps(resource).encode()
        self._send(status, content, {"Content-Type": "application/json; charset=UTF-8"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    # Tests ask from dozens of threads at once.
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, port: int, bucket: Bucket) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.bucket = bucket
        self.uploads: dict[str, Upload] = {}

    def need(self, bucket: str | None) -> None:
        if bucket != self.bucket.name:
            raise Refusal(404, "The specified bucket does not exist.")


def _error(refusal: Refusal) -> Resource:
    said = {"message": refusal.message, "domain": "global"}
    return {"error": {"code": refusal.status, "message": refusal.message, "errors": [said]}}


def _parse_query(text: str) -> Query:
    return {key: values[-1] for key, values in parse_qs(text, keep_blank_values=True).items()}


def _boundary(headers: Message) -> bytes:
    found = re.search(r'boundary="?([^";]+)', headers["Content-Type"])
    if found is None:
        raise Refusal(400, "no boundary")
    return found[1].strip("'").encode()


def _parse_multipart(headers: Message, body: bytes) -> tuple[Resource, bytes]:
    """Return what the first part says, and the second part."""
    line = b"--" + _boundary(headers)
    # gcsfs ends lines with LF alone, which Google takes; then a CR before the last line is of the content.
    end = b"\r\n" if body.startswith(line + b"\r\n") else b"\n"
    _, said, content = (end + body).split(end + line + end, maxsplit=2)
    content = content.rpartition(end + line + b"--")[0]
    return json.loads(said.partition(end * 2)[2]), content.partition(end * 2)[2]


def main(port: str, directory: str, bucket: str) -> None:
    Server(int(port), Bucket(Path(directory), bucket)).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
