"""Starts a twin for each module and lets its tests wait for what it sends.

`WT` names the binary that serves (`wt`); `WT_SERVE` the runtime's example, which takes the same arguments.
"""

import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.request

import pytest


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Twin:
    def __init__(self, name, folder, *arguments):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        serve = os.environ.get("WT_SERVE")
        command = [serve] if serve else [os.environ["WT"], "serve"]
        self.log = open(folder / f"{name}.log", "wb")
        self.process = subprocess.Popen(
            [*command, name, "--port", str(self.port), *arguments], cwd=folder, stdout=self.log, stderr=self.log
        )
        self.wait()

    def wait(self):
        for _ in range(300):
            if self.process.poll() is not None:
                raise RuntimeError(f"the twin ended: {open(self.log.name).read()}")
            try:
                self.admin("GET", "/admin/health")
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the twin did not answer in six seconds")

    def admin(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def failed_handlers(self):
        """Calls that the engine answered in place of a handler that failed: none, where all is well."""
        with urllib.request.urlopen(self.url + "/admin/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if "lua_failures_total" in line and not line.startswith("#"))

    def stop(self):
        self.process.terminate()
        # It drains for up to ten seconds by itself.
        self.process.wait(30)
        self.log.close()


class Receiver:
    """An endpoint for webhooks: what came, with its headers, in order."""

    def __init__(self):
        self.came = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, wanted, seconds=10):
        """Until `wanted` says so of what came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if wanted(self.came):
                return self.came
            time.sleep(0.02)
        raise AssertionError(f"it did not come; what did: {self.came}")

    def stop(self):
        self.server.shutdown()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def twin(request, tmp_path_factory):
    twin = Twin(request.module.TWIN, tmp_path_factory.mktemp("twin"))
    yield twin
    failed = twin.failed_handlers()
    twin.stop()
    log = open(twin.log.name).read()
    assert failed == 0, f"handlers failed: {log}"
