#pragma once

#include <optional>
#include <string>
#include <vector>

#include "archive/access.h"
#include "encryption_sdk/given_keyring.h"

namespace strongroom::archive {

/// A snapshot's `keys`: its data keys under other wrapping keys than those of its messages' headers, one message (0578)
/// of records of 64 bytes: SHA-256 of the header's list of encrypted data keys, and the data key. A header is never
/// written anew, since its tag has the zero nonce under the message's own derived key.

/// `keyring` with the kept data keys before it, where the snapshot has `keys` and one of our wrapping keys opens them.
/// `unopened` gets why they do not open: the headers' own keys may still do, and if not, this is what the caller hears.
Result<encryption_sdk::KeyringPtr> WithKeptDataKeys(const Access& access, const std::string& snapshot,
                                                    encryption_sdk::KeyringPtr keyring,
                                                    std::optional<Error>* unopened = nullptr);
/// Errors: kNotFound without `keys`.
Result<encryption_sdk::GivenDataKeys> ReadDataKeys(const Access& access, const std::string& snapshot,
                                                   const encryption_sdk::KeyringPtr& keyring);
/// Replaces the snapshot's `keys`, which may be all that opens it: not before `checking`, unless it is null, has opened
/// the new ones.
Status WriteDataKeys(const Access& access, const std::string& snapshot, const encryption_sdk::GivenDataKeys& keys,
                     const encryption_sdk::KeyringPtr& wrapping, encryption_sdk::EncryptionContext context,
                     const encryption_sdk::KeyringPtr& checking = nullptr);

}  // namespace strongroom::archive
