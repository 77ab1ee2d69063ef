"""An external key store proxy for tests, by Python's standard library and the `cryptography` package: HTTPS, SigV4 checked for
real, AES-256-GCM keys in memory. It can be slow, lie, refuse and go away."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

STATUS = {"ValidationException": 400, "InvalidStateException": 400, "InvalidKeyUsageException": 400,
          "InvalidCiphertextException": 400, "AuthenticationFailedException": 401, "AccessDeniedException": 403,
          "KeyNotFoundException": 404, "InvalidUriPathException": 404, "ThrottlingException": 429, "InternalException": 500,
          "UnsupportedOperationException": 501, "DependencyTimeoutException": 503}


def openssl(folder, *arguments):
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)


def make_certificates(folder, host):
    """ca.crt, server.crt/.key for `host`, client.crt/.key: of one CA that nobody else knows."""
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=Proxy CA", "-keyout", "ca.key", "-out", "ca.crt", "-addext", "keyUsage=critical,keyCertSign")
    for name, subject, extension in (("server", host, f"subjectAltName=DNS:{host}"),
                                     ("client", "cks.kms.us-east-1.amazonaws.com", "extendedKeyUsage=clientAuth")):
        openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={subject}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text(extension + "\n")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")


class Refusal(Exception):
    pass


class Proxy:
    PATH = "/example/kms/xks/v1"
    ACCESS_KEY = "ABCDEFGHIJKLMNOP2345"
    SECRET = "external/key/store/proxy/secret/access+key=="

    def __init__(self, folder, host, client_ca=None, address="127.0.0.1"):
        self.folder, self.host, self.address, self.client_ca = folder, host, address, client_ca
        self.port = 0
        self.keys = {}  # id -> (AESGCM, metadata that it attaches)
        self.shown = {}  # id -> what GetKeyMetadata says
        self.health = "ACTIVE"
        self.script = []  # one entry for each of the next calls: a function of the handler that answers it, or None
        self.seen = []  # (path, request) of the calls that were authenticated
        self.accepted = None  # called at the next connection, before anything is said
        self.connections = 0
        self.client_names = set()
        self.server = None

    def add_key(self, name, metadata=b"", **shown):
        self.keys[name] = (AESGCM(AESGCM.generate_key(256)), metadata)
        self.shown[name] = {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED", **shown}

    def start(self):
        proxy = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.crt", self.folder / "server.key")
        if self.client_ca:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self):
                connection, address = super().get_request()
                proxy.connections += 1
                accepted, proxy.accepted = proxy.accepted, None
                if accepted:
                    accepted()
                proxy.open.add(connection)
                return connection, address

            def finish_request(self, request, client_address):
                try:
                    request.settimeout(60)
                    with context.wrap_socket(request, server_side=True) as tls:
                        proxy.open.add(tls)
                        names = [value for part in (tls.getpeercert() or {}).get("subject", ()) for _, value in part]
                        proxy.client_names.update(names)
                        Handler(tls, client_address, self)
                except OSError:
                    pass  # the client has gone, or TLS has failed: it knows

            def shutdown_request(self, request):
                proxy.open.discard(request)
                self.close_request(request)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                proxy.handle(self)

            def send(self, status, body, more=()):
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                for name, value in more:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.open = set()
        self.server = Server((self.address, self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        """The port and all connections are gone, as if the machine were switched off."""
        if self.server is None:
            return
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server = None

    # -- answering ----------------------------------------------------------------------------------------------------

    def handle(self, handler):
        body = handler.rfile.read(int(handler.headers["content-length"]))
        # What KMS asks once a minute is no part of a test's plan.
        probe = json.loads(body)["requestMetadata"]["kmsOperation"] == "KmsHealthCheck"
        scripted = self.script.pop(0) if self.script and not probe else None
        try:
            self.check_signature(handler, body)
            if not probe:
                self.seen.append((handler.path, json.loads(body)))
            if scripted is not None:
                scripted(handler)
                return
            answer = self.answer(handler.path, json.loads(body))
        except Refusal as refusal:
            name = refusal.args[0]
            handler.send(STATUS[name], json.dumps({"errorName": name}).encode())
            return
        handler.send(200, json.dumps(answer).encode())

    def check_signature(self, handler, body):
        """SigV4 as a proxy checks it: nothing of the request is believed before."""
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/kms-xks-proxy/aws4_request, ?"
                             r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", handler.headers.get("authorization", ""))
        if not found:
            raise Refusal("AuthenticationFailedException")
        key_id, day, region, names, signature = found.groups()
        if key_id != self.ACCESS_KEY or not {"host", "x-amz-date"} <= set(names.split(";")):
            raise Refusal("AuthenticationFailedException")
        instant = handler.headers["x-amz-date"]
        age = time.time() - time.mktime(time.strptime(instant, "%Y%m%dT%H%M%SZ")) + time.timezone
        if abs(age) > 300 or not instant.startswith(day):
            raise Refusal("AuthenticationFailedException")
        canonical = "\n".join([handler.command, handler.path, "",
                               *(f"{name}:{handler.headers[name].strip()}" for name in names.split(";")), "", names,
                               hashlib.sha256(body).hexdigest()])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", instant, f"{day}/{region}/kms-xks-proxy/aws4_request",
                             hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.SECRET).encode()
        for part in (day, region, "kms-xks-proxy", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        if not hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), signature):
            raise Refusal("AuthenticationFailedException")
        if handler.headers["host"] != self.host:
            raise Refusal("ValidationException")

    def answer(self, path, request):
        if not path.startswith(self.PATH):
            raise Refusal("InvalidUriPathException")
        path = path[len(self.PATH):]
        if path == "/health":
            return {"xksProxyFleetSize": 1, "xksProxyVendor": "Tests", "xksProxyModel": "Python", "ekmVendor": "Tests",
                    "ekmFleetDetails": [{"id": "one", "model": "memory", "healthStatus": self.health}]}
        found = re.fullmatch(r"/keys/([a-zA-Z0-9._-]{1,128})/(metadata|encrypt|decrypt)", path)
        if not found:
            raise Refusal("InvalidUriPathException")
        name, api = found.groups()
        if name not in self.keys:
            raise Refusal("KeyNotFoundException")
        if api == "metadata":
            return self.shown[name]
        if self.shown[name]["keyStatus"] != "ENABLED":
            raise Refusal("InvalidStateException")
        return self.encrypt(name, request) if api == "encrypt" else self.decrypt(name, request)

    @staticmethod
    def aad(aad, metadata):
        if not metadata:
            return aad
        return len(aad).to_bytes(2, "big") + aad + len(metadata).to_bytes(1, "big") + metadata

    def encrypt(self, name, request):
        key, metadata = self.keys[name]
        plaintext = base64.b64decode(request["plaintext"], validate=True)
        aad = base64.b64decode(request.get("additionalAuthenticatedData", ""), validate=True)
        if request["encryptionAlgorithm"] != "AES_GCM" or not 1 <= len(plaintext) <= 4300 or len(aad) > 8192:
            raise Refusal("ValidationException")
        iv = os.urandom(12)
        sealed = key.encrypt(iv, plaintext, self.aad(aad, metadata))
        ciphertext, tag = sealed[:-16], sealed[-16:]
        answer = {"ciphertext": ciphertext, "initializationVector": iv, "authenticationTag": tag}
        if metadata:
            answer["ciphertextMetadata"] = metadata
        if request.get("ciphertextDataIntegrityValueAlgorithm") == "SHA_256":
            answer["ciphertextDataIntegrityValue"] = hashlib.sha256(aad + metadata + iv + ciphertext + tag).digest()
        return {member: base64.b64encode(value).decode() for member, value in answer.items()}

    def decrypt(self, name, request):
        parts = {member: base64.b64decode(request.get(member, ""), validate=True)
                 for member in ("ciphertext", "initializationVector", "authenticationTag", "ciphertextMetadata",
                                "additionalAuthenticatedData")}
        try:
            plaintext = self.keys[name][0].decrypt(
                parts["initializationVector"], parts["ciphertext"] + parts["authenticationTag"],
                self.aad(parts["additionalAuthenticatedData"], parts["ciphertextMetadata"]))
        except InvalidTag:
            raise Refusal("InvalidCiphertextException") from None
        return {"plaintext": base64.b64encode(plaintext).decode()}

    # -- for scripts --------------------------------------------------------------------------------------------------

    @staticmethod
    def refuse(name):
        return lambda handler: handler.send(STATUS[name], json.dumps({"errorName": name, "errorMessage": "ITS OWN WORDS"}).encode())

    @staticmethod
    def say(body, status=200):
        return lambda handler: handler.send(status, body)

    @staticmethod
    def hang_up(handler):
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    def lie(self, change):
        """Encrypts as it should, and then changes the answer."""

        def answer(handler):
            path, request = self.seen[-1]
            said = self.answer(path, request)
            change(said)
            handler.send(200, json.dumps(said).encode())

        return answer

    def sleep(self, seconds):
        def answer(handler):
            path, request = self.seen[-1]
            time.sleep(seconds)
            handler.send(200, json.dumps(self.answer(path, request)).encode())

        return answer
