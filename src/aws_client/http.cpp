#include "aws_client/http.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <optional>

#include "base/file.h"

namespace strongroom::aws_client {
namespace {

constexpr std::size_t kMostHeaders = 100;
constexpr std::size_t kMostHeaderBytes = std::size_t{64} << 10;

struct HandleCloser {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, HandleCloser>;

/// The request's headers as libcurl wants them; wiped, since a session token may be among them.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() {
    for (curl_slist* at = list_; at != nullptr; at = at->next) secret::Wipe(at->data, std::strlen(at->data));
    curl_slist_free_all(list_);
  }
  bool Add(std::string_view line) {
    SecretString text(line.begin(), line.end());
    text.push_back('\0');
    curl_slist* const longer = curl_slist_append(list_, text.data());
    if (longer == nullptr) return false;
    list_ = longer;
    return true;
  }
  Status Add(std::string_view name, std::string_view value) {
    constexpr std::string_view kForbidden("\r\n\0", 3);
    if (name.empty() || name.find_first_of(kForbidden) != std::string_view::npos ||
        value.find_first_of(kForbidden) != std::string_view::npos) {
      return Error(Errc::kInvalidArgument, fmt::format("The request's header {} holds a line break.", name));
    }
    SecretString line(name.begin(), name.end());
    // libcurl leaves out a header that has no value unless it is told so.
    constexpr std::string_view kWithout = ";", kWith = ": ";
    const std::string_view between = value.empty() ? kWithout : kWith;
    line.insert(line.end(), between.begin(), between.end());
    line.insert(line.end(), value.begin(), value.end());
    if (!Add(std::string_view(line.data(), line.size()))) return NoMemory();
    return {};
  }
  static Error NoMemory() { return Error(Errc::kResourceExhausted, "There is no memory for a request."); }
  curl_slist* get() const noexcept { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

/// One exchange, as libcurl's callbacks see it.
struct Exchange {
  CURL* handle;
  const HttpRequest& request;
  const std::stop_token& stop;
  HttpResponse response{};
  std::size_t header_bytes = 0;
  bool too_large = false;
  std::optional<Error> sink_failed{};

  void OnHeader(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {  // of a 100 before, or of the answer
      response.headers.clear();
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    response.headers.emplace_back(std::move(name), value);
  }
  static std::size_t Header(char* data, std::size_t, std::size_t size, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    exchange.header_bytes += size;
    exchange.too_large |= exchange.header_bytes > kMostHeaderBytes || exchange.response.headers.size() >= kMostHeaders;
    if (exchange.too_large) return 0;
    exchange.OnHeader({data, size});
    return size;
  }
  static std::size_t Body(char* data, std::size_t, std::size_t size, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    long status = 0;
    curl_easy_getinfo(exchange.handle, CURLINFO_RESPONSE_CODE, &status);
    const ByteView bytes = AsBytes({data, size});
    if (exchange.request.sink != nullptr && status / 100 == 2) {
      auto taken = (*exchange.request.sink)(bytes);
      if (!taken.ok()) {
        exchange.sink_failed = std::move(taken).error();
        return 0;
      }
      exchange.response.handed_on += size;
      return size;
    }
    if (size > exchange.request.largest_answer - exchange.response.body.size()) {
      exchange.too_large = true;
      return 0;
    }
    exchange.response.body.insert(exchange.response.body.end(), bytes.begin(), bytes.end());
    return size;
  }
  static int Progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Exchange*>(self)->stop.stop_requested() ? 1 : 0;
  }
};

std::string HostOf(std::string_view url) {
  const std::size_t start = url.find("://");
  return std::string(url.substr(0, start == std::string_view::npos ? start : url.find('/', start + 3)));
}

Error Failed(CURLcode code, const Exchange& exchange, const char* text) {
  const std::string host = HostOf(exchange.request.url);
  const std::string why = text[0] != '\0' ? text : curl_easy_strerror(code);
  if (exchange.sink_failed) return *exchange.sink_failed;
  if (exchange.too_large) {
    return Error(Errc::kCorrupted, fmt::format("The answer of {} is larger than it can be.", host));
  }
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK: return Error(Errc::kCancelled, "The request was cancelled.");
    case CURLE_OPERATION_TIMEDOUT:
      return Error(Errc::kTimeout, fmt::format("{} did not answer in time: {}.", host, why));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return Error(Errc::kUntrusted,
                   fmt::format("The certificate of {} is not trusted: {}. AWS_CA_BUNDLE names the file "
                               "of certificate authorities to trust.",
                               host, why));
    case CURLE_OUT_OF_MEMORY: return HeaderList::NoMemory();
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Error(Errc::kInvalidArgument, fmt::format("{} is no address: {}.", host, why));
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return Error(Errc::kCorrupted, fmt::format("{} does not speak HTTP: {}.", host, why));
    case CURLE_SSL_CONNECT_ERROR:
      // Plain HTTP read as a TLS record: OpenSSL's words for it, of its versions 3.0 and up.
      if (why.find("wrong version number") != std::string::npos ||
          why.find("packet length too long") != std::string::npos)
        return Error(Errc::kInvalidArgument,
                     fmt::format("{} does not speak TLS; does its address begin with http://? ({})", host, why));
      [[fallthrough]];
    default: return Error(Errc::kUnavailable, fmt::format("{} cannot be reached: {}.", host, why));
  }
}

}  // namespace

std::string_view HttpResponse::Header(std::string_view lower_case_name) const {
  const auto found = std::ranges::find(headers, lower_case_name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

struct HttpClient::Impl {
  HttpOptions options;
  std::mutex mutex;
  std::vector<Handle> idle;  // each keeps its connections

  Handle Take() {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        Handle handle = std::move(idle.back());
        idle.pop_back();
        return handle;
      }
    }
    return Handle(curl_easy_init());
  }
  void GiveBack(Handle handle) {
    curl_easy_reset(handle.get());  // connections stay
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(handle));
  }

  void SetUp(CURL* handle, const HttpRequest& request, Exchange& exchange, const HeaderList& headers,
             char* error) const {
    const auto set = [handle](CURLoption option, auto value) { curl_easy_setopt(handle, option, value); };
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options.ca_bundle.empty()) {
      set(CURLOPT_CAINFO, options.ca_bundle.c_str());
      set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    if (request.proxies == Proxies::kNone) set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_BUFFERSIZE, 256L << 10);
    set(CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall.count()));
    set(CURLOPT_ERRORBUFFER, error);
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_HEADERFUNCTION, &Exchange::Header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
    set(CURLOPT_WRITEFUNCTION, &Exchange::Body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
    set(CURLOPT_XFERINFOFUNCTION, &Exchange::Progress);
    set(CURLOPT_XFERINFODATA, static_cast<void*>(&exchange));
    set(CURLOPT_NOPROGRESS, 0L);
    if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.data()));
    }
  }
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;
const std::stop_token& HttpClient::stop() const noexcept { return impl_->options.stop; }

Result<std::unique_ptr<HttpClient>> HttpClient::Create(HttpOptions options) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) return Error(Errc::kInternal, "libcurl does not start.");
  if (!options.ca_bundle.empty() && ::access(options.ca_bundle.c_str(), R_OK) != 0) {
    return FileError("read the certificate authorities in", options.ca_bundle, errno);
  }
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

Result<HttpResponse> HttpClient::Send(const HttpRequest& request, HttpResponse* partial) {
  if (impl_->options.stop.stop_requested()) return Error(Errc::kCancelled, "The request was cancelled.");
  HeaderList headers;
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    SR_CHECK(headers.Add(name, value));
    typed |= name == "Content-Type" || name == "content-type";
  }
  // libcurl would add these by itself.
  bool added =
      headers.Add("Expect:") && headers.Add("Accept: */*") && headers.Add("User-Agent: strongroom/" STRONGROOM_VERSION);
  if (!typed) added = added && headers.Add("Content-Type:");
  Handle handle = impl_->Take();
  if (!added || !handle) return HeaderList::NoMemory();

  Exchange exchange{.handle = handle.get(), .request = request, .stop = impl_->options.stop};
  char error[CURL_ERROR_SIZE] = {};
  impl_->SetUp(handle.get(), request, exchange, headers, error);
  const std::string method(request.method);
  curl_easy_setopt(handle.get(), CURLOPT_CUSTOMREQUEST, request.method == "HEAD" ? nullptr : method.c_str());
  const CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  impl_->GiveBack(std::move(handle));
  exchange.response.status = static_cast<int>(status);
  if (code != CURLE_OK) {
    Error failed = Failed(code, exchange, error);
    if (partial != nullptr) *partial = std::move(exchange.response);
    return failed;
  }
  return std::move(exchange.response);
}

}  // namespace strongroom::aws_client
