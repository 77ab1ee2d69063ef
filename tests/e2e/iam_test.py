"""IAM with the stock client: an administrator of a key and a user of it, and what each may do."""

import base64
import hmac
import json
import os
import struct
import time
import unittest

from deployment import Deployment, wait_for

USE = ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"]


def policy(effect, actions, resource, **more):
    statement = {"Effect": effect, "Action": actions, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def totp(seed, step):
    digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), "sha1").digest()
    at = digest[19] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


class As:
    """The stock client with another's access key."""

    def __init__(self, deployment, key, token=None):
        self.deployment = deployment
        self.environment = {**deployment.environment, "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        self.environment.pop("AWS_SESSION_TOKEN", None)
        if token:
            self.environment["AWS_SESSION_TOKEN"] = token

    def aws(self, *arguments):
        mine, self.deployment.environment = self.deployment.environment, self.environment
        try:
            return self.deployment.aws(*arguments)
        finally:
            self.deployment.environment = mine


class IamTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.addClassCleanup(cls.deployment.close)
        cls.deployment.start()
        cls.account = cls.ok("sts", "get-caller-identity")["Account"]

    @classmethod
    def ok(cls, *arguments):
        answer = cls.deployment.aws(*arguments)
        assert answer.status == 0, f"{arguments}: {answer.err}"
        return answer.json

    def refused(self, error, *arguments, who=None):
        answer = (who or self.deployment).aws(*arguments)
        self.assertEqual(answer.error or answer.err, error, arguments)
        return answer.err

    def becomes(self, what, who, *arguments, error=None):
        """Waits for a change to be in force on the front end."""
        return wait_for(what, lambda: (answer := who.aws(*arguments)).error == error
                        and (answer.status != 0) == (error is not None) and (answer,))[0]

    def user(self, name, *policies):
        made = self.ok("iam", "create-user", "--user-name", name)["User"]
        self.assertRegex(made["UserId"], "^AIDA[A-Z0-9]{17}$")
        for number, text in enumerate(policies):
            self.ok("iam", "put-user-policy", "--user-name", name, "--policy-name", f"p{number}", "--policy-document", text)
        key = self.ok("iam", "create-access-key", "--user-name", name)["AccessKey"]
        who = As(self.deployment, key)
        self.becomes(f"{name}'s key", who, "sts", "get-caller-identity")
        return made, key, who

    def test_one_administers_the_key_and_another_uses_it(self):
        admin, _, as_admin = self.user("CMKAdminUser")
        user, _, as_user = self.user("CMKUser")
        key_policy = {"Version": "2012-10-17", "Statement": [
            {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{self.account}:root"},
             "Action": "kms:*", "Resource": "*"},
            {"Sid": "Administer", "Effect": "Allow", "Principal": {"AWS": admin["Arn"]},
             "Action": ["kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*",
                        "kms:Disable*", "kms:Get*", "kms:Delete*", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"],
             "Resource": "*"},
            {"Sid": "Use", "Effect": "Allow", "Principal": {"AWS": user["Arn"]}, "Action": USE, "Resource": "*"}]}
        key = self.ok("kms", "create-key", "--policy", json.dumps(key_policy))["KeyMetadata"]["KeyId"]
        message = ("--plaintext", base64.b64encode(b"hello").decode())
        answer = self.becomes("the user encrypts", as_user, "kms", "encrypt", "--key-id", key, *message)
        blob = answer.json["CiphertextBlob"]
        sealed = os.path.join(self.deployment.root, "sealed.bin")
        with open(sealed, "wb") as file:
            file.write(base64.b64decode(blob))
        opened = as_user.aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{sealed}")
        self.assertEqual(base64.b64decode(opened.json["Plaintext"]), b"hello")
        text = self.refused("AccessDeniedException", "kms", "disable-key", "--key-id", key, who=as_user)
        self.assertIn(f"User: {user['Arn']} is not authorized to perform: kms:DisableKey", text)
        self.refused("AccessDeniedException", "kms", "encrypt", "--key-id", key, *message, who=as_admin)
        self.assertEqual(as_admin.aws("kms", "disable-key", "--key-id", key).status, 0)
        self.assertEqual(as_admin.aws("kms", "enable-key", "--key-id", key).status, 0)
        # Neither has anything in IAM.
        self.refused("AccessDenied", "iam", "list-users", who=as_admin)
        self.refused("AccessDenied", "iam", "create-access-key", who=as_user)

    def test_what_policies_allow_follows_them(self):
        _, _, who = self.user("follower")
        key = self.ok("kms", "create-key")["KeyMetadata"]
        self.refused("AccessDeniedException", "kms", "describe-key", "--key-id", key["KeyId"], who=who)
        arn = self.ok("iam", "create-policy", "--policy-name", "look", "--path", "/kms/", "--policy-document",
                      policy("Allow", "kms:DescribeKey", key["Arn"]))["Policy"]["Arn"]
        self.assertEqual(arn, f"arn:aws:iam::{self.account}:policy/kms/look")
        self.ok("iam", "create-group", "--group-name", "lookers")
        self.ok("iam", "attach-group-policy", "--group-name", "lookers", "--policy-arn", arn)
        self.ok("iam", "add-user-to-group", "--group-name", "lookers", "--user-name", "follower")
        self.becomes("by the group", who, "kms", "describe-key", "--key-id", key["KeyId"])
        version = self.ok("iam", "create-policy-version", "--policy-arn", arn, "--set-as-default", "--policy-document",
                          policy("Allow", "kms:ListKeys", "*"))["PolicyVersion"]
        self.assertEqual((version["VersionId"], version["IsDefaultVersion"]), ("v2", True))
        self.becomes("the new version", who, "kms", "describe-key", "--key-id", key["KeyId"], error="AccessDeniedException")
        self.becomes("the new version allows", who, "kms", "list-keys")
        shown = self.ok("iam", "get-policy-version", "--policy-arn", arn, "--version-id", "v1")["PolicyVersion"]
        self.assertEqual(shown["Document"]["Statement"][0]["Action"], "kms:DescribeKey")
        self.ok("iam", "set-default-policy-version", "--policy-arn", arn, "--version-id", "v1")
        self.becomes("back again", who, "kms", "describe-key", "--key-id", key["KeyId"])
        self.ok("iam", "put-user-permissions-boundary", "--user-name", "follower", "--permissions-boundary",
                "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
        text = self.becomes("bounded", who, "kms", "describe-key", "--key-id", key["KeyId"],
                            error="AccessDeniedException").err
        self.assertIn("because no permissions boundary allows the kms:DescribeKey action", text)
        self.ok("iam", "delete-user-permissions-boundary", "--user-name", "follower")
        self.becomes("unbounded", who, "kms", "describe-key", "--key-id", key["KeyId"])
        self.ok("iam", "remove-user-from-group", "--group-name", "lookers", "--user-name", "follower")
        self.becomes("without the group", who, "kms", "describe-key", "--key-id", key["KeyId"],
                     error="AccessDeniedException")

    def test_a_user_made_anew_under_its_name_is_another_one(self):
        made, access_key, who = self.user("phoenix")

        def key_policy(principal):
            return json.dumps({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": one}, "Action": "kms:*", "Resource": "*"}
                for one in (f"arn:aws:iam::{self.account}:root", principal)]})

        key = self.ok("kms", "create-key", "--policy", key_policy(made["Arn"]))["KeyMetadata"]["KeyId"]
        self.becomes("the user is let in", who, "kms", "describe-key", "--key-id", key)
        granted = self.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        grant = ("kms", "create-grant", "--key-id", granted, "--operations", "DescribeKey", "--grantee-principal")
        self.ok(*grant, made["Arn"])
        self.becomes("the grant is there", who, "kms", "describe-key", "--key-id", granted)
        self.ok("iam", "update-user", "--user-name", "phoenix", "--new-user-name", "ash")
        self.becomes("under another name, too", who, "kms", "describe-key", "--key-id", key)
        self.becomes("and so has its grant", who, "kms", "describe-key", "--key-id", granted)
        self.ok("iam", "update-user", "--user-name", "ash", "--new-user-name", "phoenix")
        self.ok("iam", "delete-access-key", "--user-name", "phoenix", "--access-key-id", access_key["AccessKeyId"])
        self.ok("iam", "delete-user", "--user-name", "phoenix")
        _, _, other = self.user("phoenix")
        for one in (key, granted):
            self.refused("AccessDeniedException", "kms", "describe-key", "--key-id", one, who=other)
        self.ok(*grant, made["Arn"])
        self.becomes("granted again", other, "kms", "describe-key", "--key-id", granted)
        self.refused("InvalidArnException", *grant, f"arn:aws:iam::{self.account}:user/nobody")
        self.ok("kms", "put-key-policy", "--key-id", key, "--policy-name", "default", "--policy", key_policy(made["Arn"]))
        self.becomes("named again", other, "kms", "describe-key", "--key-id", key)
        for nobody in (f"arn:aws:iam::{self.account}:user/nobody", f"arn:aws:iam::{self.account}:role/nobody", "999999999999"):
            self.refused("MalformedPolicyDocumentException", "kms", "create-key", "--policy", key_policy(nobody))
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
            "AWS": f"arn:aws:iam::{self.account}:user/nobody"}}]}
        text = self.refused("MalformedPolicyDocument", "iam", "create-role", "--role-name", "trusting",
                            "--assume-role-policy-document", json.dumps(trust))
        self.assertIn(f'Invalid principal in policy: "AWS":"arn:aws:iam::{self.account}:user/nobody"', text)

    def test_a_key_that_is_switched_off_or_gone_opens_nothing(self):
        _, key, who = self.user("leaver")
        self.ok("iam", "update-access-key", "--user-name", "leaver", "--access-key-id", key["AccessKeyId"], "--status",
                "Inactive")
        self.becomes("off", who, "sts", "get-caller-identity", error="InvalidClientTokenId")
        self.ok("iam", "update-access-key", "--user-name", "leaver", "--access-key-id", key["AccessKeyId"], "--status",
                "Active")
        self.becomes("on", who, "sts", "get-caller-identity")
        renamed = self.ok("iam", "update-user", "--user-name", "leaver", "--new-user-name", "stayer")
        self.assertIsNone(renamed)
        wait_for("renamed", lambda: who.aws("sts", "get-caller-identity").json["Arn"]
                 == f"arn:aws:iam::{self.account}:user/stayer")
        self.refused("DeleteConflict", "iam", "delete-user", "--user-name", "stayer")
        self.ok("iam", "delete-access-key", "--user-name", "stayer", "--access-key-id", key["AccessKeyId"])
        self.becomes("gone", who, "sts", "get-caller-identity", error="InvalidClientTokenId")
        self.ok("iam", "delete-user", "--user-name", "stayer")

    def test_lists_come_in_pages(self):
        for number in range(5):
            self.ok("iam", "create-group", "--group-name", f"page{number}", "--path", "/pages/")
        paged = self.ok("iam", "list-groups", "--path-prefix", "/pages/", "--page-size", "2")["Groups"]
        self.assertEqual([one["GroupName"] for one in paged], [f"page{n}" for n in range(5)])
        first = self.ok("iam", "list-groups", "--path-prefix", "/pages/", "--max-items", "2")
        self.assertEqual(len(first["Groups"]), 2)
        rest = self.ok("iam", "list-groups", "--path-prefix", "/pages/", "--starting-token", first["NextToken"])
        self.assertEqual([one["GroupName"] for one in rest["Groups"]], ["page2", "page3", "page4"])

    def test_the_client_reads_all_kinds_of_answers(self):
        trust = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{self.account}:root"}, "Action": "sts:AssumeRole"}]})
        role = self.ok("iam", "create-role", "--role-name", "reader", "--assume-role-policy-document", trust, "--tags",
                       "Key=Team,Value=blau+grün @x")["Role"]
        self.assertEqual(role["AssumeRolePolicyDocument"], json.loads(trust))
        self.assertEqual(self.ok("iam", "list-role-tags", "--role-name", "reader")["Tags"],
                         [{"Key": "Team", "Value": "blau+grün @x"}])
        self.ok("iam", "attach-role-policy", "--role-name", "reader", "--policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")
        details = self.ok("iam", "get-account-authorization-details", "--filter", "Role")["RoleDetailList"]
        self.assertEqual(details[0]["AttachedManagedPolicies"],
                         [{"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}])
        self.assertEqual(self.ok("iam", "get-account-summary")["SummaryMap"]["AccessKeysPerUserQuota"], 2)
        self.ok("iam", "create-account-alias", "--account-alias", "vault")
        self.assertEqual(self.ok("iam", "list-account-aliases")["AccountAliases"], ["vault"])
        simulated = self.ok("iam", "simulate-principal-policy", "--policy-source-arn", role["Arn"], "--action-names",
                            "kms:DescribeKey", "kms:Decrypt")["EvaluationResults"]
        self.assertEqual([one["EvalDecision"] for one in simulated], ["allowed", "implicitDeny"])
        self.ok("iam", "create-user", "--user-name", "person")
        self.ok("iam", "create-login-profile", "--user-name", "person", "--password", "Correct-horse-1")
        self.assertEqual(self.ok("iam", "get-login-profile", "--user-name", "person")["LoginProfile"]["UserName"], "person")
        self.assertNotIn(b"Correct-horse-1", b"".join(content for _, content in self.deployment.contents()))
        seed_file = os.path.join(self.deployment.root, "seed")
        serial = self.ok("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "person", "--outfile", seed_file,
                         "--bootstrap-method", "Base32StringSeed")["VirtualMFADevice"]["SerialNumber"]
        with open(seed_file, encoding="ascii") as file:
            seed = file.read()
        step = int(time.time()) // 30
        self.refused("InvalidAuthenticationCode", "iam", "enable-mfa-device", "--user-name", "person", "--serial-number",
                     serial, "--authentication-code1", totp(seed, step - 90), "--authentication-code2", totp(seed, step))
        self.ok("iam", "enable-mfa-device", "--user-name", "person", "--serial-number", serial, "--authentication-code1",
                totp(seed, step - 1), "--authentication-code2", totp(seed, step))
        self.assertEqual(self.ok("iam", "list-mfa-devices", "--user-name", "person")["MFADevices"][0]["SerialNumber"], serial)

    def test_bad_input_is_refused_in_iams_words(self):
        self.ok("iam", "create-user", "--user-name", "taken")
        rows = [
            ("EntityAlreadyExists", "create-user", "--user-name", "TAKEN"),
            ("ValidationError", "create-user", "--user-name", "a b"),
            ("ValidationError", "create-user", "--user-name", "x", "--path", "no-slash"),
            ("NoSuchEntity", "get-user", "--user-name", "nobody"),
            ("NoSuchEntity", "create-access-key", "--user-name", "nobody"),
            ("MalformedPolicyDocument", "create-policy", "--policy-name", "bad", "--policy-document", "{}"),
            ("MalformedPolicyDocument", "put-user-policy", "--user-name", "taken", "--policy-name", "bad",
             "--policy-document", policy("Allow", "kms", "*")),
            ("InvalidInput", "attach-user-policy", "--user-name", "taken", "--policy-arn", "arn:aws:iam::aws:user/nobody"),
            ("NoSuchEntity", "attach-user-policy", "--user-name", "taken", "--policy-arn", "arn:aws:iam::aws:policy/Nothing"),
            ("InvalidInput", "tag-user", "--user-name", "taken", "--tags", "Key=a,Value=1", "Key=A,Value=2"),
            ("PasswordPolicyViolation", "create-login-profile", "--user-name", "taken", "--password", "short"),
            ("NoSuchEntity", "get-account-password-policy"),
            ("InvalidAction", "list-saml-providers")]
        for error, *arguments in rows:
            with self.subTest(arguments):
                self.refused(error, "iam", *arguments)


if __name__ == "__main__":
    unittest.main()
