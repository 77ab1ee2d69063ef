"""The same service on a real PostgreSQL that the test starts."""

import base64
import collections
import glob
import http.client
import json
import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
import unittest
import unittest.mock
import urllib.parse

from deployment import BIN, Deployment, Failure, wait_for


Page = collections.namedtuple("Page", "status text")


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

    def get(self, path, method="GET"):
        context = ssl.create_default_context(cafile=self.d.environment["AWS_CA_BUNDLE"])
        connection = http.client.HTTPSConnection(urllib.parse.urlsplit(self.d.endpoint).netloc, context=context)
        self.addCleanup(connection.close)
        connection.request(method, path)
        answer = connection.getresponse()
        return Page(answer.status, answer.read().decode())

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
        # Who looks after it hears of it; what it still serves is not taken from it by a load balancer.
        wait_for("the alarm", lambda: "store: the database has not answered for" in self.get("/healthz").text)
        self.assertEqual(self.get("/healthz").status, 200)
        [silent] = [line for line in self.get("/metrics").text.splitlines() if line.startswith("strongroom_store_silent_s")]
        self.assertGreater(float(silent.split()[1]), 0)
        shown = d.run(BIN / "strongroom", "status", "--data", d.data)
        self.assertNotEqual(shown.status, 0)
        self.assertIn(": running", shown.out)
        self.assertIn("store: the database has not answered", shown.out)
        self.assertIn("strongroomd", shown.out)
        self.assertTrue(shown.err.startswith("strongroom: "), shown.err)
        shown = json.loads(d.run(BIN / "strongroom", "status", "--data", d.data, "--json").out)
        self.assertEqual((shown["running"], shown["clusters"]), (True, []))
        self.pg.start()
        wait_for("changes again", lambda: d.aws("kms", "create-key").status == 0)
        wait_for("no alarm", lambda: "store:" not in self.get("/healthz").text)
        for path in ("/healthz", "/metrics"):
            self.assertEqual(self.get(path, "HEAD"), (200, ""))
        self.assertEqual(d.stop(), 0)
        d.start()
        self.assertEqual(open_blob(), b"on pg")
        self.assertEqual(d.cluster(cluster["ClusterId"])["Hsms"][0]["State"], "ACTIVE")


class WithAPassword(unittest.TestCase):
    """A server that wants one: it is in a file of whoever runs `serve`, as libpq has it, which strongroomd cannot read."""

    SECRET = "geheim-7"

    def setUp(self):
        self.pg = PostgreSql()
        self.addCleanup(self.pg.close)
        self.pg.sql(f"ALTER ROLE strongroom PASSWORD '{self.SECRET}'")
        with open(f"{self.pg.root}/data/pg_hba.conf", "w") as file:
            file.write("local all all scram-sha-256\n")
        self.pg.stop()
        self.pg.start()
        self.d = Deployment()
        self.addCleanup(self.d.close)
        self.home = self.d.root / "home"
        self.home.mkdir(mode=0o700)
        kept = {name: value for name, value in os.environ.items() if name not in ("PGPASSFILE", "PGPASSWORD")}
        patched = unittest.mock.patch.dict(os.environ, {**kept, "HOME": str(self.home)}, clear=True)
        patched.start()
        self.addCleanup(patched.stop)
        self.d.environment = dict(os.environ)

    def write(self, file, mode=0o600):
        file.write_text(f"*:*:*:strongroom:{self.SECRET}\n")
        file.chmod(mode)

    def test_the_service_has_what_pgpass_says(self):
        d, passwords = self.d, self.home / ".pgpass"
        self.write(passwords)
        for conninfo in (f"{self.pg.conninfo} password = {self.SECRET}", f"postgresql://strongroom:{self.SECRET}@db/postgres"):
            refused = d.run(BIN / "strongroom", "init", "--data", d.data, "--development", "--postgresql", conninfo)
            self.assertNotEqual(refused.status, 0)
            self.assertIn("can read a command line", refused.err)
            self.assertNotIn(self.SECRET, refused.err)
        made = d.run(BIN / "strongroom", "init", "--data", d.data, "--development", "--postgresql", self.pg.conninfo)
        self.assertEqual(made.status, 0, made.err)
        d.start()
        key = d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        copy = d.data / "run" / "pgpass"
        if os.geteuid() == 0:
            self.assertEqual((copy.stat().st_mode & 0o777, copy.stat().st_uid), (0o600, 61740))
        self.assertEqual(d.stop(), 0)
        self.assertFalse(copy.exists())
        for settings in (d.data / "strongroom.toml", d.data / "run" / "strongroomd.toml"):
            self.assertNotIn(self.SECRET, settings.read_text())

        # Another place for it; the copy is of each start.
        elsewhere = d.root / "elsewhere"
        passwords.rename(elsewhere)
        os.environ["PGPASSFILE"] = str(elsewhere)
        d.start()
        d.ok("kms", "describe-key", "--key-id", key)
        self.assertEqual(d.stop(), 0)
        del os.environ["PGPASSFILE"]
        # libpq does not use one that others may read, and neither do we.
        self.write(passwords, 0o644)
        with self.assertRaises(Failure) as refusal:
            d.start()
        if os.geteuid() == 0:
            self.assertIn(f"{passwords} is not used", str(refusal.exception))
        self.assertFalse(copy.exists())


if __name__ == "__main__":
    unittest.main()
