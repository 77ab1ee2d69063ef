#include "archive/packer.h"

#include <cstring>

#include "crypto/random.h"
#include "encryption_sdk/materials.h"

namespace strongroom::archive {

struct Packer::Object {
  std::uint64_t index = 0;
  std::string name, full_name;
  std::uint32_t parts = 0;  // handed to the workers
  std::mutex mutex;         // what is below
  std::unique_ptr<aws_client::Upload> upload;
  std::uint32_t done = 0, total = 0;  // total: with `facts`
  std::optional<ObjectFacts> facts;   // from when the message has ended
};

Result<std::string> NewObjectName() {
  std::array<std::uint8_t, 16> name{};
  SR_CHECK(crypto::Random(name));
  return Hex(name);
}

Packer::Packer(aws_client::ObjectStore& store, std::string prefix, encryption_sdk::Cmm& cmm,
               encryption_sdk::EncryptionContext context, const PackOptions& options, Journal* journal)
    : store_(store),
      prefix_(std::move(prefix)),
      cmm_(cmm),
      context_(std::move(context)),
      options_(options),
      journal_(journal) {
  for (unsigned i = 0; i < options_.uploads; ++i)
    workers_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
}

Packer::~Packer() {
  {
    const std::lock_guard lock(mutex_);
    if (!failed_) failed_.emplace(Errc::kCancelled, "The transfer was given up.");
  }
  for (auto& worker : workers_) worker.request_stop();
  workers_.clear();
  if (current_ && current_->upload) (void)current_->upload->Abort().ok();
}

Status Packer::Failure() {
  const std::lock_guard lock(mutex_);
  if (failed_) return *failed_;
  return {};
}

Result<std::uint64_t> Packer::Reuse(const ObjectFacts& facts) {
  SR_TRY(const Bytes name, FromHex(facts.name));
  SR_TRY(const auto known, reused_.Find(name));
  std::uint64_t number = objects_.size();
  if (known && known->size() == sizeof number) {
    std::memcpy(&number, known->data(), sizeof number);
    return number;
  }
  SR_CHECK(objects_.Append(facts));
  SR_CHECK(reused_.Put(name, {reinterpret_cast<const std::uint8_t*>(&number), sizeof number}));
  return number;
}

Result<bool> Packer::IsReused(const ObjectFacts& facts) const {
  SR_TRY(const Bytes name, FromHex(facts.name));
  SR_TRY(const auto known, reused_.Find(name));
  return known.has_value();
}

Result<std::string> Packer::NameOf(std::uint64_t object) const {
  SR_TRY(ObjectFacts facts, objects_.At(object));
  return std::move(facts.name);
}

Status Packer::BeginObject() {
  SR_CHECK(Failure());
  current_ = std::make_shared<Object>();
  current_->index = objects_.size();
  SR_TRY(current_->name, NewObjectName());
  current_->full_name = prefix_ + current_->name;
  SR_CHECK(objects_.Append({.name = current_->name}));
  if (journal_ != nullptr) SR_CHECK(journal_->Started(current_->name));
  encryption_sdk::EncryptOptions options;
  options.suite = options_.sign ? encryption_sdk::SuiteId::k256CommitP384 : encryption_sdk::SuiteId::k256Commit;
  options.plaintext_bound = options_.object_bytes;
  options.threads = options_.encrypt_threads;
  SR_TRY(auto encryptor, encryption_sdk::Encryptor::Start(cmm_, context_, options,
                                                          [this](ByteView message) { return Collect(message); }));
  encryptor_.emplace(std::move(encryptor));
  filled_ = 0;
  room_ = options_.object_bytes;
  return {};
}

Status Packer::Append(ByteView bytes, const std::function<Status(const Placed&)>& placed) {
  while (!bytes.empty()) {
    if (!encryptor_) SR_CHECK(BeginObject());
    const ByteView now = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), room_)));
    SR_CHECK(encryptor_->Write(now));
    SR_CHECK(placed({.object = current_->index, .object_offset = filled_, .length = now.size()}));
    filled_ += now.size();
    room_ -= now.size();
    bytes = bytes.subspan(now.size());
    if (room_ == 0) SR_CHECK(EndObject());
  }
  return {};
}

Status Packer::Collect(ByteView message) {
  while (!message.empty()) {
    // A full part goes only when more follows: the last one may have any size.
    if (part_.size() == kPartBytes) SR_CHECK(Send(std::exchange(part_, {}), false));
    if (part_.capacity() == 0) {
      std::unique_lock lock(mutex_);
      space_.wait(lock, [&] { return parts_ < options_.uploads + 2 || failed_; });
      if (failed_) return *failed_;
      ++parts_;
      if (!spare_.empty()) {
        part_ = std::move(spare_.back());
        spare_.pop_back();
      } else {
        part_.reserve(kPartBytes);
      }
    }
    const std::size_t count = std::min(message.size(), kPartBytes - part_.size());
    strongroom::Append(part_, message.first(count));
    message = message.subspan(count);
  }
  return {};
}

Status Packer::Send(Bytes part, bool only) {
  const std::lock_guard lock(mutex_);
  if (failed_) return *failed_;
  jobs_.push_back({current_, ++current_->parts, std::move(part), only});
  ++pending_;
  work_.notify_one();
  return {};
}

Status Packer::EndObject() {
  SR_TRY(const encryption_sdk::MessageFacts facts, encryptor_->Finish());
  encryptor_.reset();
  ObjectFacts mine{.name = current_->name};
  if (facts.header.message_id.size() != 32 || facts.header.suite_data.size() != 32)
    return Error(Errc::kInternal, "A message without commitment was made.");
  std::copy_n(facts.header.message_id.begin(), 32, mine.message_id.begin());
  std::copy_n(facts.header.suite_data.begin(), 32, mine.commitment.begin());
  mine.tags_digest = facts.tags_digest;
  SR_TRY(mine.data_key, encryption_sdk::DigestOf(facts.header.encrypted_data_keys));
  mine.plaintext_bytes = facts.plaintext_bytes;
  mine.stored_bytes = facts.message_bytes;
  SR_CHECK(objects_.Set(current_->index, mine));
  {
    const std::lock_guard lock(current_->mutex);
    current_->facts = mine;
    current_->total = current_->parts + 1;
  }
  SR_CHECK(Send(std::exchange(part_, {}), current_->parts == 0));
  current_.reset();
  return {};
}

Status Packer::SendPart(Job& job) {
  Object& object = *job.object;
  if (job.only) {
    const auto put = store_.Put(object.full_name, job.bytes, aws_client::PutIf::kAny);
    if (!put.ok()) return put.error();
  } else {
    aws_client::Upload* upload = nullptr;
    {
      const std::lock_guard lock(object.mutex);
      if (!object.upload) {
        SR_TRY(object.upload, store_.StartUpload(object.full_name, kPartBytes));
      }
      upload = object.upload.get();
    }
    SR_CHECK(upload->Part(job.number, job.bytes));
  }
  std::optional<ObjectFacts> stored;
  {
    const std::lock_guard lock(object.mutex);
    ++object.done;
    if (object.facts && object.done == object.total) stored = object.facts;
  }
  if (!stored) return {};
  if (!job.only) {
    const auto completed = object.upload->Complete(aws_client::PutIf::kAny);
    if (!completed.ok()) return completed.error();
  }
  if (journal_ != nullptr) SR_CHECK(journal_->Stored(*stored));
  return {};
}

void Packer::Work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (work_.wait(lock, stop, [&] { return !jobs_.empty(); })) {
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    const bool given_up = failed_.has_value();
    lock.unlock();
    Status done;
    if (!given_up) done = SendPart(job);
    job.bytes.clear();
    lock.lock();
    if (!done.ok() && !failed_) failed_ = done.error();
    spare_.push_back(std::move(job.bytes));
    --parts_;
    --pending_;
    space_.notify_all();
  }
}

Status Packer::Finish() {
  if (encryptor_) SR_CHECK(EndObject());
  std::unique_lock lock(mutex_);
  space_.wait(lock, [&] { return pending_ == 0; });
  if (failed_) return *failed_;
  return {};
}

}  // namespace strongroom::archive
