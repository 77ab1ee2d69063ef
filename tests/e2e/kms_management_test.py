"""Grants, descriptions and lists of KMS with the stock aws CLI."""

import base64
import time
import unittest

from client import Connection, Refused
from deployment import Deployment

NO_KEY = "134f2428-cec1-4b25-a1ae-9048164dba47"


class KmsManagement(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment().start()
        cls.addClassCleanup(cls.deployment.close)
        cls.root = cls.deployment.ok("sts", "get-caller-identity")["Arn"]

    @classmethod
    def ok(cls, *arguments):
        return cls.deployment.ok("kms", *arguments)

    def refused(self, code, *arguments):
        answer = self.deployment.aws("kms", *arguments)
        self.assertNotEqual(0, answer.status)
        self.assertEqual(code, answer.error, answer.err)

    def test_a_grant_from_making_to_retiring(self):
        key = self.ok("create-key")["KeyMetadata"]
        made = self.ok("create-grant", "--key-id", key["KeyId"], "--grantee-principal", self.root, "--name", "backup",
                       "--operations", "Encrypt", "Decrypt", "RetireGrant", "--retiring-principal", self.root,
                       "--constraints", "EncryptionContextSubset={Department=Finance}")
        shown = self.ok("list-grants", "--key-id", key["Arn"])["Grants"]
        self.assertEqual(1, len(shown))
        self.assertEqual({"EncryptionContextSubset": {"Department": "Finance"}}, shown[0]["Constraints"])
        self.assertEqual(["Encrypt", "Decrypt", "RetireGrant"], shown[0]["Operations"])
        self.assertEqual(made["GrantId"], shown[0]["GrantId"])
        self.assertEqual(shown, self.ok("list-retirable-grants", "--retiring-principal", self.root)["Grants"])
        self.ok("encrypt", "--key-id", key["KeyId"], "--plaintext", base64.b64encode(b"x").decode(), "--grant-tokens",
                made["GrantToken"])
        self.refused("InvalidGrantTokenException", "encrypt", "--key-id", key["KeyId"], "--plaintext", "eA==",
                     "--grant-tokens", "made-up")
        self.ok("retire-grant", "--grant-token", made["GrantToken"])
        self.assertEqual([], self.ok("list-grants", "--key-id", key["KeyId"])["Grants"])
        self.refused("NotFoundException", "retire-grant", "--grant-token", made["GrantToken"])
        self.refused("NotFoundException", "revoke-grant", "--key-id", key["KeyId"], "--grant-id", made["GrantId"])
        self.refused("InvalidArnException", "create-grant", "--key-id", key["KeyId"], "--grantee-principal", "nobody",
                     "--operations", "Encrypt")

    def test_many_grants_are_listed_once_each(self):
        key = self.ok("create-key")["KeyMetadata"]["KeyId"]
        ids = {self.ok("create-grant", "--key-id", key, "--grantee-principal", self.root, "--operations", "DescribeKey")
               ["GrantId"] for _ in range(5)}
        # The CLI follows the markers by itself.
        listed = [grant["GrantId"] for grant in self.ok("list-grants", "--key-id", key, "--page-size", "2")["Grants"]]
        self.assertEqual(sorted(ids), sorted(listed))
        for grant in ids:
            self.ok("revoke-grant", "--key-id", key, "--grant-id", grant)
        self.assertEqual([], self.ok("list-grants", "--key-id", key)["Grants"])

    def test_description_policies_and_tags(self):
        key = self.ok("create-key", "--tags", "TagKey=Stage,TagValue=test")["KeyMetadata"]["KeyId"]
        self.ok("update-key-description", "--key-id", key, "--description", "für die Sicherung")
        self.assertEqual("für die Sicherung", self.ok("describe-key", "--key-id", key)["KeyMetadata"]["Description"])
        self.assertEqual(["default"], self.ok("list-key-policies", "--key-id", key)["PolicyNames"])
        self.assertEqual([{"TagKey": "Stage", "TagValue": "test"}], self.ok("list-resource-tags", "--key-id", key)["Tags"])
        self.refused("TagException", "tag-resource", "--key-id", key, "--tags", "TagKey=AWS:x,TagValue=y")
        self.refused("MalformedPolicyDocumentException", "put-key-policy", "--key-id", key, "--policy-name", "default",
                     "--policy", '{"Version":"2012-10-17","Statement":[]}')
        self.refused("NotFoundException", "update-key-description", "--key-id", NO_KEY, "--description", "")

    def test_quotas_and_rates_are_what_the_settings_say(self):
        settings = self.deployment.data / "strongroom.toml"
        self.deployment.stop()
        before = settings.read_text()
        text = before.replace("aliases_per_key = 50", "aliases_per_key = 1").replace('throttling = "off"', 'throttling = "aws"')
        self.assertNotEqual(before, text)
        settings.write_text(text)
        self.deployment.start()
        kms = Connection(self.deployment.environment, "kms")
        self.addCleanup(kms.close)
        key = kms.call("CreateKey")["KeyMetadata"]["KeyId"]
        kms.call("CreateAlias", AliasName="alias/one", TargetKeyId=key)
        with self.assertRaises(Refused) as second:
            kms.call("CreateAlias", AliasName="alias/two", TargetKeyId=key)
        self.assertEqual("LimitExceededException", second.exception.code)
        started, refused = time.monotonic(), 0
        for _ in range(200):
            try:
                kms.call("EnableKey", KeyId=key)
            except Refused as refusal:
                self.assertEqual("ThrottlingException", refusal.code)
                refused += 1
        # Five at once and five a second.
        self.assertGreaterEqual(refused, 200 - 5 - 5 * (time.monotonic() - started) - 1)
        self.deployment.stop()
        settings.write_text(before)
        self.deployment.start()


if __name__ == "__main__":
    unittest.main()
