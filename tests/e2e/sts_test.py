"""STS and accounts with the stock aws CLI: users, roles and their sessions, web identities, root keys, several accounts."""

import json
import os
import time
import unittest

from deployment import BIN, Deployment, wait_for
from manual import Manual
from oidc_issuer import Issuer
from xks_proxy import make_certificates

MANUAL = Manual("Accounts and root keys")
HEADING = "Accounts and root keys"
HOST = "oidc.example.com"
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def trust(principal, action="sts:AssumeRole", **condition):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Sts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment()
        cls.addClassCleanup(cls.d.close)
        cls.files = cls.d.root / "issuer"
        cls.files.mkdir()
        make_certificates(cls.files, HOST)
        cls.issuer = Issuer(cls.files, HOST).start()
        cls.addClassCleanup(cls.issuer.stop)
        cls.d.start()
        cls.d.stop()
        settings = cls.d.data / "strongroom.toml"
        before, after = settings.read_text().split("[oidc]")
        after = after.replace('hosts = ""', f'hosts = "{HOST}=127.0.0.1:{cls.issuer.port}"', 1)
        after = after.replace('ca_file = ""', f'ca_file = "{cls.files / "ca.crt"}"', 1)
        settings.write_text(f"{before}[oidc]{after}")
        cls.d.start()
        cls.root = dict(cls.d.environment)
        cls.account = cls.d.ok("sts", "get-caller-identity")["Account"]
        cls.anna = cls.user("anna")

    @classmethod
    def tearDownClass(cls):
        assert MANUAL.left() == [], MANUAL.left()

    @classmethod
    def user(cls, name, policy=ALLOW_ALL):
        cls.d.ok("iam", "create-user", "--user-name", name)
        cls.d.ok("iam", "put-user-policy", "--user-name", name, "--policy-name", "p", "--policy-document", json.dumps(policy))
        return cls.settled(cls.d.ok("iam", "create-access-key", "--user-name", name)["AccessKey"])

    @classmethod
    def settled(cls, credentials):
        """The credentials once they are in force, which for a new access key takes up to a second."""
        wait_for("the key is in force", lambda: cls.as_(credentials, "sts", "get-caller-identity").status == 0)
        return credentials

    @classmethod
    def as_(cls, credentials, *arguments, **more):
        """An aws call with other credentials than root's."""
        environment = {**cls.root, "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
                       "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"], **more}
        environment.pop("AWS_SESSION_TOKEN", None)
        if "SessionToken" in credentials:
            environment["AWS_SESSION_TOKEN"] = credentials["SessionToken"]
        return cls.with_(environment, *arguments)

    @classmethod
    def with_(cls, environment, *arguments):
        kept, cls.d.environment = cls.d.environment, environment
        try:
            return cls.d.aws(*arguments)
        finally:
            cls.d.environment = kept

    def manual_as(self, credentials, number, **words):
        """A block of the text with the root key of another account."""
        kept = self.d.environment
        self.d.environment = {**kept, "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"], "AWS_DEFAULT_OUTPUT": "json",
                              "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"]}
        try:
            return MANUAL.run(self.d, HEADING, number, **words)
        finally:
            self.d.environment = kept

    @classmethod
    def role(cls, name, policy=None, permissions=ALLOW_ALL):
        made = cls.d.ok("iam", "create-role", "--role-name", name, "--assume-role-policy-document",
                        policy or trust({"AWS": f"arn:aws:iam::{cls.account}:root"}))["Role"]
        cls.d.ok("iam", "put-role-policy", "--role-name", name, "--policy-name", "p", "--policy-document",
                 json.dumps(permissions))
        return made["Arn"]

    def assume(self, arn, *more, by=None):
        return self.as_(by or self.anna, "sts", "assume-role", "--role-arn", arn, "--role-session-name", "s1", *more)

    def session(self, arn, *more):
        """What a session of a role that was just made is given, once the role and its policy are in force."""
        def look():
            answer = self.assume(arn, *more)
            return answer.json if answer.status == 0 and self.as_(answer.json["Credentials"], "kms", "list-keys").status == 0 else None

        return wait_for("the role is in force", look)

    def test_a_role_is_assumed_and_loses_its_rights_with_the_role(self):
        arn = self.role("worker")
        credentials = self.session(arn)["Credentials"]
        who = self.as_(credentials, "sts", "get-caller-identity").json
        self.assertEqual(who["Arn"], f"arn:aws:sts::{self.account}:assumed-role/worker/s1")
        key = self.as_(credentials, "kms", "create-key")
        self.assertEqual(key.status, 0, key.err)
        self.d.ok("iam", "delete-role-policy", "--role-name", "worker", "--policy-name", "p")
        wait_for("no rights", lambda: self.as_(credentials, "kms", "list-keys").error == "AccessDeniedException")
        self.d.ok("iam", "delete-role", "--role-name", "worker")
        wait_for("no session", lambda: self.as_(credentials, "kms", "list-keys").error == "UnrecognizedClientException")
        self.assertEqual(self.as_(credentials, "sts", "get-caller-identity").error, "InvalidClientTokenId")

    def test_a_role_wants_its_external_id(self):
        arn = self.role("external", trust({"AWS": f"arn:aws:iam::{self.account}:user/anna"},
                                          StringEquals={"sts:ExternalId": "42"}))
        credentials = self.session(arn, "--external-id", "42")["Credentials"]
        self.assertEqual(self.as_(credentials, "sts", "get-caller-identity").json["Arn"],
                         f"arn:aws:sts::{self.account}:assumed-role/external/s1")
        for more in ((), ("--external-id", "43")):
            refused = self.assume(arn, *more)
            self.assertEqual(refused.error, "AccessDenied")
            self.assertIn("sts:AssumeRole on resource", refused.err)

    def test_sessions_are_revoked_by_the_time_of_their_issue(self):
        arn = self.role("revoked")
        old = self.session(arn)["Credentials"]
        self.assertEqual(self.as_(old, "kms", "list-keys").status, 0)
        time.sleep(1.1)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        denied = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
            "DateLessThan": {"aws:TokenIssueTime": moment}}}]}
        self.d.ok("iam", "put-role-policy", "--role-name", "revoked", "--policy-name", "AWSRevokeOlderSessions",
                  "--policy-document", json.dumps(denied))
        wait_for("revoked", lambda: self.as_(old, "kms", "list-keys").error == "AccessDeniedException")
        new = self.assume(arn).json["Credentials"]
        self.assertEqual(self.as_(new, "kms", "list-keys").status, 0)

    def test_session_policies_tags_and_chains(self):
        arn = self.role("tagged", trust({"AWS": f"arn:aws:iam::{self.account}:root"},
                                        ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]))
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["kms:ListKeys", "sts:*"], "Resource": "*"},
            {"Effect": "Allow", "Action": "kms:ListAliases", "Resource": "*",
             "Condition": {"StringEquals": {"aws:PrincipalTag/Team": "blue"}}}]}
        answer = self.session(arn, "--policy", json.dumps(policy), "--tags", "Key=Team,Value=blue", "--transitive-tag-keys",
                              "Team", "--source-identity", "anna", "--duration-seconds", "900")
        self.assertEqual(answer["SourceIdentity"], "anna")
        self.assertGreater(answer["PackedPolicySize"], 0)
        credentials = answer["Credentials"]
        self.assertEqual(self.as_(credentials, "kms", "list-keys").status, 0)
        self.assertEqual(self.as_(credentials, "kms", "list-aliases").status, 0)
        self.assertEqual(self.as_(credentials, "kms", "create-key").error, "AccessDeniedException")
        chained = self.assume(arn, by=credentials).json
        self.assertEqual(chained["SourceIdentity"], "anna")
        refused = self.assume(arn, "--duration-seconds", "3601", by=chained["Credentials"])
        self.assertEqual(refused.error, "ValidationError")
        large = self.assume(arn, "--tags", *(f"Key=k{n},Value={'v' * 250}" for n in range(20)))
        self.assertEqual(large.error, "PackedPolicyTooLarge")
        self.assertEqual(self.assume(arn, "--policy", "{").error, "MalformedPolicyDocument")

    def test_tokens_of_users_and_federated_users(self):
        session = self.as_(self.anna, "sts", "get-session-token").json["Credentials"]
        self.assertEqual(self.as_(session, "sts", "get-caller-identity").json["Arn"], f"arn:aws:iam::{self.account}:user/anna")
        self.assertEqual(self.as_(session, "kms", "list-keys").status, 0)
        self.assertEqual(self.as_(session, "sts", "get-session-token").error, "AccessDenied")
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}]}
        answer = self.as_(self.anna, "sts", "get-federation-token", "--name", "bob", "--policy", json.dumps(policy)).json
        self.assertEqual(answer["FederatedUser"]["Arn"], f"arn:aws:sts::{self.account}:federated-user/bob")
        self.assertEqual(self.as_(answer["Credentials"], "kms", "list-keys").status, 0)
        self.assertEqual(self.as_(answer["Credentials"], "kms", "list-aliases").error, "AccessDeniedException")
        info = self.as_(self.anna, "sts", "get-access-key-info", "--access-key-id", session["AccessKeyId"])
        self.assertEqual(info.json["Account"], self.account)
        decode = self.as_(self.anna, "sts", "decode-authorization-message", "--encoded-message", "x")
        self.assertEqual(decode.error, "InvalidAuthorizationMessageException")

    def test_tokens_that_were_changed_or_belong_elsewhere(self):
        good = self.as_(self.anna, "sts", "get-session-token").json["Credentials"]
        other = self.as_(self.anna, "sts", "get-session-token").json["Credentials"]
        token = good["SessionToken"]
        middle = len(token) // 2
        for what, changed in {"changed": token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1:],
                              "cut": token[:-8], "another's": other["SessionToken"], "nonsense": "bm9uc2Vuc2U="}.items():
            answer = self.as_({**good, "SessionToken": changed}, "sts", "get-caller-identity")
            self.assertEqual(answer.error, "InvalidClientTokenId", what)
        without = {name: value for name, value in good.items() if name != "SessionToken"}
        self.assertEqual(self.as_(without, "sts", "get-caller-identity").error, "InvalidClientTokenId")
        wrong = self.as_({**good, "SecretAccessKey": other["SecretAccessKey"]}, "sts", "get-caller-identity")
        self.assertEqual(wrong.error, "SignatureDoesNotMatch")
        self.assertEqual(self.as_(good, "sts", "get-caller-identity").status, 0)
        self.d.stop()
        self.d.start()
        self.assertEqual(self.as_(good, "sts", "get-caller-identity").status, 0, "another process takes the token")

    def test_web_identities(self):
        provider = self.d.ok("iam", "create-open-id-connect-provider", "--url", self.issuer.url, "--client-id-list",
                             "sts.amazonaws.com", "--thumbprint-list", "0" * 40)["OpenIDConnectProviderArn"]
        subject = "system:serviceaccount:default:deployer"
        arn = self.role("pod", trust({"Federated": provider}, "sts:AssumeRoleWithWebIdentity",
                                     StringEquals={f"{HOST}:sub": subject, f"{HOST}:aud": "sts.amazonaws.com"}))
        def assume(text, role=arn):
            return self.d.aws("sts", "assume-role-with-web-identity", "--no-sign-request", "--role-arn", role,
                              "--role-session-name", "s1", "--web-identity-token", text)

        good = wait_for("the role is in force", lambda: (a := assume(self.issuer.token())).status == 0 and self.as_(
            a.json["Credentials"], "kms", "list-keys").status == 0 and a.json)
        who = self.as_(good["Credentials"], "sts", "get-caller-identity").json
        self.assertEqual(who["Arn"], f"arn:aws:sts::{self.account}:assumed-role/pod/s1")
        self.assertEqual(good["SubjectFromWebIdentityToken"], subject)
        self.assertEqual(good["Audience"], "sts.amazonaws.com")
        self.assertEqual(good["Provider"], provider)
        self.assertEqual(assume(self.issuer.token(iss=self.issuer.url + "/")).status, 0, "an issuer that ends with a slash")
        fetched = self.issuer.asked.count("/keys")
        now = int(time.time())
        parts = self.issuer.token().split(".")
        for what, text, error in [
                ("no token", "abcde", "InvalidIdentityToken"),
                ("expired", self.issuer.token(exp=now - 1), "ExpiredTokenException"),
                ("not yet valid", self.issuer.token(nbf=now + 3600), "InvalidIdentityToken"),
                ("another audience", self.issuer.token(aud="someone.else"), "InvalidIdentityToken"),
                ("another issuer", self.issuer.token(iss="https://evil.example.com"), "InvalidIdentityToken"),
                ("an issuer by its address", self.issuer.token(iss=f"https://127.0.0.1:{self.issuer.port}"),
                 "InvalidIdentityToken"),
                ("another subject", self.issuer.token(sub="someone"), "AccessDenied"),
                ("no subject", self.issuer.token(sub=None), "InvalidIdentityToken"),
                ("not signed", self.issuer.token(header={"alg": "none"}), "InvalidIdentityToken"),
                ("a signature of another token", ".".join(self.issuer.token(sub="x").split(".")[:2] + parts[2:]),
                 "InvalidIdentityToken")]:
            answer = assume(text)
            self.assertEqual(answer.error, error, f"{what}: {answer.err}")
        self.assertEqual(self.issuer.asked.count("/keys"), fetched, "keys are kept")
        self.assertEqual(assume(self.issuer.token(), arn + "x").error, "AccessDenied", "a role that is not there")
        # The trail has who proved to be who; tokens that are not believed are nobody's, whatever role they name.
        def recorded():
            events = self.d.ok("cloudtrail", "lookup-events", "--lookup-attributes",
                               "AttributeKey=EventName,AttributeValue=AssumeRoleWithWebIdentity")["Events"]
            return [json.loads(event["CloudTrailEvent"]) for event in events]
        records = wait_for("the records", lambda: (r := recorded()) and any("errorCode" in one for one in r) and r)
        shown = [one["userIdentity"] for one in records if "errorCode" not in one]
        self.assertEqual(shown[-1], {"type": "WebIdentityUser", "principalId": f"{provider}:{subject}", "userName": subject,
                                     "identityProvider": provider})
        for one in records:
            believed = one.get("errorCode") in (None, "AccessDenied")
            self.assertEqual(one["userIdentity"].get("identityProvider") == provider, believed, one)
            self.assertEqual("resources" in one, believed, one)
        # A key that the issuer has come to use since.
        self.issuer.shown = ["rsa", "ec"]
        wait_for("the new key", lambda: assume(self.issuer.token("ec")).status == 0)
        # Nothing else goes without a signature.
        unsigned = self.d.aws("sts", "get-caller-identity", "--no-sign-request")
        self.assertEqual(unsigned.error, "MissingAuthenticationToken")

    def test_accounts_are_strangers_to_each_other(self):
        file = self.d.root / "second.json"
        listed = MANUAL.run(self.d, HEADING, 1, DIR=self.d.data, NAME="second", ACCOUNT_ID="444455556666", KEY_FILE=file).out
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        second = self.settled(json.loads(file.read_text()))
        self.assertEqual(self.as_(second, "sts", "get-caller-identity").json["Arn"], "arn:aws:iam::444455556666:root")
        again = self.d.run(BIN / "strongroom", "account", "create", "--data", self.d.data, "--name", "again", "--key-file", file)
        self.assertNotEqual(again.status, 0, "a key file is not overwritten")
        taken = self.d.run(BIN / "strongroom", "account", "create", "--data", self.d.data, "--name", "x", "--id",
                           "444455556666", "--key-file", self.d.root / "x.json")
        self.assertIn("exists", taken.err)
        self.assertIn("444455556666", taken.err)
        self.assertFalse((self.d.root / "x.json").exists(), "no file without a key")
        (self.d.root / "link.json").symlink_to(self.d.root / "elsewhere.json")
        linked = self.d.run(BIN / "strongroom", "account", "create", "--data", self.d.data, "--name", "x", "--key-file",
                            self.d.root / "link.json")
        self.assertNotEqual(linked.status, 0)
        self.assertFalse((self.d.root / "elsewhere.json").exists(), "links are not followed")
        found = [line.split()[0] for line in listed.splitlines() if line[:12].isdigit()]
        self.assertEqual(sorted(found), sorted([self.account, "444455556666"]))

        key = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        self.assertEqual(self.as_(second, "kms", "describe-key", "--key-id", key).error, "AccessDeniedException")
        self.assertEqual(self.as_(second, "kms", "list-keys").json["Keys"], [])
        self.assertEqual(self.as_(second, "iam", "list-users").json["Users"], [])
        refused = self.assume(self.role("mine"), by=second)
        self.assertEqual(refused.error, "AccessDenied")

        # Root keys: the second one is made, the first switched off and deleted.
        new = self.settled(self.manual_as(second, 3).json["AccessKey"])
        self.assertEqual(self.as_(second, "iam", "create-access-key").error, "LimitExceeded")
        self.assertEqual(self.as_(second, "iam", "update-access-key", "--access-key-id", second["AccessKeyId"], "--status",
                                  "Inactive").status, 0)
        wait_for("inactive", lambda: self.as_(second, "sts", "get-caller-identity").error == "InvalidClientTokenId")
        self.manual_as(new, 4, OLD_KEY_ID=second["AccessKeyId"])
        self.assertEqual(self.as_(second, "sts", "get-caller-identity").error, "InvalidClientTokenId")
        self.assertEqual(self.as_(new, "sts", "get-caller-identity").status, 0)
        # Nobody has the second account's root key any more.
        file.unlink()
        MANUAL.run(self.d, HEADING, 6, DIR=self.d.data, ACCOUNT_ID="444455556666", KEY_FILE=file)
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        fresh = self.settled(json.loads(file.read_text()))
        self.assertEqual(self.as_(fresh, "sts", "get-caller-identity").json["Arn"], "arn:aws:iam::444455556666:root")
        wait_for("gone", lambda: self.as_(new, "sts", "get-caller-identity").error == "InvalidClientTokenId")

    def test_zz_the_root_key_is_sealed_and_reset(self):
        MANUAL.run(self.d, HEADING, 2, DIR=self.d.data)
        self.assertFalse((self.d.data / "root-access-key.json").exists())
        refused = self.d.run(BIN / "strongroom", "account", "create", "--data", self.d.data, "--name", "x", "--key-file",
                             self.d.root / "y.json")
        self.assertIn("reset-root", refused.err)
        self.d.stop()
        MANUAL.run(self.d, HEADING, 5, DIR=self.d.data)
        fresh = json.loads((self.d.data / "root-access-key.json").read_text())
        self.assertEqual(self.as_(fresh, "sts", "get-caller-identity").json["Arn"], f"arn:aws:iam::{self.account}:root")
        old = {"AccessKeyId": self.root["AWS_ACCESS_KEY_ID"], "SecretAccessKey": self.root["AWS_SECRET_ACCESS_KEY"]}
        self.assertEqual(self.as_(old, "sts", "get-caller-identity").error, "InvalidClientTokenId")
        self.assertEqual(self.as_(self.anna, "sts", "get-caller-identity").status, 0, "users keep their keys")


if __name__ == "__main__":
    unittest.main()
