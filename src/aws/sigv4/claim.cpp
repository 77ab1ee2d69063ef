#include "aws/sigv4/claim.h"

#include <charconv>

#include "aws/http/text.h"

namespace strongroom::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

template <typename Visit>
void Split(std::string_view text, char separator, Visit&& visit) {
  for (std::size_t at = 0;;) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    visit(text.substr(at, end - at));
    if (end == text.size()) return;
    at = end + 1;
  }
}

Error Incomplete(std::string text) { return Error(Errc::kIncompleteSignature, std::move(text)); }

Error NotAPair(std::string_view element, std::string_view header) {
  return Incomplete(fmt::format("'{}' not a valid key=value pair (missing equal-sign) in Authorization header: '{}'.",
                                element, header));
}

Status ReadHeaderForm(const HttpRequest& request, std::string_view header, SignatureClaim& claim) {
  const std::size_t space = header.find(' ');
  const std::string_view algorithm = header.substr(0, space);
  const std::string_view rest = space == std::string_view::npos ? std::string_view() : header.substr(space + 1);
  bool has_credential = false, has_signature = false, has_names = false;
  std::string_view broken;
  if (!Trimmed(rest).empty()) {
    Split(rest, ',', [&](std::string_view element) {
      element = Trimmed(element);
      const std::size_t equals = element.find('=');
      if (equals == std::string_view::npos) {
        if (broken.data() == nullptr) broken = element;
        return;
      }
      const std::string_view name = element.substr(0, equals), value = element.substr(equals + 1);
      if (name == "Credential") claim.credential = value, has_credential = !value.empty();
      if (name == "Signature") claim.signature = value, has_signature = !value.empty();
      if (name == "SignedHeaders") claim.signed_headers = value, has_names = !value.empty();
    });
  }
  if (algorithm != kAlgorithm) return NotAPair(broken.data() == nullptr ? algorithm : broken, header);
  if (broken.data() != nullptr) return NotAPair(broken, header);
  const HttpHeader* amz_date = request.Find("x-amz-date");
  if (amz_date == nullptr) amz_date = request.Find("date");
  std::string missing;
  if (!has_credential) missing += "Authorization header requires 'Credential' parameter. ";
  if (!has_signature) missing += "Authorization header requires 'Signature' parameter. ";
  if (!has_names) missing += "Authorization header requires 'SignedHeaders' parameter. ";
  if (amz_date == nullptr) {
    missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
  }
  if (!missing.empty()) return Incomplete(missing + "Authorization=" + std::string(header));
  claim.date_text = amz_date->value;
  if (const HttpHeader* token = request.Find("x-amz-security-token")) {
    claim.has_token = true;
    claim.security_token = token->value;
  }
  return {};
}

Status ReadQueryForm(const HttpRequest& request, SignatureClaim& claim) {
  claim.presigned = true;
  std::string missing;
  claim.decoded = std::make_unique<std::array<std::string, 7>>();
  auto kept = claim.decoded->begin();
  const auto take = [&](std::string_view name, std::string_view& to) {
    auto value = QueryParameter(request.query(), name);
    if (!value || value->empty()) missing += fmt::format("AWS query-string parameters must include '{}'. ", name);
    if (value) to = *kept++ = std::move(*value);
  };
  std::string_view algorithm, expires;
  take("X-Amz-Algorithm", algorithm);
  take("X-Amz-Credential", claim.credential);
  take("X-Amz-Signature", claim.signature);
  take("X-Amz-SignedHeaders", claim.signed_headers);
  take("X-Amz-Date", claim.date_text);
  take("X-Amz-Expires", expires);
  if (missing.empty() && algorithm != kAlgorithm) missing = "X-Amz-Algorithm must be 'AWS4-HMAC-SHA256'. ";
  if (missing.empty()) {
    const auto end = expires.data() + expires.size();
    const auto read = std::from_chars(expires.data(), end, claim.expires_seconds);
    if (read.ec != std::errc() || read.ptr != end || claim.expires_seconds < 1 || claim.expires_seconds > 604'800) {
      missing = "X-Amz-Expires must be a number of seconds from 1 to 604800. ";
    }
  }
  if (!missing.empty()) {
    missing.pop_back();
    return Incomplete(std::move(missing));
  }
  if (auto token = QueryParameter(request.query(), "X-Amz-Security-Token")) {
    claim.has_token = true;
    claim.security_token = *kept++ = std::move(*token);
  }
  return {};
}

}  // namespace

Result<ports::WallTime> ReadClaim(const HttpRequest& request, Presigned presigned, SignatureClaim& claim) {
  if (const HttpHeader* header = request.Find("authorization")) {
    SR_CHECK(ReadHeaderForm(request, header->value, claim));
  } else {
    const bool in_query = request.query().find("X-Amz-") != std::string_view::npos &&
                          QueryParameter(request.query(), "X-Amz-Signature").has_value();
    if (!in_query) return Error(Errc::kMissingAuthentication, "Missing Authentication Token");
    if (presigned == Presigned::kRefused) {
      return Incomplete("This service takes no presigned requests; send an Authorization header.");
    }
    SR_CHECK(ReadQueryForm(request, claim));
  }
  std::array<std::string_view, 5> parts{};
  std::size_t count = 0;
  Split(claim.credential, '/', [&](std::string_view part) {
    if (count < parts.size()) parts[count] = part;
    ++count;
  });
  if (count != parts.size()) {
    return Incomplete(fmt::format(
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got: '{}'",
        claim.credential));
  }
  claim.key_id = parts[0];
  claim.date = parts[1];
  claim.region = parts[2];
  claim.service = parts[3];
  claim.terminator = parts[4];
  const auto time = ParseBasicTime(claim.date_text);
  if (!time) {
    return Incomplete(
        fmt::format("Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
                    claim.date_text));
  }
  Split(claim.signed_headers, ';', [&](std::string_view name) { claim.signed_names.push_back(name); });
  return *time;
}

std::string ScopeService(const HttpRequest& request) {
  std::string credential;
  if (const HttpHeader* header = request.Find("authorization")) {
    const std::size_t at = header->value.find("Credential=");
    if (at != std::string_view::npos) {
      const std::string_view rest = header->value.substr(at + 11);
      credential = rest.substr(0, std::min(rest.find(','), rest.size()));
    }
  } else if (auto parameter = QueryParameter(request.query(), "X-Amz-Credential")) {
    credential = std::move(*parameter);
  }
  std::size_t index = 0;
  std::string service;
  Split(credential, '/', [&](std::string_view part) {
    if (index++ == 3) service = part;
  });
  return service;
}

}  // namespace strongroom::aws
