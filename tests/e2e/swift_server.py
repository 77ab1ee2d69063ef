"""OpenStack Swift with its S3 API, whole and in one process, on one loopback address: the S3-compatible server of the tests.

Run by Debian's own Python (package python3-swift):

    /usr/bin/python3 swift_server.py DIRECTORY ADDRESS ACCESS_KEY SECRET

It builds rings of one device each, starts the account, container, object and proxy servers and prints one line,
"ready http://ADDRESS:PORT", to standard output. Objects are in memory, listings in SQLite files in DIRECTORY. Signatures
(SigV4, with the payload's SHA-256), Content-MD5, part sizes and preconditions are verified by Swift itself."""

import json
import os
import pathlib
import sys
import time

import eventlet

eventlet.monkey_patch()

import eventlet.wsgi  # noqa: E402

REGION = "us-east-1"


def write_configuration(directory, ports, access_key, secret):
    (directory / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\n[storage-policy:0]\nname = one\ndefault = yes\n")
    (directory / "devices" / "one").mkdir(parents=True)
    common = f"""[DEFAULT]
swift_dir = {directory}
devices = {directory}/devices
mount_check = false
fallocate_reserve = 0
log_level = WARNING
"""
    for kind, app in (("account", "account"), ("container", "container"), ("object", "mem_object")):
        (directory / f"{kind}.conf").write_text(
            f"{common}bind_port = {ports[kind]}\n[pipeline:main]\npipeline = server\n[app:server]\nuse = egg:swift#{app}\n")
    account, user = access_key.split(":")
    (directory / "proxy.conf").write_text(f"""{common}
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats bulk s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = {REGION}
dns_compliant_bucket_names = true
storage_domain = localhost
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
[filter:slo]
use = egg:swift#slo
rate_limit_after_segment = 10000
""")


def build_rings(directory, address, ports):
    from swift.common.ring.builder import RingBuilder
    for kind in ("account", "container", "object"):
        builder = RingBuilder(2, 1, 0)
        builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": address, "port": ports[kind], "device": "one"})
        builder.rebalance()
        builder.get_ring().save(str(directory / f"{kind}.ring.gz"))


class Cache:
    """What Swift asks of memcached, for one process."""

    def __init__(self):
        self.values = {}

    def get(self, key, raise_on_error=False):
        value, until = self.values.get(key, (None, 0))
        return value if not until or until > time.time() else None

    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False):  # noqa: A002
        self.values[key] = (json.loads(json.dumps(value)), until(time))

    def incr(self, key, delta=1, time=0):  # noqa: A002
        value = max(0, int(self.get(key) or 0) + delta)
        self.values[key] = (value, until(time))
        return value

    def decr(self, key, delta=1, time=0):  # noqa: A002
        return self.incr(key, -delta, time)

    def delete(self, key, server_key=None):
        self.values.pop(key, None)


def until(seconds):
    return time.time() + seconds if seconds else 0


def with_cache(app):
    cache = Cache()

    def call(environment, start_response):
        environment["swift.cache"] = cache
        return app(environment, start_response)
    return call


def main():
    directory, address, access_key, secret = pathlib.Path(sys.argv[1]), *sys.argv[2:5]
    directory.mkdir(parents=True, exist_ok=True)
    listeners = {kind: eventlet.listen((address, 0), backlog=256) for kind in ("account", "container", "object", "proxy")}
    ports = {kind: listener.getsockname()[1] for kind, listener in listeners.items()}
    write_configuration(directory, ports, access_key, secret)
    from swift.common import utils
    utils.SWIFT_CONF_FILE = str(directory / "swift.conf")
    import swift.common.constraints
    import swift.common.storage_policy
    swift.common.constraints.SWIFT_CONF_FILE = swift.common.storage_policy.SWIFT_CONF_FILE = utils.SWIFT_CONF_FILE
    swift.common.storage_policy.reload_storage_policies()
    utils.validate_hash_conf()
    build_rings(directory, address, ports)
    from swift.common import wsgi
    quiet = open(os.devnull, "w")
    for kind in ("account", "container", "object", "proxy"):
        app = wsgi.loadapp(str(directory / f"{kind}.conf"), global_conf={"log_name": kind})
        app = with_cache(app) if kind == "proxy" else app
        eventlet.spawn(eventlet.wsgi.server, listeners[kind], app, log=quiet, protocol=wsgi.SwiftHttpProtocol,
                       custom_pool=eventlet.GreenPool(1024), log_output=False)
    print(f"ready http://{address}:{ports['proxy']}", flush=True)
    eventlet.hubs.trampoline(sys.stdin.fileno(), read=True)  # until whoever started it closes the pipe, or is gone


if __name__ == "__main__":
    main()
