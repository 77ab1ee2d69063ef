#include <gtest/gtest.h>

#include <archive.hpp>

// Compiled as a program outside of this tree is: with the header and the library alone.

namespace strongroom::archive_api {
namespace {

Keys Aes(std::string_view name = "key", char fill = 'k') {
  Keys keys;
  keys.AddAes("tests", name, std::string(32, fill));
  return keys;
}

std::string CodeOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Failure& failure) {
    return failure.code().empty() ? std::string("other: ") + failure.what() : failure.code();
  }
  return {};
}

TEST(ArchiveApi, WhatIsEncryptedComesBack) {
  for (const bool sign : {false, true}) {
    for (const unsigned threads : {0u, 2u}) {
      const Client client(Aes(), {.sign = sign, .frame_length = 100, .threads = threads});
      const std::string message = client.Encrypt(std::string(1050, 'p'), {{"purpose", "test"}});
      const Decrypted read = client.Decrypt(message, {{"purpose", "test"}});
      EXPECT_EQ(read.plaintext, std::string(1050, 'p'));
      EXPECT_EQ(read.context, (Context{{"purpose", "test"}}));
    }
  }
}

TEST(ArchiveApi, StreamsOutliveTheirClient) {
  std::string message, plaintext;
  auto client = std::make_unique<Client>(Aes(), Settings{.frame_length = 16});
  Writer writer = client->StartEncrypting({{"a", "b"}}, [&](std::string_view piece) { message += piece; });
  Reader reader = client->StartDecrypting({}, [&](std::string_view piece) { plaintext += piece; });
  client.reset();
  for (int i = 0; i < 10; ++i) writer.Write("0123456789");
  const std::uint64_t written = writer.Finish();
  EXPECT_EQ(written, message.size());
  for (const char c : message) reader.Write({&c, 1});
  EXPECT_EQ(reader.Finish(), (Context{{"a", "b"}}));
  EXPECT_EQ(plaintext.size(), 100u);
}

TEST(ArchiveApi, FailuresHaveTheFormatsNames) {
  const Client client(Aes());
  std::string message = client.Encrypt("some plaintext", {{"a", "b"}});
  EXPECT_EQ(CodeOf([&] { client.Decrypt(message.substr(0, 100)); }), "Truncated");
  EXPECT_EQ(CodeOf([&] { client.Decrypt(message + "x"); }), "TrailingData");
  EXPECT_EQ(CodeOf([&] { client.Decrypt(message, {{"a", "c"}}); }), "ContextMismatch");
  EXPECT_NE(CodeOf([&] { client.Decrypt(message, {{"a", "b"}, {"more", "b"}}); }), "");
  EXPECT_EQ(CodeOf([&] { Client(Aes("other")).Decrypt(message); }), "NoDataKey");
  EXPECT_EQ(CodeOf([&] { Client(Aes("key", 'x')).Decrypt(message); }), "NoDataKey");
  EXPECT_EQ(CodeOf([&] { client.Encrypt("", {{"aws-crypto-x", ""}}); }), "ReservedContextKey");
  EXPECT_EQ(CodeOf([] { const Client none{Keys{}}; }), "InvalidArgument");
  EXPECT_EQ(CodeOf([] { Keys().AddAes("tests", "key", "short"); }), "InvalidArgument");
  EXPECT_EQ(CodeOf([] { Keys().AddKms("alias/name"); }), "InvalidArgument");
  message[message.size() - 20] ^= 1;
  EXPECT_EQ(CodeOf([&] { client.Decrypt(message); }), "BodyAuthenticationFailed");
}

TEST(ArchiveApi, AnyOfSeveralKeysOpens) {
  Keys both;
  both.AddAes("tests", "one", std::string(32, '1'));
  both.AddAes("tests", "two", std::string(16, '2'));
  const std::string message = Client(std::move(both)).Encrypt("some plaintext");
  Keys two;
  two.AddAes("tests", "two", std::string(16, '2'));
  EXPECT_EQ(Client(std::move(two)).Decrypt(message).plaintext, "some plaintext");
}

TEST(ArchiveApi, WhatASinkThrowsComesOut) {
  const Client client(Aes(), {.frame_length = 16});
  const auto full = [](std::string_view) { throw std::length_error("full"); };
  EXPECT_THROW(client.StartEncrypting({}, full), std::length_error);
  Reader reader = client.StartDecrypting({}, full);
  EXPECT_THROW(reader.Write(client.Encrypt(std::string(100, 'p'))), std::length_error);
}

TEST(ArchiveApi, ACachedDataKeyServesSeveralMessages) {
  const Client client(Aes(), {.cache_age = std::chrono::seconds(3600)});
  const std::string one = client.Encrypt("one"), two = client.Encrypt("two");
  // Version 2 without context: version, suite, message id, empty context; then the encrypted data keys.
  constexpr std::size_t kKeys = 1 + 2 + 32 + 2, kSize = 2 + 6 + 5 + 23 + 48;
  EXPECT_EQ(one.substr(kKeys, kSize), two.substr(kKeys, kSize));
  EXPECT_NE(one.substr(3, 32), two.substr(3, 32));
  EXPECT_EQ(client.Decrypt(two).plaintext, "two");
}

}  // namespace
}  // namespace strongroom::archive_api
