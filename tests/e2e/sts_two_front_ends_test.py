"""Sessions on two front ends over one PostgreSQL: what one makes the other takes at once and refuses once it is revoked, and both
know which codes of a second factor were used and how often somebody has guessed."""

import base64
import hashlib
import hmac
import json
import struct
import time
import unittest

import two_front_ends_test
from deployment import wait_for

ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ONLY_WITH_MFA = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["sts:*", "kms:ListAliases"], "Resource": "*"},
    {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}]}


def code(seed, step):
    """RFC 6238, as authenticator programs have it."""
    mac = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    number = struct.unpack(">I", mac[mac[-1] & 15:][:4])[0] & 0x7fffffff
    return f"{number % 1000000:06}"


class Sessions(two_front_ends_test.Pair):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.account = cls.a.ok("sts", "get-caller-identity")["Account"]

    def with_(self, machine, credentials, *arguments):
        kept = machine.environment
        machine.environment = {**kept, "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
                               "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"]}
        machine.environment.pop("AWS_SESSION_TOKEN", None)
        if "SessionToken" in credentials:
            machine.environment["AWS_SESSION_TOKEN"] = credentials["SessionToken"]
        try:
            return machine.aws(*arguments)
        finally:
            machine.environment = kept

    def user(self, name, policy):
        self.a.ok("iam", "create-user", "--user-name", name)
        self.a.ok("iam", "put-user-policy", "--user-name", name, "--policy-name", "p", "--policy-document", json.dumps(policy))
        keys = self.a.ok("iam", "create-access-key", "--user-name", name)["AccessKey"]
        for machine in (self.a, self.b):
            wait_for("the key is in force", lambda m=machine: self.with_(m, keys, "sts", "get-caller-identity").status == 0)
        return keys

    def takes_role(self, machine, keys, role):
        session = self.with_(machine, keys, "sts", "assume-role", "--role-arn", role, "--role-session-name", "first")
        return session.status == 0 and self.with_(machine, session.json["Credentials"], "kms", "list-keys").status == 0

    def test_a_session_of_one_is_one_of_the_other_and_is_revoked_on_both(self):
        anna = self.user("anna", ALLOW_ALL)
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
            "AWS": f"arn:aws:iam::{self.account}:root"}}]}
        role = self.a.ok("iam", "create-role", "--role-name", "worker", "--assume-role-policy-document",
                         json.dumps(trust))["Role"]["Arn"]
        self.a.ok("iam", "put-role-policy", "--role-name", "worker", "--policy-name", "p", "--policy-document",
                  json.dumps(ALLOW_ALL))
        for machine in (self.a, self.b):
            wait_for("the role is in force", lambda m=machine: self.takes_role(m, anna, role))
        old = []
        for here, there in ((self.a, self.b), (self.b, self.a)):
            for asked in (("sts", "assume-role", "--role-arn", role, "--role-session-name", "s1"),
                          ("sts", "get-session-token")):
                session = self.with_(here, anna, *asked).json["Credentials"]
                # At once: the token has all there is to know of it.
                answer = self.with_(there, session, "kms", "list-keys")
                self.assertEqual(answer.status, 0, answer.err)
                if asked[1] == "assume-role":
                    old.append(session)
        time.sleep(1.1)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        denied = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
            "DateLessThan": {"aws:TokenIssueTime": moment}}}]}
        self.b.ok("iam", "put-role-policy", "--role-name", "worker", "--policy-name", "AWSRevokeOlderSessions",
                  "--policy-document", json.dumps(denied))
        for machine in (self.a, self.b):
            for session in old:
                wait_for("revoked", lambda m=machine, s=session: self.with_(m, s, "kms", "list-keys").error
                         == "AccessDeniedException")
        for here, there in ((self.a, self.b), (self.b, self.a)):
            session = self.with_(here, anna, "sts", "assume-role", "--role-arn", role, "--role-session-name",
                                 "s2").json["Credentials"]
            answer = self.with_(there, session, "kms", "list-keys")
            self.assertEqual(answer.status, 0, answer.err)

    def test_a_session_with_a_second_factor(self):
        berta = self.user("berta", ONLY_WITH_MFA)
        out = self.a.root / "seed"
        device = self.a.ok("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "berta", "--bootstrap-method",
                           "Base32StringSeed", "--outfile", str(out))["VirtualMFADevice"]["SerialNumber"]
        seed = out.read_text().strip()
        shown = int(time.time()) // 30
        self.a.ok("iam", "enable-mfa-device", "--user-name", "berta", "--serial-number", device, "--authentication-code1",
                  code(seed, shown - 1), "--authentication-code2", code(seed, shown))
        plain = self.with_(self.a, berta, "sts", "get-session-token").json["Credentials"]
        for machine in (self.a, self.b):
            self.assertEqual(self.with_(machine, plain, "kms", "list-aliases").status, 0)
            self.assertEqual(self.with_(machine, plain, "kms", "list-keys").error, "AccessDeniedException")
            self.assertEqual(self.with_(machine, berta, "kms", "list-keys").error, "AccessDeniedException")

        def asked(machine, typed):
            return self.with_(machine, berta, "sts", "get-session-token", "--serial-number", device, "--token-code", typed)

        step = int(time.time()) // 30
        right = {code(seed, s) for s in range(step - 5, step + 20)}
        wrong = [f"{n:06}" for n in range(100) if f"{n:06}" not in right]
        self.assertEqual(asked(self.b, wrong[0]).error, "AccessDenied")
        # The device's next one, or today's: either is in reach, also when a new one is shown before the call arrives.
        used = code(seed, max(shown + 1, int(time.time()) // 30))
        answer = asked(self.b, used)
        self.assertEqual(answer.status, 0, answer.err)
        session = answer.json["Credentials"]
        for machine in (self.a, self.b):
            listed = self.with_(machine, session, "kms", "list-keys")
            self.assertEqual(listed.status, 0, listed.err)
        # A code counts once, whichever front end it was shown to.
        self.assertEqual(asked(self.a, used).error, "AccessDenied")
        # Who guesses soon has to wait, with the right code too, and at the other front end.
        for guess in wrong[1:8]:
            self.assertEqual(asked(self.a, guess).error, "AccessDenied")
        refused = asked(self.b, code(seed, int(time.time()) // 30 + 1))
        self.assertEqual(refused.error, "AccessDenied", refused.err)
        self.assertIn("takes none for", refused.err)
        # The session that there is lives on.
        self.assertEqual(self.with_(self.b, session, "kms", "list-keys").status, 0)


if __name__ == "__main__":
    unittest.main()
