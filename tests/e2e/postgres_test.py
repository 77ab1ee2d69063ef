"""The same service on a real PostgreSQL that the test starts."""

import base64
import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import unittest

from deployment import BIN, Deployment, wait_for


class PostgreSql:
    """A server of our own: unprivileged user, Unix socket, no TCP."""

    def __init__(self):
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.root = tempfile.mkdtemp(prefix="strongroom-pg-")
        os.chmod(self.root, 0o777)
        self.as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        self.user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._run("initdb", "-D", f"{self.root}/data", "-E", "UTF8", "--no-locale", "-A", "trust", "-U", "strongroom")
        self.start()

    def _run(self, program, *arguments):
        subprocess.run([*self.as_user, f"{self.bin}/{program}", *arguments], check=True, capture_output=True, cwd=self.root)

    def start(self):
        self._run("pg_ctl", "-D", f"{self.root}/data", "-w", "-l", f"{self.root}/log", "-o",
                  f"-k {self.root} -c listen_addresses='' -c max_connections=30", "start")

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-D", f"{self.root}/data", "-w", "-m", mode, "stop")

    def sql(self, statement):
        """On the store, behind the service's back."""
        subprocess.run(["psql", "-qAt", self.conninfo, "-v", "ON_ERROR_STOP=1", "-c", statement], check=True,
                       capture_output=True)

    @property
    def conninfo(self):
        return f"host={self.root} user=strongroom dbname=postgres"

    def close(self):
        try:
            self.stop("immediate")
        except subprocess.CalledProcessError:
            pass
        shutil.rmtree(self.root, ignore_errors=True)


class OnPostgres(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pg = PostgreSql()
        cls.d = Deployment()
        made = cls.d.run(BIN / "strongroom", "init", "--data", cls.d.data, "--development", "--postgresql", cls.pg.conninfo)
        assert made.status == 0, made.err
        cls.d.start()

    @classmethod
    def tearDownClass(cls):
        cls.d.close()
        cls.pg.close()

    def test_keys_clusters_and_an_outage(self):
        d = self.d
        key = d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        blob = d.ok("kms", "encrypt", "--key-id", key, "--plaintext", base64.b64encode(b"on pg").decode())["CiphertextBlob"]
        cluster = d.create_cluster()
        d.create_hsm(cluster["ClusterId"], sorted(cluster["SubnetMapping"])[0])

        def open_blob():
            answer = d.aws("kms", "decrypt", "--ciphertext-blob", blob)
            return answer.status == 0 and base64.b64decode(answer.json["Plaintext"])

        self.assertEqual(open_blob(), b"on pg")
        self.pg.stop("immediate")
        self.assertEqual(open_blob(), b"on pg")  # a warm key needs no database
        refused = d.aws("kms", "create-key")
        self.assertNotEqual(refused.status, 0)
        self.pg.start()
        wait_for("changes again", lambda: d.aws("kms", "create-key").status == 0)
        self.assertEqual(d.stop(), 0)
        d.start()
        self.assertEqual(open_blob(), b"on pg")
        self.assertEqual(d.cluster(cluster["ClusterId"])["Hsms"][0]["State"], "ACTIVE")


if __name__ == "__main__":
    unittest.main()
