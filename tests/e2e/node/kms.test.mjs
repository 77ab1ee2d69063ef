// KMS by the newest SDK: members that older clients do not know, and errors as the exceptions that the SDK has for them.
import assert from "node:assert/strict";
import { constants, publicEncrypt, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import {
  CreateAliasCommand, CreateGrantCommand, CreateKeyCommand, DecryptCommand, DeleteAliasCommand,
  DeleteImportedKeyMaterialCommand, DescribeKeyCommand, DisabledException, DisableKeyCommand, DryRunOperationException,
  EnableKeyCommand, EnableKeyRotationCommand, EncapsulateCommand, EncryptCommand, GenerateDataKeyCommand,
  GenerateMacCommand, GenerateRandomCommand, GetKeyLastUsageCommand, GetKeyRotationStatusCommand,
  GetParametersForImportCommand, ImportKeyMaterialCommand, IncorrectKeyException, InvalidCiphertextException,
  InvalidGrantTokenException, InvalidImportTokenException, InvalidKeyUsageException, KMSInvalidMacException,
  KMSInvalidStateException, KMSServiceException, LimitExceededException, ListGrantsCommand, ListKeyRotationsCommand,
  NotFoundException, paginateListKeys, ReEncryptCommand, RevokeGrantCommand, RotateKeyOnDemandCommand,
  ScheduleKeyDeletionCommand, TagResourceCommand, VerifyMacCommand,
} from "@aws-sdk/client-kms";
import { kms, named, refusal } from "./deployment.mjs";

const context = { Department: "Tests", "ä": "ö" };
const plaintext = new TextEncoder().encode("the plaintext");
let key, other, mac;

before(async () => {
  const made = (...more) => kms.send(new CreateKeyCommand(Object.assign({}, ...more)));
  key = (await made({ Description: "made by the SDK", Tags: [{ TagKey: "a", TagValue: "b" }] })).KeyMetadata;
  other = (await made()).KeyMetadata;
  mac = (await made({ KeySpec: "HMAC_384", KeyUsage: "GENERATE_VERIFY_MAC" })).KeyMetadata;
});
after(() => kms.destroy());

test("CreateKey and DescribeKey show today's members", async () => {
  const shown = (await kms.send(new DescribeKeyCommand({ KeyId: key.KeyId }))).KeyMetadata;
  assert.deepEqual(shown, key);
  assert.equal(shown.KeySpec, "SYMMETRIC_DEFAULT");
  assert.deepEqual(shown.EncryptionAlgorithms, ["SYMMETRIC_DEFAULT"]);
  assert.equal(shown.MultiRegion, false);
  assert.ok(shown.CreationDate instanceof Date);
  assert.match(shown.CurrentKeyMaterialId ?? "", /^[0-9a-f]{64}$/);
});

test("Encrypt, Decrypt and ReEncrypt with a context", async () => {
  const made = await kms.send(new EncryptCommand({ KeyId: key.Arn, Plaintext: plaintext, EncryptionContext: context }));
  assert.ok(made.CiphertextBlob instanceof Uint8Array);
  const opened = await kms.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob, EncryptionContext: context }));
  assert.deepEqual(Buffer.from(opened.Plaintext), Buffer.from(plaintext));
  assert.equal(opened.KeyId, key.Arn);
  assert.match(opened.KeyMaterialId, /^[0-9a-f]{64}$/);
  const moved = await kms.send(new ReEncryptCommand({
    CiphertextBlob: made.CiphertextBlob, SourceEncryptionContext: context, DestinationKeyId: other.KeyId }));
  assert.equal(moved.KeyId, other.Arn);
  assert.equal(moved.SourceKeyMaterialId, opened.KeyMaterialId);
  assert.deepEqual(Buffer.from((await kms.send(new DecryptCommand({ CiphertextBlob: moved.CiphertextBlob }))).Plaintext),
    Buffer.from(plaintext));
});

test("A key of the custom key store", async () => {
  const KeyId = named("STORE_KEY");
  const made = await kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256", EncryptionContext: context }));
  assert.equal(made.Plaintext.length, 32);
  const opened = await kms.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob, EncryptionContext: context }));
  assert.deepEqual(opened.Plaintext, made.Plaintext);
  const random = await kms.send(new GenerateRandomCommand({ NumberOfBytes: 24, CustomKeyStoreId: named("STORE") }));
  assert.equal(random.Plaintext.length, 24);
});

test("DryRun and its modifiers", async () => {
  const would = await refusal(new EncryptCommand({ KeyId: key.KeyId, Plaintext: plaintext, DryRun: true }));
  assert.ok(would instanceof DryRunOperationException, `${would}`);
  const ignoring = { KeyId: key.KeyId, DryRun: true, DryRunModifiers: ["IGNORE_CIPHERTEXT"] };
  assert.ok(await refusal(new DecryptCommand(ignoring)) instanceof DryRunOperationException);
  const without = await refusal(new DecryptCommand({ KeyId: key.KeyId, DryRunModifiers: ["IGNORE_CIPHERTEXT"] }));
  assert.equal(without.name, "ValidationException");
});

test("Rotation, by itself and on demand", async () => {
  const { KeyId } = (await kms.send(new CreateKeyCommand({}))).KeyMetadata;
  await kms.send(new EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 90 }));
  const status = await kms.send(new GetKeyRotationStatusCommand({ KeyId }));
  assert.equal(status.KeyRotationEnabled, true);
  assert.equal(status.RotationPeriodInDays, 90);
  assert.ok(status.NextRotationDate instanceof Date);
  const before = await kms.send(new EncryptCommand({ KeyId, Plaintext: plaintext }));
  const first = (await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata.CurrentKeyMaterialId;
  await kms.send(new RotateKeyOnDemandCommand({ KeyId }));
  const deadline = Date.now() + 60_000;
  let current;
  do {
    current = (await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata.CurrentKeyMaterialId;
  } while (current === first && Date.now() < deadline);
  assert.notEqual(current, first);
  const after = await kms.send(new EncryptCommand({ KeyId, Plaintext: plaintext }));
  for (const [made, material] of [[before, first], [after, current]]) {
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob }));
    assert.equal(opened.KeyMaterialId, material);
    assert.deepEqual(Buffer.from(opened.Plaintext), Buffer.from(plaintext));
  }
  const { Rotations } = await kms.send(new ListKeyRotationsCommand({ KeyId, IncludeKeyMaterial: "ALL_KEY_MATERIAL" }));
  assert.deepEqual(new Set(Rotations.map((one) => one.KeyMaterialId)), new Set([first, current]));
  assert.ok(Rotations.some((one) => one.RotationType === "ON_DEMAND" && one.KeyMaterialState === "CURRENT"));
});

test("Imported material", async () => {
  const { KeyId, KeyState } = (await kms.send(new CreateKeyCommand({ Origin: "EXTERNAL" }))).KeyMetadata;
  assert.equal(KeyState, "PendingImport");
  const given = await kms.send(new GetParametersForImportCommand({
    KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048" }));
  assert.ok(given.ParametersValidTo instanceof Date);
  const EncryptedKeyMaterial = publicEncrypt({
    key: Buffer.from(given.PublicKey), format: "der", type: "spki", padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: "sha256" }, randomBytes(32));
  const wanted = { KeyId, EncryptedKeyMaterial, ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE" };
  const spoilt = Uint8Array.from(given.ImportToken);
  spoilt[spoilt.length - 1] ^= 1;
  assert.ok(await refusal(new ImportKeyMaterialCommand({ ...wanted, ImportToken: spoilt })) instanceof InvalidImportTokenException);
  await kms.send(new ImportKeyMaterialCommand({ ...wanted, ImportToken: given.ImportToken }));
  const made = await kms.send(new EncryptCommand({ KeyId, Plaintext: plaintext }));
  assert.deepEqual(Buffer.from((await kms.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob }))).Plaintext),
    Buffer.from(plaintext));
  await kms.send(new DeleteImportedKeyMaterialCommand({ KeyId }));
  assert.ok(await refusal(new EncryptCommand({ KeyId, Plaintext: plaintext })) instanceof KMSInvalidStateException);
});

test("GetKeyLastUsage", async () => {
  await kms.send(new EncryptCommand({ KeyId: other.KeyId, Plaintext: plaintext }));
  const deadline = Date.now() + 60_000;
  let usage;
  do {
    const shown = await kms.send(new GetKeyLastUsageCommand({ KeyId: other.KeyId }));
    assert.equal(shown.KeyId, other.KeyId);
    usage = shown.KeyLastUsage;
  } while (usage?.Operation !== "Encrypt" && Date.now() < deadline);
  assert.equal(usage?.Operation, "Encrypt");
  assert.ok(usage.Timestamp instanceof Date);
});

test("HMACs", async () => {
  const wanted = { KeyId: mac.KeyId, MacAlgorithm: "HMAC_SHA_384", Message: plaintext };
  const made = await kms.send(new GenerateMacCommand(wanted));
  assert.equal((await kms.send(new VerifyMacCommand({ ...wanted, Mac: made.Mac }))).MacValid, true);
  made.Mac[0] ^= 1;
  assert.ok(await refusal(new VerifyMacCommand({ ...wanted, Mac: made.Mac })) instanceof KMSInvalidMacException);
});

test("Grants and their tokens", async () => {
  const grant = await kms.send(new CreateGrantCommand({
    KeyId: key.KeyId, GranteePrincipal: named("CALLER"), Operations: ["Decrypt"],
    Constraints: { EncryptionContextSubset: context } }));
  const listed = await kms.send(new ListGrantsCommand({ KeyId: key.KeyId }));
  assert.deepEqual(listed.Grants.map((one) => one.GrantId), [grant.GrantId]);
  const made = await kms.send(new EncryptCommand({ KeyId: key.KeyId, Plaintext: plaintext, EncryptionContext: context }));
  await kms.send(new DecryptCommand({
    CiphertextBlob: made.CiphertextBlob, EncryptionContext: context, GrantTokens: [grant.GrantToken] }));
  await kms.send(new RevokeGrantCommand({ KeyId: key.KeyId, GrantId: grant.GrantId }));
  assert.ok(await refusal(new DecryptCommand({
    CiphertextBlob: made.CiphertextBlob, EncryptionContext: context, GrantTokens: [grant.GrantToken] }))
    instanceof InvalidGrantTokenException);
});

test("Pages", async () => {
  const seen = [];
  for await (const page of paginateListKeys({ client: kms, pageSize: 1 }, {})) {
    assert.equal(page.Keys.length, 1);
    seen.push(page.Keys[0].KeyId);
  }
  for (const one of [key, other, mac]) assert.ok(seen.includes(one.KeyId));
  assert.equal(new Set(seen).size, seen.length);
});

test("Errors are the SDK's exceptions", async () => {
  const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId: key.KeyId, Plaintext: plaintext }));
  const spoilt = Uint8Array.from(CiphertextBlob);
  spoilt[spoilt.length - 1] ^= 1;
  const absent = "134f2428-cec1-4b25-a1ae-9048164dba47";
  const cases = [
    [new DescribeKeyCommand({ KeyId: absent }), NotFoundException],
    [new DeleteAliasCommand({ AliasName: "alias/absent" }), NotFoundException],
    [new DecryptCommand({ CiphertextBlob: spoilt }), InvalidCiphertextException],
    [new DecryptCommand({ CiphertextBlob, EncryptionContext: context }), InvalidCiphertextException],
    [new DecryptCommand({ CiphertextBlob, KeyId: other.KeyId }), IncorrectKeyException],
    [new EncryptCommand({ KeyId: mac.KeyId, Plaintext: plaintext }), InvalidKeyUsageException],
  ];
  for (const [command, kind] of cases) {
    const error = await refusal(command);
    assert.ok(error instanceof kind, `${command.constructor.name}: ${error}`);
    assert.ok(error instanceof KMSServiceException);
    assert.equal(error.$metadata.httpStatusCode, 400);
    assert.ok(error.$metadata.requestId);
  }
  await kms.send(new DisableKeyCommand({ KeyId: other.KeyId }));
  assert.ok(await refusal(new EncryptCommand({ KeyId: other.KeyId, Plaintext: plaintext })) instanceof DisabledException);
  await kms.send(new EnableKeyCommand({ KeyId: other.KeyId }));
  const tags = Array.from({ length: 51 }, (_, i) => ({ TagKey: `k${i}`, TagValue: "v" }));
  assert.equal((await refusal(new TagResourceCommand({ KeyId: key.KeyId, Tags: tags }))).name, "TagException");
  for (let i = 0; i < 50; ++i) await kms.send(new CreateAliasCommand({ AliasName: `alias/sdk-${i}`, TargetKeyId: key.KeyId }));
  assert.ok(await refusal(new CreateAliasCommand({ AliasName: "alias/sdk-50", TargetKeyId: key.KeyId }))
    instanceof LimitExceededException);
});

test("An operation that AWS has and we have not is refused as such", async () => {
  const error = await refusal(new EncapsulateCommand({ KeyId: key.KeyId, EncapsulationAlgorithm: "ML_KEM_768" }));
  assert.equal(error.name, "UnknownOperationException");
});

test("Deletion", async () => {
  const made = (await kms.send(new CreateKeyCommand({}))).KeyMetadata;
  const scheduled = await kms.send(new ScheduleKeyDeletionCommand({ KeyId: made.KeyId, PendingWindowInDays: 7 }));
  assert.equal(scheduled.KeyState, "PendingDeletion");
  assert.equal(Math.round((scheduled.DeletionDate - made.CreationDate) / 86_400_000), 7);
});
