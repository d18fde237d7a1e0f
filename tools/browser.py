"""What a look at the built book needs: Chromium, and the pages as a web host gives them."""

import gzip
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VARIABLE = "ALEXNET_COURSE_CHROMIUM"
COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg")


def chromium() -> str | None:
    """Where Chromium is: what the variable names, or the first one of the system."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, names)), None)


class Compressing(SimpleHTTPRequestHandler):
    """The files of a folder, text compressed."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        file = Path(self.translate_path(self.path))
        file = file / "index.html" if file.is_dir() else file
        if not file.is_file():
            self.send_error(404)
            return
        kind, data = self.guess_type(str(file)), file.read_bytes()
        self.send_response(200)
        if kind.startswith(COMPRESSED):
            data = gzip.compress(data, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "max-age=3600")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address under which the folder's files can be had, as long as the block runs."""
    handler = partial(Compressing, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
