"""A Strongroom of a test's own: `strongroom serve` in a temporary directory, and the real clients pointed at it."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time

import stock_aws

BIN = pathlib.Path(os.environ.get("STRONGROOM_BIN", pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))
PATIENCE = 120  # seconds that anything may take on a busy machine before a test gives up


class Failure(AssertionError):
    pass


def wait_for(what, look, patience=PATIENCE):
    """Calls look() until it returns something true, which is returned."""
    deadline = time.monotonic() + patience
    last = None
    while time.monotonic() < deadline:
        last = look()
        if last:
            return last
        time.sleep(0.2)
    raise Failure(f"{what}: not within {patience} s; last seen: {last!r}")


class Answer:
    """What a client printed and how it ended."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")
        self.raw = done.stdout

    @property
    def json(self):
        return json.loads(self.out) if self.out.strip() else None

    @property
    def error(self):
        """The error code of a refused aws call: 'NotFoundException'."""
        found = re.search(r"An error occurred \((\w+)\)", self.err)
        return found.group(1) if found else None


class Deployment:
    def __init__(self, data=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-e2e-"))
        self.root.chmod(0o755)
        self.data = pathlib.Path(data) if data else self.root / "data"
        self.process = None
        self.client_home = None
        self.environment = dict(os.environ)

    def start(self, *arguments):
        self.log = open(self.root / "serve.log", "ab")
        self.out = open(self.root / "serve.out", "wb")
        self.process = subprocess.Popen([BIN / "strongroom", "serve", "--data", self.data, *arguments], stdout=self.out,
                                        stderr=self.log)

        def ready():
            if self.process.poll() is not None:
                raise Failure(f"serve ended with {self.process.returncode}:\n{self.serve_log()}")
            return b"strongroom: ready" in (self.root / "serve.out").read_bytes()

        try:
            wait_for("ready", ready)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.serve_log()}") from None
        self._read_env()
        return self

    def _read_env(self):
        text = subprocess.run([BIN / "strongroom", "env", "--data", self.data], capture_output=True, check=True).stdout.decode()
        for line in text.splitlines():
            if line.startswith("export "):
                name, value = shlex.split(line[len("export "):])[0].split("=", 1)
                self.environment[name] = value
        self.environment.update(AWS_PAGER="", AWS_MAX_ATTEMPTS="2", AWS_EC2_METADATA_DISABLED="true",
                                AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
        self.endpoint = self.environment["AWS_ENDPOINT_URL"]
        self.client_home = pathlib.Path(self.environment["CLOUDHSM_HOME"])

    def serve_log(self):
        """The end of it, for messages."""
        return self.whole_log()[-8000:]

    def whole_log(self):
        path = self.root / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def contents(self):
        """(path, bytes) of every file in the data directory, which is in use: what goes meanwhile is passed over."""
        for folder, _, names in os.walk(self.data):
            for path in (pathlib.Path(folder, name) for name in names):
                try:
                    if stat.S_ISREG(path.lstat().st_mode):
                        yield path, path.read_bytes()
                except FileNotFoundError:
                    pass

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
        status = self.process.returncode if self.process else None
        if self.process:
            self.log.close()
            self.out.close()
        self.process = None
        return status

    def close(self):
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    # -- clients ------------------------------------------------------------------------------------------------------

    def run(self, *command, stdin=None, cwd=None):
        done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, env=self.environment,
                              cwd=cwd or self.root, timeout=300)
        return Answer(done)

    def aws(self, *arguments):
        return Answer(stock_aws.run(["--endpoint-url", self.endpoint, "--output", "json", *arguments], self.environment,
                                    self.root))

    def ok(self, *arguments):
        """An aws call that must succeed; its parsed answer."""
        answer = self.aws(*arguments)
        if answer.status != 0:
            raise Failure(f"aws {' '.join(map(str, arguments))}: exit {answer.status}\n{answer.err}\n{self.serve_log()}")
        return answer.json

    def script(self, lines, stdin=None, strict="-euo"):
        """Bash with Strongroom's programs and the client package's in PATH, and `aws` pointed here."""
        path = f"{BIN}:{self.client_home}/bin" if self.client_home else str(BIN)
        return self.run("bash", "-c", f"set {strict} pipefail; PATH={shlex.quote(path)}:$PATH\n"
                        'aws() { /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }\n' + lines, stdin=stdin)

    def shell(self, line):
        done = self.script(line, strict="-o")
        if done.status != 0:
            raise Failure(f"{line}: exit {done.status}\n{done.out}\n{done.err}")
        return done

    def cmu(self, *lines):
        """A session of cloudhsm_mgmt_util from a pipe."""
        return self.run(self.client_home / "bin" / "cloudhsm_mgmt_util", stdin=("\n".join(lines) + "\n").encode())

    def cmu_until(self, what, good, *lines):
        """Such a session, again and again until `good` says so of its answer: after a start or a change each HSM comes in its
        own time."""
        last = None

        def look():
            nonlocal last
            last = self.cmu(*lines)
            return good(last)

        try:
            wait_for(what, look)
        except Failure as failure:
            raise Failure(f"{failure}\n{last.out}{last.err}\n{self.serve_log()}") from None
        return last

    def take_kmsuser_back(self, officer, password):
        """The officer gives kmsuser another password: as soon as no HSM has a session of KMS any more."""
        self.cmu_until("kmsuser taken back", lambda session: session.status == 0, f"loginHSM CO admin {officer}",
                       f"changePswd CU kmsuser {password}", "y", "quit")

    def status(self):
        answer = self.run(BIN / "strongroom", "status", "--data", self.data, "--json")
        if answer.status != 0:
            raise Failure(f"status ended with {answer.status}: {answer.err}")
        return json.loads(answer.out)

    def processes(self, name):
        return [p for p in self.status()["processes"] if p["name"] == name]

    # -- the road -----------------------------------------------------------------------------------------------------

    def cluster(self, cluster_id):
        found = self.ok("cloudhsmv2", "describe-clusters", "--filters", f"clusterIds={cluster_id}")["Clusters"]
        return found[0] if found else None

    def wait_cluster(self, cluster_id, state):
        return wait_for(f"cluster {state}", lambda: (c := self.cluster(cluster_id)) and c["State"] == state and c)

    def wait_hsm(self, cluster_id, hsm_id, state="ACTIVE"):
        def look():
            for hsm in self.cluster(cluster_id)["Hsms"]:
                if hsm["HsmId"] == hsm_id and hsm["State"] == state:
                    return hsm
            return None

        return wait_for(f"HSM {state}", look)

    def create_cluster(self, subnets=("subnet-0123456789abcdef0", "subnet-0123456789abcdef1")):
        made = self.ok("cloudhsmv2", "create-cluster", "--hsm-type", "hsm1.medium", "--subnet-ids", *subnets)["Cluster"]
        self.wait_cluster(made["ClusterId"], "UNINITIALIZED")
        return self.cluster(made["ClusterId"])

    def create_hsm(self, cluster_id, zone):
        made = self.ok("cloudhsmv2", "create-hsm", "--cluster-id", cluster_id, "--availability-zone", zone)["Hsm"]
        return self.wait_hsm(cluster_id, made["HsmId"])

    def make_ca(self, name="customerCA"):
        """A customer CA made by openssl: key and self-signed certificate in the deployment's directory."""
        self.shell(f"openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 3652 -keyout {name}.key -out {name}.crt "
                   "-subj /CN=CloudHSMClusterCA")

    def sign_csr(self, csr, out, ca="customerCA", days=3652, extra=""):
        (self.root / "cluster.csr").write_text(csr)
        self.shell(f"openssl x509 -req -in cluster.csr -CA {ca}.crt -CAkey {ca}.key -CAcreateserial -out {out} "
                   f"-days {days} -sha256 {extra}")

    def initialize(self, cluster_id, signed="cluster.crt", anchor="customerCA.crt"):
        return self.aws("cloudhsmv2", "initialize-cluster", "--cluster-id", cluster_id, "--signed-cert",
                        f"file://{self.root}/{signed}", "--trust-anchor", f"file://{self.root}/{anchor}")

    def active_cluster(self, password="Officer-pass-1", hsms=1):
        """A cluster all the way to ACTIVE, with a CO `admin`; its description."""
        cluster = self.create_cluster()
        cluster_id = cluster["ClusterId"]
        zones = sorted(cluster["SubnetMapping"])
        first = self.create_hsm(cluster_id, zones[0])
        self.make_ca()
        self.sign_csr(self.cluster(cluster_id)["Certificates"]["ClusterCsr"], "cluster.crt")
        answer = self.initialize(cluster_id)
        if answer.status != 0:
            raise Failure(answer.err)
        self.wait_cluster(cluster_id, "INITIALIZED")
        shutil.copy(self.root / "customerCA.crt", self.client_home / "etc" / "customerCA.crt")
        configured = self.run(self.client_home / "bin" / "configure", "-a", first["EniIp"])
        if configured.status != 0:
            raise Failure(configured.err)
        session = self.cmu("loginHSM PRECO admin password", f"changePswd PRECO admin {password}", "y", "quit")
        if session.status != 0:
            raise Failure(session.out + session.err)
        self.wait_cluster(cluster_id, "ACTIVE")
        for zone in zones[1:hsms]:
            self.create_hsm(cluster_id, zone)
        return self.cluster(cluster_id)

    def connected_store(self, password="Officer-pass-1", kms_password="Kmsuserpass1", name="teststore"):
        """An active cluster of two HSMs with a connected custom key store: (cluster, store id)."""
        cluster = self.active_cluster(password, hsms=2)
        session = self.cmu(f"loginHSM CO admin {password}", f"createUser CU kmsuser {kms_password}", "y", "quit")
        if session.status != 0:
            raise Failure(session.out + session.err)
        store = self.create_store(cluster["ClusterId"], kms_password, name)["CustomKeyStoreId"]
        self.ok("kms", "connect-custom-key-store", "--custom-key-store-id", store)
        self.wait_store(store, "CONNECTED")
        return cluster, store

    def create_store(self, cluster_id, kms_password, name="teststore", anchor="customerCA.crt"):
        return self.ok("kms", "create-custom-key-store", "--custom-key-store-name", name, "--cloud-hsm-cluster-id",
                       cluster_id, "--trust-anchor-certificate", f"file://{self.root}/{anchor}", "--key-store-password",
                       kms_password)

    def store(self, store_id):
        return self.ok("kms", "describe-custom-key-stores", "--custom-key-store-id", store_id)["CustomKeyStores"][0]

    def wait_store(self, store_id, state):
        return wait_for(f"store {state}", lambda: (s := self.store(store_id)) and s["ConnectionState"] == state and s)
