"""What a data directory survives: settings that are missing, elsewhere or of another account, and the ends of `serve`."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import unittest

from client import Connection, Lost
from deployment import BIN, PATIENCE, Deployment, wait_for


def strongroom(*arguments, cwd=None):
    return subprocess.run([BIN / "strongroom", *map(os.fspath, arguments)], capture_output=True, cwd=cwd, timeout=120)


def everything(directory):
    """Paths and contents of all files."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file() and path.name != "lock"}


class SettingsTest(unittest.TestCase):
    def setUp(self):
        self.d = Deployment().start()
        self.addCleanup(self.d.close)
        self.settings = self.d.data / "strongroom.toml"

    def refused(self, *arguments, words):
        done = strongroom(*arguments)
        self.assertNotEqual(done.returncode, 0, arguments)
        for word in words:
            self.assertIn(word, done.stderr.decode())

    def test_a_deployment_without_its_settings_is_touched_by_nobody(self):
        key = self.d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        self.d.stop()
        away = self.d.root / "away.toml"
        self.settings.rename(away)
        before = everything(self.d.data)
        for command in (["serve"], ["init", "--development"], ["status"], ["env"], ["backup", self.d.root / "b"]):
            self.refused(command[0], "--data", self.d.data, *command[1:], words=["no strongroom.toml", "put it back"])
        self.assertEqual(everything(self.d.data), before)
        # Settings from elsewhere do instead.
        self.d._read_env = lambda: None
        self.d.start("--config", str(away))
        self.assertEqual(self.d.ok("kms", "describe-key", "--key-id", key)["KeyMetadata"]["KeyId"], key)
        self.d.stop()
        self.assertFalse(self.settings.exists())
        # Nor does a name that says of a beginning make it one.
        for name in ("strongroom.toml.unfinished", "strongroom.toml.first-start"):
            away.rename(self.d.data / name)
            before = everything(self.d.data)
            for command in (["serve"], ["init", "--development"]):
                self.refused(command[0], "--data", self.d.data, *command[1:], words=["no strongroom.toml", "strongroom.sqlite"])
            self.assertEqual(everything(self.d.data), before)
            (self.d.data / name).rename(away)
        away.rename(self.settings)
        self.d.start()
        self.assertEqual(self.d.ok("kms", "describe-key", "--key-id", key)["KeyMetadata"]["KeyId"], key)

    def test_settings_of_another_account_are_refused(self):
        self.d.stop()
        root_key = (self.d.data / "root-access-key.json").read_bytes()
        text = self.settings.read_text()
        account = json.loads(root_key)["AccountId"]
        other = "1" * 12 if account != "1" * 12 else "2" * 12
        self.settings.write_text(text.replace(f'id = "{account}"', f'id = "{other}"'))
        self.refused("serve", "--data", self.d.data, words=[other, f"made with account {account}", "put that back"])
        self.assertEqual((self.d.data / "root-access-key.json").read_bytes(), root_key)
        self.settings.write_text(text)
        self.d.start()
        self.assertEqual(self.d.ok("sts", "get-caller-identity")["Account"], account)
        # Nor does another account of the deployment's become its first.
        tenant = self.d.root / "tenant"
        self.assertEqual(self.d.run(BIN / "strongroom", "account", "create", "--data", self.d.data, "--name", "t", "--id", other, "--key-file",
                                    tenant).status, 0)
        self.d.stop()
        self.settings.write_text(text.replace(f'id = "{account}"', f'id = "{other}"'))
        self.refused("serve", "--data", self.d.data, words=[f"made with account {account}"])
        self.settings.write_text(text)
        self.d.start()
        with_tenants = {**self.d.environment, **{f"AWS_{name}": json.loads(tenant.read_text())[member] for name, member in (
            ("ACCESS_KEY_ID", "AccessKeyId"), ("SECRET_ACCESS_KEY", "SecretAccessKey"))}}
        self.assertEqual(Connection(with_tenants, "kms").call("ListKeys")["Keys"], [])  # its root key is what it was

    def test_a_root_key_that_is_renewed_leaves_the_file_from_before(self):
        old = self.d.environment["AWS_ACCESS_KEY_ID"]
        self.d.stop()
        self.assertEqual(strongroom("account", "reset-root", "--data", self.d.data).returncode, 0)
        self.d.start()
        self.assertNotEqual(self.d.environment["AWS_ACCESS_KEY_ID"], old)
        self.d.ok("sts", "get-caller-identity")
        before = self.d.data / "root-access-key.json.replaced"
        self.assertEqual(json.loads(before.read_text())["AccessKeyId"], old)
        self.assertEqual(strongroom("account", "seal-root", "--data", self.d.data).returncode, 0)
        self.assertEqual(list(self.d.data.glob("root-access-key*")), [])

    def test_another_address_leaves_the_rest_of_the_settings_as_it_is(self):
        self.d.stop()
        text = self.settings.read_text().replace('level = "info"', "level = 'info'  # \"mine\"") + "# mine\n"
        self.settings.write_text(text)
        prefix = self.d.endpoint.removeprefix("https://").rsplit(":", 1)[0].rsplit(".", 1)[0]
        self.d.start("--listen", f"{prefix}.9:8444")
        self.assertEqual(self.d.endpoint, f"https://{prefix}.9:8444")
        self.d.ok("sts", "get-caller-identity")
        changed = [(old, new) for old, new in zip(text.splitlines(), self.settings.read_text().splitlines(), strict=True)
                   if old != new]
        self.assertEqual([new for _, new in changed], [f'address = "{prefix}.9"', "port = 8444"])

    def test_settings_that_are_wrong_are_named_with_their_line(self):
        self.d.stop()
        text = self.settings.read_text()
        for name, old, new in (("level", 'level = "info"', 'level = "loud"'), ("region", 'region = "us-east-1"', 'region = "mars 1/x"'),
                               ("port", "port = 8443", "port = 70000"), ("lock", 'lock_memory = "try"', 'lock_memory = "maybe"')):
            with self.subTest(name):
                self.assertIn(old, text)
                self.settings.write_text(text.replace(old, new))
                done = strongroom("serve", "--data", self.d.data)
                line = 1 + text[:text.index(old)].count("\n")
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(f"strongroom.toml:{line}:", done.stderr.decode())


class NewDirectoryTest(unittest.TestCase):
    def setUp(self):
        self.d = Deployment()
        self.addCleanup(self.d.close)

    def test_files_of_somebody_else_are_left_alone(self):
        for name, file in (("Sources", "client/src/main.c"), ("Service", "service/x"), ("Link", "run"), ("RecoveryKey", "recovery-key.pem")):
            with self.subTest(name):
                place = self.d.root / name
                (place / file).parent.mkdir(parents=True)
                if name == "Link":
                    (place / file).symlink_to("/nowhere")
                else:
                    (place / file).write_text("mine")
                before = sorted(place.rglob("*"))
                for command in (["init", "--development"], ["serve"]):
                    done = strongroom(command[0], "--data", place, *command[1:])
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn(file.split("/")[0], done.stderr.decode())
                    self.assertIn("Nothing was changed", done.stderr.decode())
                self.assertEqual([path for path in sorted(place.rglob("*")) if path.name != "lock"], before)

    def test_what_an_interrupted_init_left_is_made_anew(self):
        place = self.d.root / "data"
        self.assertEqual(strongroom("init", "--data", place, "--development").returncode, 0)
        self.assertFalse((place / "strongroom.toml.unfinished").exists())
        (place / "strongroom.toml").rename(place / "strongroom.toml.unfinished")
        shutil.rmtree(place / "tls")
        (place / "service" / "half").write_text("x")
        refused = strongroom("serve", "--data", place)  # which would decide otherwise
        self.assertEqual(refused.returncode, 1)
        self.assertIn("An `init` or `join` into", refused.stderr.decode())
        self.assertEqual(strongroom("init", "--data", place, "--development").returncode, 0)
        self.assertFalse((place / "service" / "half").exists())
        self.d.start()
        self.d.ok("sts", "get-caller-identity")

    def test_texts_with_quotes_are_read_back_as_they_were(self):
        place = self.d.root / "quoted"
        wanted = r"""host=/nowhere user='strong\room' dbname=x"y"""
        self.assertEqual(strongroom("init", "--data", place, "--development", "--postgresql", wanted).returncode, 0)
        import tomllib
        self.assertEqual(tomllib.loads((place / "strongroom.toml").read_text())["store"]["postgresql"], wanted)


class EndsTest(unittest.TestCase):
    def test_requests_in_flight_are_answered_when_the_service_stops(self):
        d = Deployment().start()
        self.addCleanup(d.close)
        key = d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        answers, stopped_at, begun = [], [], threading.Barrier(5, timeout=PATIENCE)

        def ask():
            with_pairs = Connection(d.environment, "kms")
            with_pairs.call("DescribeKey", KeyId=key)
            begun.wait()
            while True:
                begun_at = time.monotonic()
                try:
                    answers.append(with_pairs.exchange("GenerateDataKeyPair", json.dumps(
                        {"KeyId": key, "KeyPairSpec": "RSA_3072"}).encode())[0])
                except Lost as lost:
                    # One that was in flight when the stop came is not let down; the next finds its connection closed.
                    if begun_at < stopped_at[0]:
                        answers.append(str(lost))
                    return

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        begun.wait()
        wait_for("answers", lambda: len(answers) > 8)
        stopped_at.append(time.monotonic())
        self.assertEqual(d.stop(), 0)
        for thread in threads:
            thread.join()
        self.assertEqual(set(answers), {200})

    def test_the_end_of_a_terminal_ends_only_who_is_not_told_to_ignore_it(self):
        d = Deployment()
        self.addCleanup(d.close)
        d.start()
        self.assertEqual(d.stop(signal.SIGHUP), 0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; children keep it
        try:
            d.start()
        finally:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        service = next(pathlib.Path("/proc", str(p["pid"])) for p in d.processes("strongroomd"))
        d.process.send_signal(signal.SIGHUP)
        os.kill(int(service.name), signal.SIGHUP)
        time.sleep(1)
        d.ok("sts", "get-caller-identity")
        self.assertIsNone(d.process.poll())
        self.assertTrue(service.exists())


if __name__ == "__main__":
    unittest.main()
