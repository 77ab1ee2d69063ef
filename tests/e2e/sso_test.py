"""Logins of `aws sso login`: the same files and settings, and the same requests to the portal, as botocore's."""

import datetime
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import tempfile
import threading
import unittest
import urllib.parse
from unittest import mock

import botocore.session
import botocore.tokens
import botocore.utils
from aws_client_test import probe

START_URL, REGION = "https://corp.awsapps.com/start", "eu-central-1"
IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>{}</Arn><UserId>u</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Portal:
    """GetRoleCredentials, CreateToken, and an STS that says whose key signed."""

    def __init__(self):
        self.seen, self.refresh_tokens, self.access_tokens = [], {"refresh-1"}, {"token-0"}
        portal = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, content = portal.answer(self, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            do_GET = do_POST = do

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request, body):
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/":
            return 200, IDENTITY.format(request.headers["Authorization"].split("Credential=")[1].split("/")[0]).encode()
        self.seen.append((request.command, url.path, query, request.headers.get("x-amz-sso_bearer_token"),
                          request.headers.get("Authorization"), json.loads(body) if body else None))
        if url.path == "/token":
            if json.loads(body)["refreshToken"] not in self.refresh_tokens:
                return 400, b'{"error":"invalid_grant","error_description":"no"}'
            number = len(self.access_tokens)
            self.access_tokens.add(f"token-{number}")
            return 200, json.dumps({"accessToken": f"token-{number}", "tokenType": "Bearer", "expiresIn": 28800,
                                    "refreshToken": "refresh-1"}).encode()
        if request.headers.get("x-amz-sso_bearer_token") not in self.access_tokens:
            return 401, b'{"message":"Session token not found or invalid"}'
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        return 200, json.dumps({"roleCredentials": {
            "accessKeyId": f"ASIA-{query['role_name']}", "secretAccessKey": "secret", "sessionToken": "session",
            "expiration": int(soon.timestamp() * 1000)}}).encode()


class SsoTest(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-e2e-"))
        self.addCleanup(shutil.rmtree, self.home, True)
        self.cache = self.home / ".aws" / "sso" / "cache"
        self.cache.mkdir(parents=True)
        self.portal = Portal()
        self.addCleanup(self.portal.stop)
        (self.home / ".aws" / "config").write_text(
            "[profile new]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Backup\nregion = eu-west-1\n"
            f"[sso-session corp]\nsso_start_url = {START_URL}\nsso_region = {REGION}\nsso_registration_scopes = sso:account:access\n"
            f"[profile old]\nsso_start_url = {START_URL}\nsso_region = {REGION}\nsso_account_id = 123456789012\n"
            "sso_role_name = Backup\nregion = eu-west-1\n"
            f"[services here]\nsso =\n  endpoint_url = {self.portal.url}\nsso_oidc =\n  endpoint_url = {self.portal.url}\n"
            f"[profile by-services]\nservices = here\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Other\n"
            "region = eu-west-1\n")
        self.environment = {"HOME": str(self.home), "AWS_ENDPOINT_URL_STS": self.portal.url, "AWS_EC2_METADATA_DISABLED": "true",
                            "AWS_MAX_ATTEMPTS": "1"}
        self.to_portal = {"AWS_ENDPOINT_URL_SSO": self.portal.url, "AWS_ENDPOINT_URL_SSO_OIDC": self.portal.url}

    @staticmethod
    def time(seconds):
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return when.strftime("%Y-%m-%dT%H:%M:%SZ")

    def log_in(self, named_by, seconds, **more):
        token = {"startUrl": START_URL, "region": REGION, "accessToken": "token-0", "expiresAt": self.time(seconds), **more}
        file = self.cache / (hashlib.sha1(named_by.encode()).hexdigest() + ".json")
        file.write_text(json.dumps(token))
        return file

    def renewable(self):
        return {"clientId": "client", "clientSecret": "hush", "refreshToken": "refresh-1", "registrationExpiresAt": self.time(86400)}

    def whoami(self, profile, **more):
        return probe({**self.environment, **self.to_portal, "AWS_PROFILE": profile, **more}, "whoami")

    def botocores_requests(self, profile):
        """What botocore asks the portal, with the same files."""
        self.portal.seen.clear()
        made = botocore.session.Session.create_client

        def to_portal(session, service, *arguments, **more):
            return made(session, service, *arguments, **{**more, "endpoint_url": self.portal.url})
        with mock.patch.dict(os.environ, {**self.environment, "AWS_PROFILE": profile}), \
                mock.patch.object(botocore.session.Session, "create_client", to_portal), \
                mock.patch.object(botocore.tokens.SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(self.cache)), \
                mock.patch("botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR", str(self.cache)):
            session = botocore.session.Session()
            cache = botocore.utils.JSONFileCache(str(self.cache))
            with mock.patch("botocore.credentials.JSONFileCache", lambda *_, **__: cache):
                credentials = session.get_credentials().get_frozen_credentials()
        return credentials.access_key, list(self.portal.seen)

    def test_the_requests_are_botocores(self):
        for profile, named_by, seconds, more in (("new", "corp", 7200, {}), ("old", START_URL, 60, {}),
                                                 ("new", "corp", 300, self.renewable()), ("new", "corp", -300, self.renewable())):
            with self.subTest(profile=profile, seconds=seconds):
                self.portal.access_tokens = {"token-0"}
                file = self.log_in(named_by, seconds, **more)
                self.portal.seen.clear()
                done = self.whoami(profile)
                self.assertEqual((done.returncode, done.stdout), (0, b"123456789012 ASIA-Backup\n"), done.stderr)
                ours, kept = list(self.portal.seen), json.loads(file.read_text())
                self.portal.access_tokens = {"token-0"}
                self.log_in(named_by, seconds, **more)
                self.assertEqual(self.botocores_requests(profile), ("ASIA-Backup", ours))
                theirs = json.loads(file.read_text())
                self.assertEqual(kept.keys(), theirs.keys())
                self.assertEqual({name: value for name, value in kept.items() if not name.endswith("At")},
                                 {name: value for name, value in theirs.items() if not name.endswith("At")})

    def test_endpoints_of_the_services_section(self):
        self.log_in("corp", 7200)
        self.to_portal = {}
        done = self.whoami("by-services")
        self.assertEqual(done.stdout, b"123456789012 ASIA-Other\n", done.stderr)

    def test_who_has_to_log_in_is_told_how(self):
        self.assertIn(b"Profile new is not logged in", self.whoami("new").stderr)
        self.log_in("corp", -1)
        self.assertIn(b"has expired. `aws sso login --profile new`", self.whoami("new").stderr)
        self.log_in(START_URL, 100)
        self.portal.access_tokens.clear()
        self.assertIn(b"has expired. `aws sso login --profile old`", self.whoami("old").stderr)


if __name__ == "__main__":
    unittest.main()
