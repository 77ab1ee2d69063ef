"""An OpenID Connect provider in small, over HTTPS: what AssumeRoleWithWebIdentity asks one for, and tokens of it."""

import base64
import http.server
import json
import ssl
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()


def number(value, size):
    return b64(value.to_bytes(size, "big"))


class Issuer:
    def __init__(self, folder, host, address="127.0.0.1"):
        self.url = f"https://{host}"
        self.keys = {"rsa": rsa.generate_private_key(65537, 2048), "ec": ec.generate_private_key(ec.SECP256R1())}
        self.shown = ["rsa"]  # which of the keys the JWK set has
        self.named = self.url  # the issuer that the discovery document names
        self.asked = []
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                issuer.asked.append(self.path)
                documents = {"/.well-known/openid-configuration": {"issuer": issuer.named, "jwks_uri": f"{issuer.url}/keys"},
                             "/keys": {"keys": [issuer.jwk(name) for name in issuer.shown]}}
                body = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(200 if self.path in documents else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]

    def start(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def jwk(self, name):
        public = self.keys[name].public_key().public_numbers()
        if name == "rsa":
            return {"kty": "RSA", "kid": name, "use": "sig", "alg": "RS256", "n": number(public.n, 256), "e": number(public.e, 3)}
        return {"kty": "EC", "kid": name, "crv": "P-256", "x": number(public.x, 32), "y": number(public.y, 32)}

    def token(self, signer="rsa", header=None, **claims):
        """A token as a Kubernetes service account gets it; claims that are None are left out."""
        now = int(time.time())
        body = {"iss": self.url, "sub": "system:serviceaccount:default:deployer", "aud": ["sts.amazonaws.com"], "iat": now,
                "nbf": now, "exp": now + 600, **claims}
        body = {name: value for name, value in body.items() if value is not None}
        head = {"alg": "RS256" if signer == "rsa" else "ES256", "kid": signer, **(header or {})}
        text = f"{b64(head)}.{b64(body)}"
        if signer == "rsa":
            signature = self.keys[signer].sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        else:
            der = self.keys[signer].sign(text.encode(), ec.ECDSA(hashes.SHA256()))
            signature = b"".join(one.to_bytes(32, "big") for one in utils.decode_dss_signature(der))
        return f"{text}.{b64(signature)}"
