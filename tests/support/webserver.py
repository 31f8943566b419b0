"""A plain web server over a directory, as a script: `webserver.py PORT DIRECTORY`.

Lists directories and answers single byte ranges, as nginx and Apache do; Python's own has no ranges.
Read only.
"""

import re
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if (
            path.is_file()
            and (wanted := _RANGE.fullmatch(self.headers.get("Range", "")))
            and any(wanted.groups())
        ):
            with path.open("rb") as file:
                self._answer_range(file, path.stat().st_size, *wanted.groups())
        else:
            super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def _answer_range(self, file: BinaryIO, size: int, first: str, last: str) -> None:
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last) + 1, size) if first and last else size
        if start >= end:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        file.seek(start)
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.wfile.write(file.read(end - start))


class Server(ThreadingHTTPServer):
    # Tests ask from dozens of threads at once.
    request_queue_size = 256


def main(port: str, directory: str) -> None:
    Server(("127.0.0.1", int(port)), partial(Handler, directory=directory)).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
