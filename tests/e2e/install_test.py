"""What `cmake --install` puts somewhere else works there: the programs, and the library for a program of somebody else."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

import deployment

BUILD = deployment.BIN.parent
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "src" / "archive_api" / "example.cpp"
PROGRAMS = ["cloudhsm_mgmt_util", "configure", "strongroom", "strongroom-hsm", "strongroom-hsm-host", "strongroomd"]


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, **more)
    if done.returncode != 0:
        raise deployment.Failure(f"{command}: exit {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done.stdout


def cached(name):
    """A variable of the build that is installed from."""
    found = re.search(rf"^{name}:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE)
    return found.group(1) if found else ""


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-e2e-"))
        self.root.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.root, True)
        self.prefix = self.root / "there"

    def install(self, component):
        run("cmake", "--install", BUILD, "--prefix", self.prefix, "--component", component)
        return sorted(str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*") if not path.is_dir())

    def test_a_program_of_somebody_else(self):
        files = self.install("library")
        library = next(path for path in files if path.endswith(".so"))
        folder = library.rpartition("/")[0]
        version = cached("CMAKE_PROJECT_VERSION")
        self.assertEqual(files, sorted(["include/strongroom/archive.hpp", f"{folder}/pkgconfig/strongroom-archive.pc", library,
                                        f"{library}.{version.split('.')[0]}", f"{library}.{version}"]))
        environment = {**os.environ, "PKG_CONFIG_PATH": str(self.prefix / folder / "pkgconfig"),
                       "LD_LIBRARY_PATH": str(self.prefix / folder)}
        self.assertEqual(run("pkg-config", "--modversion", "strongroom-archive", env=environment).decode().strip(), version)
        flags = run("pkg-config", "--cflags", "--libs", "strongroom-archive", env=environment).decode().split()
        shutil.copy(EXAMPLE, self.root / "example.cpp")
        sanitize = cached("STRONGROOM_SANITIZE")
        run("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", *([f"-fsanitize={sanitize}"] if sanitize else []), "example.cpp",
            *flags, "-o", "example", cwd=self.root)
        needed = run("objdump", "-p", self.root / "example").decode()
        self.assertIn(f"libstrongroom-archive.so.{version.split('.')[0]}\n", needed)
        run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem", cwd=self.root)
        run("openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem", cwd=self.root)
        plaintext = os.urandom(1_000_000)
        message = run("./example", "encrypt-offline", "public.pem", cwd=self.root, env=environment, input=plaintext)
        self.assertNotEqual(message, plaintext)
        self.assertEqual(run("./example", "decrypt-offline", "key.pem", cwd=self.root, env=environment, input=message), plaintext)

    def test_the_programs_find_each_other(self):
        self.assertEqual(self.install("programs"), [f"bin/{name}" for name in PROGRAMS])
        with mock.patch.object(deployment, "BIN", self.prefix / "bin"):
            d = deployment.Deployment()
            self.addCleanup(d.close)
            d.start()
            # serve -> strongroomd and strongroom-hsm-host -> strongroom-hsm; the client package links to the client's tools.
            _, store = d.connected_store()
            key = d.ok("kms", "create-key", "--custom-key-store-id", store, "--origin", "AWS_CLOUDHSM")["KeyMetadata"]
            self.assertEqual(key["KeyState"], "Enabled")
            running = {os.readlink(f"/proc/{pid}/exe") for pid in descendants(d.process.pid)}
            for name in ("strongroomd", "strongroom-hsm-host", "strongroom-hsm"):
                self.assertIn(str(self.prefix / "bin" / name), running)


def descendants(parent):
    children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [pid for child in children for pid in (child, *descendants(child))]


if __name__ == "__main__":
    unittest.main()
