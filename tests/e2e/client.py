"""A small client of the JSON services, for tests that make many calls: SigV4 by the standard library alone, one connection
kept open. The stock clients are what the other tests use."""

import datetime
import hashlib
import hmac
import http.client
import json
import ssl
import urllib.parse

SERVICES = {"kms": "TrentService", "cloudhsm": "BaldrApiService",
            "cloudtrail": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"}


class Refused(Exception):
    """An answer with an error: its code and message."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Lost(Exception):
    """No answer: the connection ended, so nobody knows whether the call was executed."""


class Connection:
    def __init__(self, environment, service, timeout=120):
        self.environment, self.service, self.timeout = environment, service, timeout
        self.url = urllib.parse.urlsplit(environment["AWS_ENDPOINT_URL"])
        self.context = ssl.create_default_context(cafile=environment["AWS_CA_BUNDLE"])
        self.http = None

    def call(self, operation, **members):
        status, text = self.exchange(operation, json.dumps(members).encode())
        value = json.loads(text) if text else {}
        if status != 200:
            raise Refused(value.get("__type", str(status)).split("#")[-1], value.get("message") or value.get("Message", ""))
        return value

    def exchange(self, operation, body):
        """Sends any bytes as the body; the answer's status and body as they are."""
        try:
            if self.http is None:
                self.http = http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=self.timeout,
                                                        context=self.context)
            self.http.request("POST", "/", body, self.headers(operation, body))
            answer = self.http.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as failure:
            self.close()
            raise Lost(repr(failure)) from failure

    def headers(self, operation, body):
        now = datetime.datetime.now(datetime.timezone.utc)
        day, instant = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
        region = self.environment["AWS_DEFAULT_REGION"]
        headers = {"content-type": "application/x-amz-json-1.1", "host": self.url.netloc, "x-amz-date": instant,
                   "x-amz-target": f"{SERVICES[self.service]}.{operation}"}
        names = ";".join(headers)
        canonical = "\n".join(["POST", "/", "", *(f"{name}:{value}" for name, value in headers.items()), "", names,
                               hashlib.sha256(body).hexdigest()])
        scope = f"{day}/{region}/{self.service}/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", instant, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.environment["AWS_SECRET_ACCESS_KEY"]).encode()
        for part in (day, region, self.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.environment['AWS_ACCESS_KEY_ID']}/{scope}, "
                                    f"SignedHeaders={names}, Signature={signature}")
        return headers

    def close(self):
        if self.http is not None:
            self.http.close()
        self.http = None
