"""The client side of AWS (src/aws_client), against a real S3-compatible server, a line that goes wrong, and Strongroom's own
KMS and STS."""

import base64
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import urllib.parse

import botocore.client
import botocore.session
import s3_servers
from aws_semantics import AwsProxy
from deployment import BIN, Deployment, wait_for
from oidc_issuer import Issuer
from xks_proxy import make_certificates

PROBE = BIN / "strongroom-aws-client-probe"
HOST = "oidc.example.com"
MIB = 1 << 20


class Nothing:
    """The body of an answer that has none."""

    def stream(self, *_, **__):
        return iter(())


def probe(environment, *arguments, stdin=b""):
    return subprocess.run([PROBE, *arguments], input=stdin, capture_output=True, timeout=120,
                          env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment})


class S3(unittest.TestCase):
    """Swift as it is: it takes no conditions and keeps no SHA-256."""

    proxy_class = s3_servers.FaultProxy
    passing = (500, 503, "cut-request", "lose-answer", "wrong-etag", "wrong-checksum")

    @classmethod
    def setUpClass(cls):
        s3_servers.give_swift(cls)
        cls.environment = s3_servers.environment(cls.swift.url)
        for bucket in ("backup", "back.up"):
            cls.aws("create-bucket", "--bucket", bucket)

    @classmethod
    def aws(cls, *arguments):
        return subprocess.run(["aws", "s3api", "--endpoint-url", cls.swift.url, *arguments], check=True, capture_output=True,
                              env={**os.environ, **cls.environment}).stdout

    def setUp(self):
        self.proxy = self.proxy_class(self.swift.url)
        self.addCleanup(self.proxy.stop)
        self.place = f"s3://backup/{self.id().rsplit('.', 1)[1]}"

    def tearDown(self):
        self.assertEqual(self.proxy.bad_signatures, [])

    def ok(self, command, *arguments, stdin=b"", **more):
        """Through the proxy, so that botocore looks at each signature."""
        environment = {**self.environment, "AWS_ENDPOINT_URL_S3": self.proxy.url, **more}
        done = probe(environment, command, self.place, *arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def refused(self, command, *arguments, stdin=b"", place=None, **more):
        environment = {**self.environment, "AWS_ENDPOINT_URL_S3": self.proxy.url, "AWS_MAX_ATTEMPTS": "2", **more}
        done = probe(environment, command, place or self.place, *arguments, stdin=stdin)
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr.decode().strip()

    def test_objects(self):
        for name in ("plain", "a/b c", "ü/+&=%25;,:@$~!*'()#?", "x" * 200):
            self.ok("put", name, stdin=name.encode())
            self.assertEqual(self.ok("get", name), name.encode())
        self.assertEqual(self.ok("list", "").decode(),
                         f"5 a/b c\n5 plain\n{'200 ' + 'x' * 200}\n{len('ü/+&=%25;,:@$~!*()#?'.encode()) + 1} ü/+&=%25;,:@$~!*'()#?\n")
        self.assertEqual(self.ok("list", "a/").decode(), "5 a/b c\n")
        self.assertEqual(self.ok("get", "plain", "1", "3"), b"lai")
        self.assertEqual(self.ok("get", "plain", "4", "30"), b"n")
        self.assertEqual(self.ok("get", "plain", "40", "30"), b"")
        self.ok("put", "empty")
        self.assertEqual(self.ok("get", "empty"), b"")
        out = self.root / "out"
        self.aws("get-object", "--bucket", "backup", "--key", "test_objects/a/b c", str(out))
        self.assertEqual(out.read_bytes(), b"a/b c")
        self.ok("delete", "plain", "a/b c", "never there")
        self.assertIn("not-found: s3://backup/test_objects/plain does not exist", self.refused("get", "plain"))

    def test_an_object_that_is_there_is_not_replaced(self):
        self.ok("put-absent", "one", stdin=b"first")
        self.assertIn("already-exists", self.refused("put-absent", "one", stdin=b"second"))
        self.assertEqual(self.ok("get", "one"), b"first")
        self.ok("put", "one", stdin=b"third")
        self.assertEqual(self.ok("get", "one"), b"third")

    def test_parts(self):
        content = os.urandom(12 * MIB + 321)
        self.ok("send", "big", stdin=content)
        self.assertEqual(self.ok("get", "big"), content)
        self.assertEqual(self.ok("get", "big", str(5 * MIB - 10), "20"), content[5 * MIB - 10:5 * MIB + 10])
        out = self.root / "out"
        self.aws("get-object", "--bucket", "backup", "--key", "test_parts/big", str(out))
        self.assertEqual(out.read_bytes(), content)
        self.assertIn("already-exists", self.refused("send", "big", stdin=b"x"))
        self.ok("leave", "behind", stdin=b"x")
        self.assertEqual(self.ok("drop", "no/such"), b"0\n")
        self.assertGreaterEqual(int(self.ok("drop", "")), 1)
        self.assertEqual(self.ok("drop", ""), b"0\n")

    def test_addressing_is_as_botocore_chooses(self):
        config = self.root / "addressing"
        for style in ("auto", "path", "virtual"):
            config.write_text(f"[default]\ns3 =\n  addressing_style = {style}\n")
            for url in (self.proxy.url, self.proxy.named_url):
                for bucket in ("backup", "back.up"):
                    if (style, url, bucket) == ("virtual", self.proxy.url, "back.up"):
                        continue  # botocore makes back.up.127.0.0.1 of it, which nobody can resolve
                    with self.subTest(style=style, url=url, bucket=bucket):
                        self.place = f"s3://{bucket}/{style}"
                        self.proxy.hosts.clear()
                        self.ok("put", "x y", stdin=b"content", AWS_ENDPOINT_URL_S3=url, AWS_CONFIG_FILE=str(config))
                        ours = self.proxy.hosts[-1]
                        self.assertEqual(self.ok("get", "x y", AWS_ENDPOINT_URL_S3=url, AWS_CONFIG_FILE=str(config)), b"content")
                        self.assertEqual(self.ok("list", "", AWS_ENDPOINT_URL_S3=url, AWS_CONFIG_FILE=str(config)), b"7 x y\n")
                        sent = []
                        client = botocore.session.Session().create_client(
                            "s3", endpoint_url=url, region_name=s3_servers.REGION, aws_access_key_id=s3_servers.ACCESS_KEY,
                            aws_secret_access_key=s3_servers.SECRET, config=botocore.client.Config(s3={"addressing_style": style}))

                        def stop(request, **_):
                            parts = urllib.parse.urlsplit(request.url)
                            sent.append((parts.netloc, parts.path))
                            return botocore.awsrequest.AWSResponse(request.url, 200, {}, Nothing())
                        client.meta.events.register("before-send.s3.PutObject", stop)
                        client.put_object(Bucket=bucket, Key=f"{style}/x y", Body=b"content")
                        self.assertEqual(ours, sent[0])

    def test_parts_with_the_bucket_in_the_host(self):
        config = self.root / "virtual"
        config.write_text("[default]\ns3 =\n  addressing_style = virtual\n")
        content = os.urandom(6 * MIB)
        for bucket in ("backup", "back.up"):
            self.place = f"s3://{bucket}/hosts"
            more = {"AWS_ENDPOINT_URL_S3": self.proxy.named_url, "AWS_CONFIG_FILE": str(config)}
            self.ok("send", "big", stdin=content, **more)
            self.assertEqual(self.ok("get", "big", **more), content)
            self.ok("delete", "big", **more)
            self.ok("leave", "behind", stdin=b"x", **more)
            self.assertEqual(self.ok("drop", "", **more), b"1\n")
            self.assertEqual({host.split(":")[0] for host, _ in self.proxy.hosts[-3:]}, {f"{bucket}.localhost"})

    def test_a_completion_whose_answer_is_lost(self):
        content = os.urandom(6 * MIB)
        for kind in ("lose-answer", ("error", "InternalError"), ("error-after", "InternalError"), ("cut-answer", 20)):
            with self.subTest(kind=kind):
                name = "-".join(map(str, kind)) if isinstance(kind, tuple) else kind
                self.proxy.fault("POST", f"{name}?uploadId", kind)
                self.ok("send", name, stdin=content)
                self.assertEqual(self.proxy.count("POST", f"{name}?uploadId"), 2)
                self.assertEqual(self.ok("get", name), content)
                self.assertEqual(self.ok("drop", name), b"0\n")
        self.proxy.fault("POST", "denied?uploadId", ("error", "AccessDenied"))
        self.assertIn("access-denied: S3 does not allow s3:PutObject", self.refused("send", "denied", stdin=content))

    def test_what_passes_is_passed_over(self):
        content = os.urandom(6 * MIB)
        for kind in self.passing:
            with self.subTest(kind=kind):
                name = f"{kind}"
                self.proxy.fault("PUT", f"{name}?partNumber=2", kind)
                self.proxy.fault("POST", f"{name}?uploadId", kind if kind not in ("wrong-etag", "wrong-checksum") else 503)
                self.ok("send", name, stdin=content)
                self.proxy.fault("PUT", f"/{name}-small", kind)
                self.ok("put-absent", f"{name}-small", stdin=b"small")
                self.assertEqual(self.ok("get", f"{name}-small"), b"small")
                self.assertEqual(self.ok("get", name), content)
                self.assertGreaterEqual(self.proxy.count("PUT", f"{name}?partNumber=2"), 2)

    def test_a_download_goes_on_where_it_was_cut(self):
        content = os.urandom(3 * MIB)
        self.ok("put", "x", stdin=content)
        self.proxy.fault("GET", "/x", ("cut-answer", MIB // 2), times=4)
        self.proxy.fault("GET", "/x", "drip")
        self.assertEqual(self.ok("get", "x"), content)
        self.assertEqual(self.proxy.count("GET", "/x"), 5)

    def test_what_does_not_pass_is_said(self):
        self.proxy.fault("PUT", "/x", 503, times=2)
        self.assertIn("throttled: S3 refuses s3:PutObject on s3://backup/", self.refused("put", "x"))
        self.proxy.fault("PUT", "/x", "wrong-checksum", times=2)
        self.assertIn("corrupted: What was stored is not what was sent", self.refused("put", "x", stdin=b"some"))
        self.assertIn("The bucket nobodys does not exist", self.refused("list", "", place="s3://nobodys/x"))
        self.assertIn("invalid-argument: The address is not s3://", self.refused("list", "", place="s3://NO"))
        direct = {**self.environment, "AWS_MAX_ATTEMPTS": "1"}
        wrong = probe({**direct, "AWS_SECRET_ACCESS_KEY": "wrong"}, "list", self.place, "").stderr.decode()
        self.assertNotIn("wrong", wrong)
        self.assertTrue(wrong.startswith(("invalid-signature", "access-denied")), wrong)
        nobody = probe({**direct, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "list", self.place, "").stderr.decode()
        self.assertTrue(nobody.startswith("unavailable: http://127.0.0.1:1 cannot be reached"), nobody)


class AwsS3(S3):
    """The same before a server with AWS's conditions and checksums, and what only those show."""

    proxy_class = AwsProxy
    passing = (500, 503, "cut-request", "lose-answer", "wrong-checksum")  # an ETag need not be an MD5 there

    def test_what_is_stored_has_its_sha256(self):
        self.ok("put", "one", stdin=b"content")
        self.ok("send", "two", stdin=os.urandom(6 * MIB))
        stored = {name.rsplit("/", 1)[1]: checksum for name, checksum in self.proxy.stored.items()}
        self.assertEqual(stored["one"], base64.b64encode(hashlib.sha256(b"content").digest()).decode())
        self.assertTrue(stored["two"].endswith("-2"))
        self.proxy.stored[f"/backup/{self.place.rsplit('/', 1)[1]}/one"] = base64.b64encode(bytes(32)).decode()
        self.assertIn("corrupted: What was read of", self.refused("get", "one"))

    def two_at_once(self, command, content):
        self.proxy.race("/contested")
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **self.environment, "AWS_ENDPOINT_URL_S3": self.proxy.url}
        writers = [subprocess.Popen([PROBE, command, self.place, "contested"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, env=environment) for _ in range(2)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            ended = list(pool.map(lambda pair: pair[0].communicate(pair[1], timeout=120), zip(writers, content)))
        self.assertTrue(self.proxy.met.is_set())
        self.assertEqual(sorted(writer.returncode for writer in writers), [0, 1], ended)
        won = 0 if writers[0].returncode == 0 else 1
        self.assertIn(b"already-exists", ended[1 - won][1])
        self.assertEqual(self.ok("get", "contested"), content[won])

    def test_two_that_write_one_name_at_once(self):
        self.two_at_once("put-absent", [b"first", b"other"])

    def test_two_that_write_one_name_in_parts_at_once(self):
        self.two_at_once("send", [os.urandom(6 * MIB), os.urandom(6 * MIB)])

class OwnServices(unittest.TestCase):
    """KMS and STS of a deployment, with the credentials that AWS's tools would find."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment()
        cls.addClassCleanup(cls.d.close)
        files = cls.d.root / "issuer"
        files.mkdir()
        make_certificates(files, HOST)
        cls.issuer = Issuer(files, HOST).start()
        cls.addClassCleanup(cls.issuer.stop)
        cls.d.start()
        cls.d.stop()
        settings = cls.d.data / "strongroom.toml"
        before, after = settings.read_text().split("[oidc]")
        after = after.replace('hosts = ""', f'hosts = "{HOST}=127.0.0.1:{cls.issuer.port}"', 1)
        after = after.replace('ca_file = ""', f'ca_file = "{files / "ca.crt"}"', 1)
        settings.write_text(f"{before}[oidc]{after}")
        cls.d.start()
        cls.account = cls.d.ok("sts", "get-caller-identity")["Account"]
        cls.key = cls.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        cls.base = {name: cls.d.environment[name] for name in cls.d.environment if name.startswith("AWS_")}

    def setUp(self):
        self.files = pathlib.Path(tempfile.mkdtemp(dir=self.d.root))
        self.keyless = {name: value for name, value in self.base.items()
                        if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
        self.keyless.update(AWS_CONFIG_FILE=str(self.files / "config"), AWS_SHARED_CREDENTIALS_FILE=str(self.files / "credentials"))

    def ok(self, environment, *arguments):
        done = probe(environment, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def user(self, name, *statements):
        self.d.ok("iam", "create-user", "--user-name", name)
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        self.d.ok("iam", "put-user-policy", "--user-name", name, "--policy-name", "p", "--policy-document", json.dumps(policy))
        made = self.d.ok("iam", "create-access-key", "--user-name", name)["AccessKey"]
        environment = {**self.base, "AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
        wait_for("the key is in force", lambda: probe(environment, "whoami").returncode == 0)
        return environment

    def role(self, name, principal, action, **condition):
        statement = {"Effect": "Allow", "Principal": principal, "Action": action}
        if condition:
            statement["Condition"] = {"StringEquals": condition}
        arn = self.d.ok("iam", "create-role", "--role-name", name, "--assume-role-policy-document",
                        json.dumps({"Version": "2012-10-17", "Statement": [statement]}))["Role"]["Arn"]
        self.d.ok("iam", "put-role-policy", "--role-name", name, "--policy-name", "p", "--policy-document", json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
        return arn

    def test_data_keys(self):
        out = self.ok(self.base, "kms", self.key).splitlines()
        self.assertEqual(out, [f"{self.key} same", "wrong context: bad-ciphertext", f"{self.key} Enabled SYMMETRIC_DEFAULT AWS_KMS"])
        alias = "alias/probe"
        self.d.ok("kms", "create-alias", "--alias-name", alias, "--target-key-id", self.key)
        self.assertTrue(self.ok(self.base, "kms", alias).startswith(f"{self.key} same"))

    def test_profiles_roles_and_their_sessions(self):
        arn = self.role("external", {"AWS": f"arn:aws:iam::{self.account}:root"}, "sts:AssumeRole", **{"sts:ExternalId": "42"})
        anna = self.user("anna", {"Effect": "Allow", "Action": "*", "Resource": "*"})
        (self.files / "credentials").write_text(
            f"[anna]\naws_access_key_id = {anna['AWS_ACCESS_KEY_ID']}\naws_secret_access_key = {anna['AWS_SECRET_ACCESS_KEY']}\n")
        (self.files / "config").write_text(
            f"[profile work]\nrole_arn = {arn}\nsource_profile = anna\nexternal_id = 42\nrole_session_name = me\n"
            f"[profile wrong]\nrole_arn = {arn}\nsource_profile = anna\nexternal_id = 43\n")
        self.assertEqual(self.ok({**self.keyless, "AWS_PROFILE": "anna"}, "whoami"),
                         f"{self.account} arn:aws:iam::{self.account}:user/anna\n")
        work = {**self.keyless, "AWS_PROFILE": "work"}
        self.assertEqual(self.ok(work, "whoami"), f"{self.account} arn:aws:sts::{self.account}:assumed-role/external/me\n")
        self.assertTrue(self.ok(work, "kms", self.key).startswith(f"{self.key} same"))
        refused = probe({**self.keyless, "AWS_PROFILE": "wrong"}, "whoami").stderr.decode()
        self.assertTrue(refused.startswith("access-denied: STS refuses AssumeRole: AccessDenied"), refused)

    def test_web_identity(self):
        provider = self.d.ok("iam", "create-open-id-connect-provider", "--url", self.issuer.url, "--client-id-list",
                             "sts.amazonaws.com", "--thumbprint-list", "0" * 40)["OpenIDConnectProviderArn"]
        arn = self.role("pod", {"Federated": provider}, "sts:AssumeRoleWithWebIdentity", **{f"{HOST}:aud": "sts.amazonaws.com"})
        token = self.files / "token"
        token.write_text(self.issuer.token() + "\n")
        pod = {**self.keyless, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": arn, "AWS_ROLE_SESSION_NAME": "backup"}
        wait_for("the role is in force", lambda: probe(pod, "kms", self.key).returncode == 0)
        self.assertEqual(self.ok(pod, "whoami"), f"{self.account} arn:aws:sts::{self.account}:assumed-role/pod/backup\n")
        self.assertTrue(self.ok(pod, "kms", self.key).startswith(f"{self.key} same"))
        token.write_text(self.issuer.token(exp=1))
        self.assertIn("ExpiredToken", probe(pod, "whoami").stderr.decode())

    def test_the_missing_permission_is_named(self):
        some = self.user("some", {"Effect": "Allow", "Action": ["kms:DescribeKey", "kms:GenerateDataKey"], "Resource": "*"})
        rows = dict(line.split(" ", 1) for line in self.ok(some, "permissions", self.key).splitlines())
        self.assertEqual((rows["kms:DescribeKey"], rows["kms:GenerateDataKey"]), ("allowed", "allowed"))
        for action in ("kms:Encrypt", "kms:Decrypt"):
            self.assertTrue(rows[action].startswith("AccessDeniedException: "), rows[action])
            self.assertIn(f"{action} has to be allowed by the key's policy or a grant", rows[action])
        everything = self.ok(self.base, "permissions", self.key).splitlines()
        self.assertEqual([line.split(" ", 1)[1] for line in everything], ["allowed"] * 4)

    def test_the_owners_decisions_are_said(self):
        key = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        self.d.ok("kms", "disable-key", "--key-id", key)
        wait_for("disabled", lambda: "DisabledException" in probe(self.base, "kms", key).stderr.decode())
        self.assertIn("The key's owner has disabled it", probe(self.base, "kms", key).stderr.decode())
        self.d.ok("kms", "schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
        wait_for("to be deleted", lambda: "KMSInvalidStateException" in probe(self.base, "kms", key).stderr.decode())
        self.assertIn("Until then the owner can decide otherwise (CancelKeyDeletion", probe(self.base, "kms", key).stderr.decode())

    def test_a_certificate_that_nobody_vouches_for(self):
        trusting = {name: value for name, value in self.base.items() if name != "AWS_CA_BUNDLE"}
        self.assertTrue(probe(trusting, "whoami").stderr.decode().startswith("untrusted: The certificate of https://"))

    def test_no_credentials(self):
        self.assertTrue(probe(self.keyless, "whoami").stderr.decode().startswith("missing-authentication: There are no AWS"))


if __name__ == "__main__":
    unittest.main()
