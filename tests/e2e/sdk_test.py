"""The newest AWS SDK for JavaScript, the AWS Encryption SDK and a JWT library against a deployment with a custom key store."""

import re
import unittest

import node_clients
from deployment import Deployment


class JavaScript(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        node_clients.install()
        cls.d = Deployment().start()
        _, store = cls.d.connected_store()
        made = cls.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", store)["KeyMetadata"]
        environment = cls.d.environment
        cls.environment = {name: environment[name] for name in
                           ("PATH", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        cls.environment.update(AWS_REGION=environment["AWS_DEFAULT_REGION"], NODE_EXTRA_CA_CERTS=environment["AWS_CA_BUNDLE"],
                               AWS_EC2_METADATA_DISABLED="true", HOME=str(cls.d.root), STORE=store, STORE_KEY=made["Arn"],
                               CALLER=cls.d.ok("sts", "get-caller-identity")["Arn"])

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def passes(self, file, tests):
        status, said = node_clients.run_tests(file, self.environment)
        self.assertEqual(status, 0, said + self.d.serve_log())
        self.assertEqual(re.findall(r"^# (?:pass|fail|skipped|todo) (\d+)$", said, re.M), [str(tests), "0", "0", "0"], said)

    def test_kms(self):
        self.passes("kms.test.mjs", 13)

    def test_encryption_sdk(self):
        self.passes("encryption_sdk.test.mjs", 5)

    def test_jwt(self):
        self.passes("jwt.test.mjs", 3)

    def test_what_is_installed_is_not_installed_again(self):
        mark = node_clients.PLACE / "installed"
        before = mark.stat().st_mtime_ns
        node_clients.install()
        self.assertEqual(mark.stat().st_mtime_ns, before)


if __name__ == "__main__":
    unittest.main()
