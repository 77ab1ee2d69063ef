#include "encryption_sdk/internal/message_writer.h"

#include "crypto/ecdsa_length.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/derivation.h"
#include "encryption_sdk/internal/signing.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk::internal {

Result<std::unique_ptr<MessageWriter>> MessageWriter::Begin(const EncryptionMaterials& materials, Bytes message_id,
                                                            const WriterSettings& settings, Sink sink) {
  const Suite& suite = SuiteOf(materials.suite);
  SR_TRY(const DerivedKeys derived, Derive(suite, materials.data_key, message_id));
  SR_TRY(FrameCipher cipher, FrameCipher::ForSealing(derived.key, message_id));
  std::unique_ptr<MessageWriter> writer(new MessageWriter(settings, std::move(sink), std::move(cipher)));
  if (settings.threads > 0) {
    std::vector<FramePool::Work> work;
    for (unsigned i = 0; i < settings.threads; ++i) {
      SR_TRY(FrameCipher own, FrameCipher::ForSealing(derived.key, message_id));
      work.emplace_back([shared = std::make_shared<FrameCipher>(std::move(own))](FrameJob& job) {
        auto sealed = shared->Seal(job.kind, job.number, job.in.view(), job.out);
        if (sealed.ok()) {
          job.tag = *sealed;
        } else {
          job.error = std::move(sealed).error();
        }
      });
    }
    writer->pool_ = std::make_unique<FramePool>(std::move(work));
  }
  if (suite.signs()) {
    if (!materials.signing_key) return MakeError(ErrorCode::kInvalidArgument, "The materials have no signing key.");
    writer->signing_key_ = materials.signing_key;
    writer->signed_bytes_.emplace(DigestOf(suite.curve));
  }

  Header& header = writer->facts_.header;
  header.suite = materials.suite;
  header.message_id = std::move(message_id);
  header.context = materials.context;
  EncryptionContext left_out;
  for (const std::string& key : materials.required_keys) {
    if (auto entry = header.context.extract(key)) left_out.insert(std::move(entry));
  }
  header.encrypted_data_keys = materials.encrypted_data_keys;
  header.frame_length = settings.frame_length;
  header.suite_data = derived.commitment;
  SR_TRY(Bytes text, SerializeBody(header));
  SR_TRY(const Bytes required, Serialize(left_out));
  SR_TRY(const Tag tag, writer->cipher_.SealHeader(text, required));
  header.body_bytes = text.size();
  if (suite.version() == 1) {
    header.iv.assign(kIvBytes, 0);
    Append(text, header.iv);
  }
  header.tag = ToBytes(tag);
  Append(text, tag);
  header.total_bytes = text.size();
  SR_CHECK(writer->Emit(text));
  return writer;
}

Status MessageWriter::Keep(Status done) {
  if (!done.ok()) failed_ = done.error();
  return done;
}

Status MessageWriter::Write(ByteView plaintext) {
  if (failed_) return *failed_;
  if (finished_) return MakeError(ErrorCode::kInvalidArgument, "The message has been finished already.");
  return Keep(Run(plaintext));
}

Status MessageWriter::Run(ByteView plaintext) {
  if (settings_.plaintext_bound && plaintext.size() > *settings_.plaintext_bound - facts_.plaintext_bytes) {
    return MakeError(
        ErrorCode::kPlaintextTooLong,
        fmt::format("There is more plaintext than the {} bytes that were announced.", *settings_.plaintext_bound));
  }
  facts_.plaintext_bytes += plaintext.size();
  const std::size_t frame = settings_.frame_length;
  // A frame of full length is only known to be a regular one when another byte follows.
  while (!plaintext.empty()) {
    if (Gathering().size() == frame) {
      if (pool_) {
        SR_CHECK(SubmitGathered(FrameKind::kRegular));
      } else {
        SR_CHECK(SealHere(FrameKind::kRegular, gathered_.view()));
        gathered_.Clear();
      }
    }
    if (!pool_ && gathered_.size() == 0 && plaintext.size() > frame) {
      SR_CHECK(SealHere(FrameKind::kRegular, plaintext.first(frame)));
      plaintext = plaintext.subspan(frame);
      continue;
    }
    const std::size_t take = std::min(frame - Gathering().size(), plaintext.size());
    Gathering().Append(plaintext.first(take), frame);
    plaintext = plaintext.subspan(take);
  }
  return {};
}

Result<std::uint32_t> MessageWriter::NextNumber(FrameKind kind) {
  // The last number can only be a final frame's.
  if (kind == FrameKind::kRegular && numbered_ + std::uint64_t{1} >= settings_.most_frames) {
    return MakeError(ErrorCode::kLimitExceeded,
                     "The plaintext needs more frames than a message can have; choose longer frames.");
  }
  return ++numbered_;
}

Status MessageWriter::SealHere(FrameKind kind, ByteView plaintext) {
  SR_TRY(const std::uint32_t number, NextNumber(kind));
  SR_TRY(const Tag tag, cipher_.Seal(kind, number, plaintext, out_));
  return EmitFrame(out_.view(), tag);
}

Status MessageWriter::SubmitGathered(FrameKind kind) {
  SR_TRY(const std::uint32_t number, NextNumber(kind));
  FrameJob& job = pool_->Next();
  job.kind = kind;
  job.number = number;
  pool_->Submit();
  if (pool_->Full()) SR_CHECK(EmitOldest());
  return {};
}

Status MessageWriter::EmitOldest() {
  FrameJob& job = pool_->Oldest();
  if (job.error) return *job.error;
  SR_CHECK(EmitFrame(job.out.view(), job.tag));
  pool_->Release();
  return {};
}

Status MessageWriter::EmitFrame(ByteView frame, const Tag& tag) {
  tags_.Update(tag);
  ++facts_.frames;
  return Emit(frame);
}

Status MessageWriter::Emit(ByteView bytes) {
  if (signed_bytes_) signed_bytes_->Update(bytes);
  facts_.message_bytes += bytes.size();
  return sink_(bytes);
}

Result<MessageFacts> MessageWriter::Finish() {
  if (failed_) return *failed_;
  if (finished_) return MakeError(ErrorCode::kInvalidArgument, "The message has been finished already.");
  SR_CHECK(Keep(End()));
  finished_ = true;
  return facts_;
}

Status MessageWriter::End() {
  if (pool_) {
    SR_CHECK(SubmitGathered(FrameKind::kFinal));
    while (!pool_->Empty()) SR_CHECK(EmitOldest());
  } else {
    SR_CHECK(SealHere(FrameKind::kFinal, gathered_.view()));
  }
  facts_.tags_digest = tags_.Finish();
  if (!signing_key_) return {};
  const Suite& suite = facts_.header.suite_facts();
  const Bytes digest = signed_bytes_->Finish();
  SR_TRY(const Bytes signature,
         crypto::SignEcdsaOfLength(*signing_key_, SchemeOf(suite.curve), digest, suite.signature_bytes));
  Bytes footer;
  Put16(footer, signature.size());
  Append(footer, signature);
  return Emit(footer);
}

}  // namespace strongroom::encryption_sdk::internal
