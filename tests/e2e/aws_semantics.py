"""What AWS's S3 does and Swift does not, put before Swift: conditional writes, checksums that are kept and answered, uploads
that are gone once they are complete. Signatures are verified as sent (s3_servers.py), then requests are signed anew."""

import base64
import hashlib
import http.client
import threading
import urllib.parse
import xml.etree.ElementTree as ElementTree

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from s3_servers import ACCESS_KEY, REGION, SECRET, FaultProxy

PASSED_ON = ("content-type", "content-md5", "range", "if-match", "x-amz-copy-source", "x-amz-meta-note")
SHA256 = "x-amz-checksum-sha256"


def sha256_of(body):
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def refusal(status, code, message):
    return status, [("Content-Type", "application/xml")], f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def plain(name):
    return name.rsplit("}", 1)[-1]


class Upload:
    def __init__(self, checksums):
        self.checksums, self.parts = checksums, {}


class AwsProxy(FaultProxy):
    """Sources: Amazon S3 API Reference, PutObject, UploadPart, CompleteMultipartUpload; User Guide, "Conditional writes" and
    "Checking object integrity". A bucket may stand in the host's name, BUCKET.localhost.

    `race(text)`: the first conditional write to a name that holds `text` stays unfinished until another one has met it."""

    def __init__(self, url):
        super().__init__(url)
        self.stored, self.uploads, self.writing = {}, {}, set()
        self.racing, self.met = None, threading.Event()
        self.state = threading.Lock()

    def race(self, text):
        self.racing = text
        self.met.clear()

    def signed(self, method, path, body=b"", headers=()):
        """To Swift, in path style: (status, headers, content)."""
        request = botocore.awsrequest.AWSRequest(method=method, url=f"http://{self.target.netloc}{path}", data=body, headers=dict(headers))
        botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(ACCESS_KEY, SECRET), "s3", REGION).add_auth(request)
        upstream = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=60)
        upstream.request(method, path, body, dict(request.headers))
        reply = upstream.getresponse()
        content = reply.read()
        upstream.close()
        return reply.status, reply.getheaders(), content

    def forward(self, request, body):
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.path
        host = headers["host"].rsplit(":", 1)[0]
        if host.endswith(".localhost"):
            path = f"/{host[:-len('.localhost')]}{path}"
        target = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(target.query, keep_blank_values=True))
        if headers.get(SHA256, sha256_of(body)) != sha256_of(body):
            return refusal(400, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")
        writes = (request.command == "PUT" and "partNumber" not in query) or (request.command == "POST" and "uploadId" in query)
        if not writes:
            return self.act(request.command, path, target.path, query, headers, body)
        return self.write(request.command, path, target.path, query, headers, body)

    def write(self, method, path, name, query, headers, body):
        conditional = headers.get("if-none-match") == "*"
        with self.state:
            if name in self.writing and conditional:
                self.met.set()
                return refusal(409, "ConditionalRequestConflict",
                               "The conditional request cannot succeed due to a conflicting operation against this resource.")
            self.writing.add(name)
        try:
            if conditional:
                if self.signed("HEAD", name)[0] == 200:
                    return refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
                if self.racing and self.racing in name:
                    self.met.wait(60)
            return self.act(method, path, name, query, headers, body)
        finally:
            with self.state:
                self.writing.discard(name)

    def act(self, method, path, name, query, headers, body):
        checksum, upload = headers.get(SHA256), self.uploads.get(query.get("uploadId"))
        if "uploadId" in query and upload is None:
            return refusal(404, "NoSuchUpload", "The specified upload does not exist.")
        if method == "PUT" and upload and upload.checksums and not checksum:
            return refusal(400, "InvalidRequest", "The upload was created using a SHA256 checksum. The part must include it.")
        composite = None
        if method == "POST" and upload:
            checked = self.checked(upload, body)
            if isinstance(checked, tuple):
                return checked
            body, composite = checked, upload.checksums and self.composite(upload, body)
        passed = [(key, value) for key, value in headers.items() if key in PASSED_ON and value]
        status, answered, content = self.signed(method, path, body, passed)
        # The length of a body is counted when it is sent; HEAD's answer has none.
        dropped = ("connection", "transfer-encoding") + (() if method == "HEAD" else ("content-length",))
        answered = [(key.title(), value) for key, value in answered if key.lower() not in dropped]
        if status // 100 != 2:
            return status, answered, content
        if method == "POST" and "uploads" in query:
            root = ElementTree.fromstring(content)
            identifier = next(entry.text for entry in root.iter() if plain(entry.tag) == "UploadId")
            self.uploads[identifier] = Upload(headers.get("x-amz-checksum-algorithm") == "SHA256")
        elif method == "POST" and upload:
            # S3 may begin its answer before it knows: what Swift says behind a status of 200 stands.
            if b"<Error>" not in content:
                del self.uploads[query["uploadId"]]
                self.stored[name] = composite
        elif method == "PUT" and upload:
            upload.parts[int(query["partNumber"])] = checksum
            answered += [(SHA256, checksum)] if checksum else []
        elif method == "PUT":
            self.stored[name] = checksum
            answered += [(SHA256, checksum)] if checksum else []
        elif method == "DELETE" and upload:
            del self.uploads[query["uploadId"]]
        elif method in ("GET", "HEAD") and headers.get("x-amz-checksum-mode") == "ENABLED" and status == 200 and self.stored.get(name):
            answered.append((SHA256, self.stored[name]))
        return status, answered, content

    @staticmethod
    def named_parts(body):
        for part in (entry for entry in ElementTree.fromstring(body).iter() if plain(entry.tag) == "Part"):
            yield {plain(entry.tag): entry.text for entry in part}

    def checked(self, upload, body):
        """The document as Swift takes it, or a refusal: each part has the checksum that it was sent with."""
        document = "<CompleteMultipartUpload>"
        for part in self.named_parts(body):
            number = int(part["PartNumber"])
            if number not in upload.parts or (upload.checksums and part.get("ChecksumSHA256") != upload.parts[number]):
                return refusal(400, "InvalidPart", "One or more of the specified parts could not be found.")
            document += f"<Part><PartNumber>{number}</PartNumber><ETag>{part['ETag']}</ETag></Part>"
        return (document + "</CompleteMultipartUpload>").encode()

    def composite(self, upload, body):
        numbers = [int(part["PartNumber"]) for part in self.named_parts(body)]
        whole = b"".join(base64.b64decode(upload.parts[number]) for number in numbers)
        return f"{sha256_of(whole)}-{len(numbers)}"
