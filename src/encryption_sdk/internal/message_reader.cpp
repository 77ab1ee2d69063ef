#include "encryption_sdk/internal/message_reader.h"

#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/signing.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk::internal {

Error MessageReader::Refused(ErrorCode code, std::string_view what) const {
  if (kind_ == FrameKind::kSingleBlock) return MakeError(code, fmt::format("The content: {}", what));
  return MakeError(code, fmt::format("Frame {}: {}", number_, what));
}

Status MessageReader::Keep(Status done) {
  if (done.ok()) return done;
  Error error = std::move(done).error();
  // Frames that are still with the workers come before what was being read: theirs is the first error.
  if (pool_ && !frame_failed_) {
    const Status earlier = ReleaseAll();
    if (!earlier.ok()) error = earlier.error();
  }
  held_back_.WipeAll();
  failed_ = error;
  return error;
}

Status MessageReader::Write(ByteView input) {
  if (failed_) return *failed_;
  return Keep(Run(input));
}

Status MessageReader::Run(ByteView input) {
  if (stage_ == Stage::kHeader) {
    SR_TRY(const std::size_t used, parser_.Feed(input));
    input = input.subspan(used);
    facts_.message_bytes += used;
    if (!parser_.done()) return {};
    SR_CHECK(BeginBody());
  }
  while (stage_ != Stage::kEnd) {
    const std::optional<ByteView> field = Gather(input);
    if (!field) return {};
    facts_.message_bytes += field->size();
    if (signed_bytes_ && stage_ < Stage::kFooterLength) signed_bytes_->Update(*field);
    SR_CHECK(Step(*field));
    if (clear_gathered_) gathered_.Clear();
    clear_gathered_ = false;
  }
  if (input.empty()) return {};
  return MakeError(ErrorCode::kTrailingData, "There are further bytes after the end of the message.");
}

std::optional<ByteView> MessageReader::Gather(ByteView& input) {
  if (gathered_.size() == 0 && input.size() >= need_) {
    const ByteView field = input.first(need_);
    input = input.subspan(need_);
    return field;
  }
  const std::size_t take = std::min(need_ - gathered_.size(), input.size());
  gathered_.Append(input.first(take), need_);
  input = input.subspan(take);
  if (gathered_.size() < need_) return std::nullopt;
  clear_gathered_ = true;
  return gathered_.view();
}

Status MessageReader::BeginBody() {
  SR_TRY(VerifiedHeader verified, VerifyHeader(cmm_, parser_, options_));
  facts_.header = parser_.header();
  const Suite& suite = facts_.header.suite_facts();
  const ByteView id = facts_.header.message_id;
  SR_TRY(cipher_, FrameCipher::ForOpening(verified.derived_key, id));
  if (options_.threads > 0 && facts_.header.content_type == ContentType::kFramed) {
    std::vector<FramePool::Work> work;
    for (unsigned i = 0; i < options_.threads; ++i) {
      SR_TRY(FrameCipher own, FrameCipher::ForOpening(verified.derived_key, id));
      work.emplace_back([shared = std::make_shared<FrameCipher>(std::move(own))](FrameJob& job) {
        const ByteView sealed = job.in.view();
        auto opened = shared->Open(job.kind, job.number, job.nonce, sealed, job.out.Resize(sealed.size() - kTagBytes));
        if (opened.ok() && *opened) return;
        job.out.WipeAll();
        job.error = opened.ok() ? MakeError(ErrorCode::kBodyAuthenticationFailed,
                                            fmt::format("Frame {}: the content was changed.", job.number))
                                : std::move(opened).error();
      });
    }
    pool_ = std::make_unique<FramePool>(std::move(work));
  }
  if (suite.signs()) {
    if (!verified.materials.verification_key) {
      return MakeError(ErrorCode::kVerificationKeyMismatch, "There is no key to verify the signature with.");
    }
    verification_key_ = std::move(verified.materials.verification_key);
    signed_bytes_.emplace(DigestOf(suite.curve));
    signed_bytes_->Update(parser_.raw());
  }
  verified_ = true;
  if (facts_.header.content_type == ContentType::kFramed) {
    Expect(Stage::kSequence, 4);
  } else {
    Expect(Stage::kSingleHead, kIvBytes + 8);
  }
  return {};
}

Status MessageReader::Step(ByteView field) {
  switch (stage_) {
    case Stage::kSequence: return TakeSequence(Get32(field));
    case Stage::kRegularIv:
      SR_CHECK(TakeNonce(field));
      SR_CHECK(CheckFrameSize(facts_.header.frame_length));
      Expect(Stage::kContent, std::size_t{facts_.header.frame_length} + kTagBytes);
      return {};
    case Stage::kFinalHead: return TakeFinalHead(field);
    case Stage::kSingleHead: return TakeSingleHead(field);
    case Stage::kContent: return TakeContent(field);
    case Stage::kFooterLength:
      if (Get16(field) == 0) return MakeError(ErrorCode::kSignatureInvalid, "The signature is empty.");
      Expect(Stage::kFooter, Get16(field));
      return {};
    case Stage::kFooter: return TakeSignature(field);
    case Stage::kHeader:
    case Stage::kEnd: break;
  }
  return {};
}

Status MessageReader::TakeSequence(std::uint32_t number) {
  if (number == kFinalMark) {
    kind_ = FrameKind::kFinal;
    Expect(Stage::kFinalHead, 4 + kIvBytes + 4);
    return {};
  }
  ++number_;
  if (number != number_) return Refused(ErrorCode::kMalformedBody, "frames are missing or out of order.");
  Expect(Stage::kRegularIv, kIvBytes);
  return {};
}

Status MessageReader::TakeNonce(ByteView field) {
  std::copy(field.begin(), field.end(), nonce_.begin());
  // Version 1 was once written with random ones. Taking no notice of the field would let anyone change it.
  if (facts_.header.suite_facts().version() == 1 || nonce_ == NonceFor(number_)) return {};
  return Refused(ErrorCode::kMalformedBody, "the IV is not the frame's number.");
}

Status MessageReader::CheckFrameSize(std::uint64_t size) const {
  if (size <= options_.max_frame_bytes) return {};
  return MakeError(ErrorCode::kLimitExceeded, fmt::format("Frame {} has {} bytes and at most {} are allowed.", number_,
                                                          size, options_.max_frame_bytes));
}

Status MessageReader::TakeFinalHead(ByteView field) {
  ++number_;
  if (Get32(field) != number_) return Refused(ErrorCode::kMalformedBody, "frames are missing or out of order.");
  const std::uint32_t size = Get32(field, 4 + kIvBytes);
  if (size > facts_.header.frame_length) {
    return Refused(ErrorCode::kMalformedBody, "the final frame is longer than the frame length.");
  }
  SR_CHECK(TakeNonce(field.subspan(4, kIvBytes)));
  SR_CHECK(CheckFrameSize(size));
  Expect(Stage::kContent, std::size_t{size} + kTagBytes);
  return {};
}

Status MessageReader::TakeSingleHead(ByteView field) {
  kind_ = FrameKind::kSingleBlock;
  number_ = 1;
  const std::uint64_t size = Get64(field, kIvBytes);
  if (size > kMostNonFramedBytes || size > options_.max_nonframed_bytes) {
    return MakeError(ErrorCode::kLimitExceeded,
                     fmt::format("The content has {} bytes in one block and at most {} are allowed.", size,
                                 std::min(kMostNonFramedBytes, options_.max_nonframed_bytes)));
  }
  SR_CHECK(TakeNonce(field.first(kIvBytes)));
  Expect(Stage::kContent, size + kTagBytes);
  return {};
}

Status MessageReader::TakeContent(ByteView sealed) {
  if (pool_) {
    SR_CHECK(SubmitFrame(sealed));
  } else {
    SR_CHECK(OpenHere(sealed));
  }
  if (kind_ != FrameKind::kRegular) return AfterContent();
  Expect(Stage::kSequence, 4);
  return {};
}

Status MessageReader::OpenHere(ByteView sealed) {
  // One block may be large: it is decrypted where it was gathered.
  const bool in_place = clear_gathered_ && kind_ == FrameKind::kSingleBlock;
  std::uint8_t* const out = in_place ? gathered_.data() : out_.Resize(sealed.size() - kTagBytes);
  SR_TRY(const bool authentic, cipher_->Open(kind_, number_, nonce_, sealed, out));
  if (!authentic) {
    (in_place ? gathered_ : out_).WipeAll();
    return Refused(ErrorCode::kBodyAuthenticationFailed, "the content was changed.");
  }
  const Status released = Released({out, sealed.size() - kTagBytes}, sealed.last(kTagBytes), kind_);
  if (kind_ != FrameKind::kRegular && signed_bytes_) {
    if (in_place) {
      gathered_.Resize(sealed.size() - kTagBytes);
      gathered_.Swap(held_back_);
    } else {
      out_.Swap(held_back_);
    }
  }
  return released;
}

Status MessageReader::SubmitFrame(ByteView sealed) {
  FrameJob& job = pool_->Next();
  job.kind = kind_;
  job.number = number_;
  job.nonce = nonce_;
  if (clear_gathered_) {
    job.in.Swap(gathered_);
  } else {
    job.in.Append(sealed, sealed.size());
  }
  pool_->Submit();
  if (pool_->Full()) SR_CHECK(ReleaseOldest());
  return {};
}

Status MessageReader::ReleaseOldest() {
  FrameJob& job = pool_->Oldest();
  std::optional<Error> error = job.error;
  if (!error) {
    const Status released = Released(job.out.view(), job.in.view().last(kTagBytes), job.kind);
    if (!released.ok()) error = released.error();
    if (job.kind == FrameKind::kFinal && signed_bytes_) job.out.Swap(held_back_);
  }
  pool_->Release();
  if (!error) return {};
  frame_failed_ = true;
  return *std::move(error);
}

Status MessageReader::ReleaseAll() {
  while (!pool_->Empty()) SR_CHECK(ReleaseOldest());
  return {};
}

Status MessageReader::Released(ByteView plaintext, ByteView tag, FrameKind kind) {
  tags_.Update(tag);
  ++facts_.frames;
  facts_.plaintext_bytes += plaintext.size();
  // Whoever sees the last plaintext of a signed message shall be able to rely on the signature.
  if (kind != FrameKind::kRegular && signed_bytes_) return {};
  return plaintext.empty() ? Status() : sink_(plaintext);
}

Status MessageReader::AfterContent() {
  if (pool_) SR_CHECK(ReleaseAll());
  if (signed_bytes_) {
    Expect(Stage::kFooterLength, 2);
  } else {
    Expect(Stage::kEnd, 0);
  }
  return {};
}

Status MessageReader::TakeSignature(ByteView signature) {
  const SuiteCurve curve = facts_.header.suite_facts().curve;
  const Status verified =
      verification_key_->Verify(SchemeOf(curve), crypto::MessageForm::kDigest, signed_bytes_->Finish(), signature);
  if (!verified.ok()) {
    return MakeError(ErrorCode::kSignatureInvalid, "The signature does not verify: the message was changed.");
  }
  Expect(Stage::kEnd, 0);
  const WorkBuffer last = std::exchange(held_back_, WorkBuffer());
  return last.size() == 0 ? Status() : sink_(last.view());
}

std::string MessageReader::Where() const {
  switch (stage_) {
    case Stage::kHeader: return std::string(parser_.Where());
    case Stage::kSequence: return fmt::format("after {} frames, before the final one", number_);
    case Stage::kFooterLength:
    case Stage::kFooter: return "in the signature";
    default:
      return kind_ == FrameKind::kSingleBlock || facts_.header.content_type == ContentType::kNonFramed
                 ? std::string("in the content")
                 : fmt::format("in frame {}",
                               kind_ == FrameKind::kFinal && stage_ == Stage::kFinalHead ? number_ + 1 : number_);
  }
}

Result<MessageFacts> MessageReader::Finish() {
  if (failed_) return *failed_;
  if (stage_ != Stage::kEnd) {
    SR_CHECK(Keep(MakeError(ErrorCode::kTruncated, fmt::format("The message ends {}.", Where()))));
  }
  // Once, the digest is what the hash gives; it starts anew then.
  if (!tags_done_) facts_.tags_digest = tags_.Finish();
  tags_done_ = true;
  return facts_;
}

}  // namespace strongroom::encryption_sdk::internal
