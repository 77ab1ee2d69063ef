"""The S3-compatible server of the tests (swift_server.py), and a proxy before it that makes servers and lines go wrong and
verifies every signature with botocore, which is another implementation than ours and Swift's."""

import hashlib
import http.client
import http.server
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from deployment import Failure

SWIFT = pathlib.Path(__file__).resolve().parent / "swift_server.py"
ACCESS_KEY, SECRET, REGION = "test:tester", "testing", "us-east-1"


class Swift:
    """Debian's OpenStack Swift on a loopback port of its own; what it holds goes with it."""

    def __init__(self, root):
        self.error = root / "swift.err"
        with open(self.error, "wb") as error:
            self.process = subprocess.Popen(["/usr/bin/python3", "-B", SWIFT, root / "swift", "127.0.0.1", ACCESS_KEY, SECRET],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=error)
        ready = select.select([self.process.stdout], [], [], 120)[0]
        line = self.process.stdout.readline().decode() if ready else ""
        if not line.startswith("ready "):
            self.stop()
            raise Failure(f"Swift does not start:\n{self.error.read_text()}")
        self.url = line.split()[1]

    def stop(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def give_swift(cls):
    """A test class's own directory (`root`) and a Swift in it (`swift`), as long as its tests run."""
    cls.root = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-e2e-"))
    cls.addClassCleanup(shutil.rmtree, cls.root, True)
    cls.swift = Swift(cls.root)
    cls.addClassCleanup(cls.swift.stop)


def environment(url):
    """For clients of it, and nothing else of the machine's."""
    return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": url, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}


def botocores_signature(method, url, headers, authorization):
    """What botocore signs such a request with."""
    fields = dict(field.strip().split("=", 1) for field in authorization.split(" ", 1)[1].split(","))
    signed = {name: headers[name] for name in fields["SignedHeaders"].split(";")}
    request = botocore.awsrequest.AWSRequest(method=method, url=url, headers=signed)
    request.context["timestamp"] = headers["x-amz-date"]
    credentials = botocore.credentials.Credentials(ACCESS_KEY, SECRET)
    auth = botocore.auth.S3SigV4Auth(credentials, "s3", REGION)
    string = auth.string_to_sign(request, auth.canonical_request(request))
    return fields["Signature"], auth.signature(string, request)


class FaultProxy:
    """Passes requests on to a server. A fault is (method, text in the target, kind, how many times); kinds:

    503 SlowDown, 500 InternalError, "cut-request" (closed before it is passed on), "lose-answer" (passed on, no answer),
    ("error", code) an <Error> behind a status of 200 and not passed on, ("error-after", code) the same and passed on,
    ("cut-answer", n) after n bytes of the body, "drip" (the answer in pieces over a second), "wrong-etag",
    "wrong-checksum" (a SHA-256 that is another's)."""

    def __init__(self, url):
        self.target = urllib.parse.urlsplit(url)
        self.faults, self.seen, self.hosts, self.bad_signatures = [], [], [], []
        self.lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except (ConnectionError, BrokenPipeError):
                    self.close_connection = True

            def log_message(self, *_):
                pass

            def do(self):
                proxy.handle(self)
            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.named_url = f"http://localhost:{self.server.server_port}"  # below which each bucket has a name
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def fault(self, method, inside, kind, times=1):
        with self.lock:
            self.faults.append([method, inside, kind, times])

    def count(self, method, inside=""):
        with self.lock:
            return sum(1 for line in self.seen if line.startswith(method + " ") and inside in line)

    def take(self, method, path):
        with self.lock:
            self.seen.append(f"{method} {path}")
            for fault in self.faults:
                if fault[0] == method and fault[1] in path and fault[3] > 0:
                    fault[3] -= 1
                    return fault[2]
        return None

    def verify(self, request, body):
        headers = {name.lower(): value for name, value in request.headers.items()}
        given, right = botocores_signature(request.command, self.url + request.path, headers, headers["authorization"])
        if given != right or headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            self.bad_signatures.append(f"{request.command} {request.path}")

    def handle(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        self.verify(request, body)
        with self.lock:
            self.hosts.append((request.headers["Host"], request.path))
        kind = self.take(request.command, request.path)
        if kind == "cut-request":
            request.close_connection = True
            return
        if kind in (500, 503):
            code = {500: "InternalError", 503: "SlowDown"}[kind]
            self.answer(request, kind, [], f"<Error><Code>{code}</Code><Message>later</Message></Error>".encode(), None)
            return
        if kind == "swallow":  # taken, it says
            self.answer(request, 200, [("ETag", f'"{hashlib.md5(body).hexdigest()}"')], b"", None)
            return
        if isinstance(kind, tuple) and kind[0] == "error":
            status, headers, content = 200, [], self.error_document(kind[1])
        else:
            status, headers, content = self.forward(request, body)
        if isinstance(kind, tuple) and kind[0] == "error-after":
            status, headers, content = 200, [], self.error_document(kind[1])
        if kind == "lose-answer":
            request.close_connection = True
            return
        if kind == "wrong-etag":
            headers = [(name, value) for name, value in headers if name.lower() != "etag"] + [("ETag", f'"{"0" * 32}"')]
        if kind == "wrong-checksum":
            headers = [(name, value) for name, value in headers if name.lower() != "x-amz-checksum-sha256"]
            headers.append(("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="))
        self.answer(request, status, headers, content, kind)

    @staticmethod
    def error_document(code):
        return f"<?xml version=\"1.0\"?>\n\n  <Error><Code>{code}</Code><Message>later</Message></Error>".encode()

    def forward(self, request, body):
        """What the server answers: (status, headers, content)."""
        upstream = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=60)
        upstream.request(request.command, request.path, body, dict(request.headers))
        reply = upstream.getresponse()
        content = reply.read()
        headers = [(name, value) for name, value in reply.getheaders()
                   if name.lower() not in ("connection", "transfer-encoding", "content-length")]
        if request.command == "HEAD":
            headers.append(("Content-Length", reply.getheader("Content-Length", "0")))
        upstream.close()
        return reply.status, headers, content

    @staticmethod
    def answer(request, status, headers, content, kind):
        request.send_response(status)
        for name, value in headers:
            if name.lower() not in ("date", "server"):
                request.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command == "HEAD":
            return
        if isinstance(kind, tuple) and kind[0] == "cut-answer":
            request.wfile.write(content[:kind[1]])
            request.close_connection = True
        elif kind == "drip":
            for at in range(0, len(content), max(1, len(content) // 5)):
                request.wfile.write(content[at:at + max(1, len(content) // 5)])
                request.wfile.flush()
                time.sleep(0.2)
        else:
            request.wfile.write(content)


if __name__ == "__main__":  # by hand: serves until standard input ends
    swift = Swift(pathlib.Path(sys.argv[1]))
    print(swift.url, flush=True)
    sys.stdin.read()
    swift.stop()
