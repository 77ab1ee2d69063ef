// Drives the client side of AWS from the end-to-end tests, one call per run: what it prints is what the call gave.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <thread>

#include "aws_client/directory_store.h"
#include "aws_client/kms_client.h"
#include "aws_client/s3_store.h"
#include "aws_client/sts.h"

namespace strongroom::aws_client {
namespace {

using Arguments = std::span<const std::string>;

Bytes StandardInput() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  return ToBytes(AsBytes(text));
}

Result<std::unique_ptr<ObjectStore>> Store(const Aws& aws, const std::string& where) {
  if (where.starts_with("s3://")) return OpenS3Store(aws, where);
  return OpenDirectoryStore(where, DirectoryUse::kMustExist);
}

Status WhoAmI(const Aws& aws, Arguments) {
  SR_TRY(const auto sts, StsClient::Create(*aws.config, aws.http, aws.credentials));
  SR_TRY(const auto identity, sts->GetCallerIdentity());
  fmt::print("{} {}\n", identity.account, identity.arn);
  return {};
}

Status KmsRound(const Aws& aws, Arguments arguments) {
  KmsClients clients(aws);
  SR_TRY(const auto kms, clients.ClientFor(arguments.size() > 1 ? arguments[1] : ""));
  const KmsClient::Context context{{"purpose", "probe"}, {"übung", "1"}};
  SR_TRY(const auto data_key, kms->GenerateDataKey(arguments[0], 32, context, {}));
  SR_TRY(const auto opened, kms->Decrypt(data_key.key_arn, data_key.ciphertext, context, {}));
  SR_TRY(const auto again, kms->Encrypt(arguments[0], opened.plaintext, context, {}));
  SR_TRY(const auto reopened, kms->Decrypt(again.key_arn, again.ciphertext, context, {}));
  const bool same = data_key.plaintext.EqualsInConstantTime(opened.plaintext) &&
                    opened.plaintext.EqualsInConstantTime(reopened.plaintext);
  fmt::print("{} {}\n", data_key.key_arn, same ? "same" : "DIFFERENT");
  const auto foreign = kms->Decrypt(data_key.key_arn, data_key.ciphertext, {{"purpose", "another"}}, {});
  fmt::print("wrong context: {}\n", foreign.ok() ? "opened" : std::string(Name(foreign.error().code())));
  SR_TRY(const auto description, kms->DescribeKey(arguments[0], {}));
  fmt::print("{} {} {} {}\n", description.arn, description.state, description.spec, description.origin);
  return {};
}

Status Permissions(const Aws& aws, Arguments arguments) {
  KmsClients clients(aws);
  SR_TRY(const auto kms, clients.ClientFor(""));
  for (const auto& [action, allowed] : kms->CheckPermissions(arguments[0], {}, {})) {
    fmt::print("{} {}\n", action, allowed.ok() ? "allowed" : allowed.error().public_message());
  }
  return {};
}

Status Put(const Aws& aws, Arguments arguments, PutIf put_if) {
  SR_TRY(const auto store, Store(aws, arguments[0]));
  SR_TRY(const auto info, store->Put(arguments[1], StandardInput(), put_if));
  fmt::print("{} {}\n", info.size, info.etag);
  return {};
}

Status Send(const Aws& aws, Arguments arguments) {
  SR_TRY(const auto store, Store(aws, arguments[0]));
  const Bytes all = StandardInput();
  constexpr std::size_t kPart = kSmallestPartBytes;
  SR_TRY(const auto upload, store->StartUpload(arguments[1], kPart));
  std::vector<Status> sent((all.size() + kPart - 1) / kPart);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      threads.emplace_back([&, i] {
        const ByteView part = ByteView(all).subspan(i * kPart);
        sent[i] = upload->Part(static_cast<std::uint32_t>(i + 1), part.first(std::min(kPart, part.size())));
      });
    }
  }
  for (const Status& one : sent) SR_CHECK(one);
  SR_TRY(const auto info, upload->Complete(PutIf::kAbsent));
  fmt::print("{} {}\n", info.size, info.etag);
  return {};
}

Status Leave(const Aws& aws, Arguments arguments) {
  SR_TRY(const auto store, Store(aws, arguments[0]));
  SR_TRY(const auto upload, store->StartUpload(arguments[1], kSmallestPartBytes));
  return upload->Part(1, StandardInput());
}

Status Get(const Aws& aws, Arguments arguments) {
  SR_TRY(const auto store, Store(aws, arguments[0]));
  std::optional<ByteRange> range;
  if (arguments.size() == 4) range = ByteRange{std::stoull(arguments[2]), std::stoull(arguments[3])};
  SR_CHECK(store->Get(arguments[1], range, [](ByteView bytes) -> Status {
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size()) return {};
    return Error(Errc::kInternal, "Standard output does not take it.");
  }));
  return {};
}

Status List(const Aws& aws, Arguments arguments) {
  SR_TRY(const auto store, Store(aws, arguments[0]));
  SR_CHECK(store->Check());
  std::string after;
  for (bool more = true; more;) {
    SR_TRY(const auto page, store->List(arguments[1], after, 2));
    for (const auto& object : page.objects) fmt::print("{} {}\n", object.size, object.name);
    more = page.more;
    if (more) after = page.objects.back().name;
  }
  return {};
}

Status Delete(const Aws& aws, Arguments arguments) {
  SR_TRY(const auto store, Store(aws, arguments[0]));
  return store->Delete(std::vector<std::string>(arguments.begin() + 1, arguments.end()));
}

Status Drop(const Aws& aws, Arguments arguments) {
  SR_TRY(const auto store, Store(aws, arguments[0]));
  SR_TRY(const auto dropped, store->DropUnfinishedUploads(arguments[1], std::chrono::seconds(0)));
  fmt::print("{}\n", dropped);
  return {};
}

int Main(std::vector<std::string> words) {
  struct Command {
    std::size_t least;
    std::function<Status(const Aws&, Arguments)> run;
  };
  const std::map<std::string, Command> commands{
      {"whoami", {0, WhoAmI}},
      {"kms", {1, KmsRound}},
      {"permissions", {1, Permissions}},
      {"put", {2, [](const Aws& aws, Arguments a) { return Put(aws, a, PutIf::kAny); }}},
      {"put-absent", {2, [](const Aws& aws, Arguments a) { return Put(aws, a, PutIf::kAbsent); }}},
      {"send", {2, Send}},
      {"leave", {2, Leave}},
      {"get", {2, Get}},
      {"list", {2, List}},
      {"delete", {2, Delete}},
      {"drop", {2, Drop}},
  };
  const auto command = words.empty() ? commands.end() : commands.find(words[0]);
  if (command == commands.end() || words.size() - 1 < command->second.least) {
    fmt::print(stderr, "usage: strongroom-aws-client-probe COMMAND ...\n");
    return 2;
  }
  const auto aws = OpenAws({});
  const Status done = aws.ok() ? command->second.run(*aws, Arguments(words).subspan(1)) : Status(aws.error());
  if (done.ok()) return 0;
  fmt::print(stderr, "{}: {}\n", Name(done.error().code()), done.error().public_message());
  return 1;
}

}  // namespace
}  // namespace strongroom::aws_client

int main(int argc, char** argv) {
  return strongroom::aws_client::Main(std::vector<std::string>(argv + 1, argv + argc));
}
