// JWTs signed by KMS and verified by a library that knows nothing of it, with the public key that KMS gives.
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { CreateKeyCommand, GetPublicKeyCommand, KMSInvalidSignatureException, SignCommand, VerifyCommand } from "@aws-sdk/client-kms";
import { errors, exportJWK, importSPKI, jwtVerify } from "jose";
import { kms, opensslVerifies, refusal } from "./deployment.mjs";

const issuer = "https://issuer.example.com", audience = "https://service.example.com";

/** ECDSA signatures are DER in KMS and r ‖ s in JWTs (RFC 7518, 3.4). */
function fromDer(der, size) {
  let at = 2;
  const parts = [];
  for (let i = 0; i < 2; ++i) {
    assert.equal(der[at], 2);
    const length = der[at + 1];
    const number = Buffer.from(der.subarray(at + 2, at + 2 + length));
    parts.push(Buffer.concat([Buffer.alloc(size), number]).subarray(-size));
    at += 2 + length;
  }
  assert.equal(at, der.length);
  return Buffer.concat(parts);
}

const kinds = [
  { alg: "ES256", spec: "ECC_NIST_P256", kms: "ECDSA_SHA_256", form: (der) => fromDer(der, 32), openssl: [] },
  { alg: "RS256", spec: "RSA_2048", kms: "RSASSA_PKCS1_V1_5_SHA_256", form: Buffer.from, openssl: [] },
  { alg: "PS256", spec: "RSA_2048", kms: "RSASSA_PSS_SHA_256", form: Buffer.from,
    openssl: ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] },
];

for (const kind of kinds) {
  test(`${kind.alg} with a key of ${kind.spec}`, async () => {
    const { KeyId } = (await kms.send(new CreateKeyCommand({ KeySpec: kind.spec, KeyUsage: "SIGN_VERIFY" }))).KeyMetadata;
    const shown = await kms.send(new GetPublicKeyCommand({ KeyId }));
    assert.ok(shown.SigningAlgorithms.includes(kind.kms));
    const encoded = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const text = `${encoded({ alg: kind.alg, typ: "JWT", kid: KeyId })}.${encoded({
      iss: issuer, aud: audience, sub: "somebody", iat: now, exp: now + 300 })}`;
    const wanted = { KeyId, SigningAlgorithm: kind.kms, MessageType: "RAW", Message: Buffer.from(text) };
    const { Signature } = await kms.send(new SignCommand(wanted));
    const token = `${text}.${kind.form(Signature).toString("base64url")}`;

    const spki = createPublicKey({ key: Buffer.from(shown.PublicKey), format: "der", type: "spki" });
    const key = await importSPKI(spki.export({ format: "pem", type: "spki" }), kind.alg, { extractable: true });
    const { payload, protectedHeader } = await jwtVerify(token, key, { issuer, audience, algorithms: [kind.alg] });
    assert.equal(payload.sub, "somebody");
    assert.equal(protectedHeader.kid, KeyId);
    assert.equal((await exportJWK(key)).kty, kind.alg === "ES256" ? "EC" : "RSA");
    assert.equal(opensslVerifies(shown.PublicKey, Signature, text, ...kind.openssl), "Verified OK");
    assert.equal((await kms.send(new VerifyCommand({ ...wanted, Signature }))).SignatureValid, true);

    const [head, body, signature] = token.split(".");
    const forged = Buffer.from(signature, "base64url");
    forged[forged.length - 1] ^= 1;
    await assert.rejects(jwtVerify(`${head}.${body}.${forged.toString("base64url")}`, key), errors.JWSSignatureVerificationFailed);
    const other = { ...wanted, Message: Buffer.from(`${text}.`), Signature };
    assert.ok(await refusal(new VerifyCommand(other)) instanceof KMSInvalidSignatureException);
    assert.notEqual(opensslVerifies(shown.PublicKey, Signature, `${text}.`, ...kind.openssl), "Verified OK");
  });
}
