#include "control/link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <unordered_map>

#include "base/log.h"
#include "control/stream.h"
#include "wire/frame.h"
#include "wire/status.h"

namespace strongroom::control {
namespace net = boost::asio;
namespace {

constexpr std::size_t kSmallRoom = 16 * 1024;
constexpr std::size_t kLengthBytes = 4;
constexpr auto kToken = net::as_tuple(net::use_awaitable_t<LoopExecutor>{});

using Timer =
    net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

// A question that waits. The timer is its deadline and, cancelled, its wake-up.
struct Waiting {
  explicit Waiting(Loop& loop) : timer(loop) {}
  Timer timer;
  std::optional<Result<proto::Control>> outcome;
};

proto::Control ErrorAnswer(std::uint64_t id, const std::string& hsm_id, const Error& error) {
  proto::Control answer;
  answer.set_id(id);
  answer.set_answer(true);
  answer.set_hsm_id(hsm_id);
  answer.set_status(wire::StatusOf(error.code()));
  answer.set_error(error.public_message());
  return answer;
}

}  // namespace

bool IsNotice(const proto::Control& message) noexcept {
  return message.body_case() == proto::Control::kLogNotice || message.body_case() == proto::Control::kStatusChanged;
}

Result<proto::Control> ToResult(proto::Control answer) {
  if (answer.status() == 0) return answer;
  const std::uint16_t status = answer.status() > 0xffff ? 0xffff : static_cast<std::uint16_t>(answer.status());
  return Error(wire::ErrcOf(status), std::move(*answer.mutable_error()));
}

struct Link::State {
  State(Loop& l, std::unique_ptr<LinkStream> s, LinkOptions o) : loop(l), stream(std::move(s)), options(o) {}
  Loop& loop;
  std::unique_ptr<LinkStream> stream;
  const LinkOptions options;
  std::shared_ptr<const Handler> handler;
  NoticeHandler on_notice;
  ClosedHandler on_closed;
  std::unordered_map<std::uint64_t, std::shared_ptr<Waiting>> asked;
  std::uint64_t next_id = 1;
  std::size_t asking = 0;     // questions of the peer's in work
  Bytes unwritten;            // frames that the writer has not taken yet
  std::size_t in_flight = 0;  // bytes that the writer has taken
  bool writing = false;
  bool open = true;
};

Link::Link(Loop& loop, std::unique_ptr<LinkStream> stream, LinkOptions options)
    : state_(std::make_unique<State>(loop, std::move(stream), options)) {}

Link::~Link() = default;

std::shared_ptr<Link> Link::Make(Loop& loop, std::unique_ptr<LinkStream> stream, LinkOptions options) {
  return std::shared_ptr<Link>(new Link(loop, std::move(stream), options));
}

Result<std::shared_ptr<Link>> Link::OverDescriptor(Loop& loop, int descriptor, LinkOptions options) {
  LocalSocket socket(loop);
  boost::system::error_code error;
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    ::close(descriptor);
    return Error(Errc::kInternal, "The control link's descriptor is no stream socket.");
  }
  socket.assign(net::local::stream_protocol(), descriptor, error);
  if (error) {
    ::close(descriptor);
    return Error(Errc::kInternal, "The control link's descriptor cannot be used.").WithDetail(error.message());
  }
  return Make(loop, MakeLinkStream(std::move(socket)), options);
}

bool Link::open() const noexcept { return state_->open; }

void Link::Start(Handler handler, NoticeHandler on_notice, ClosedHandler on_closed) {
  state_->handler = std::make_shared<const Handler>(std::move(handler));
  state_->on_notice = std::move(on_notice);
  state_->on_closed = std::move(on_closed);
  net::co_spawn(
      state_->loop.get_executor(), [self = shared_from_this()] { return self->ReadLoop(); },
      [self = shared_from_this()](std::exception_ptr thrown) {
        if (thrown) self->Close(Error(Errc::kInternal, "The control link failed."));
      });
}

Task<void> Link::ReadLoop() {
  // The buffer grows with what arrives, not with what a length field promises.
  Bytes buffer(kSmallRoom);
  std::size_t begin = 0, end = 0;
  while (state_->open) {
    if (end == buffer.size()) {
      if (begin > 0) {
        std::memmove(buffer.data(), buffer.data() + begin, end - begin);
        end -= begin;
        begin = 0;
      }
      if (end == buffer.size()) buffer.resize(std::min(buffer.size() * 2, wire::kMaxControlBytes + kLengthBytes));
    }
    auto read = co_await state_->stream->ReadSome({buffer.data() + end, buffer.size() - end});
    if (!read) co_return Close(read.error());
    end += *read;
    while (state_->open) {
      proto::Control message;
      auto used = wire::DecodeControl({buffer.data() + begin, end - begin}, message);
      if (!used) co_return Close(used.error());
      if (*used == 0) break;
      begin += *used;
      Take(std::move(message));
    }
    if (begin == end) {
      begin = end = 0;
      if (buffer.size() > kSmallRoom) Bytes(kSmallRoom).swap(buffer);
    }
  }
}

void Link::Take(proto::Control message) {
  if (message.answer()) {
    const auto found = state_->asked.find(message.id());
    if (found == state_->asked.end()) {
      // Answers that come after their deadline are dropped; an answer to what was never asked is no peer of ours.
      if (message.id() == 0 || message.id() >= state_->next_id)
        Close(Error(Errc::kSerialization, "The control link answered what was not asked."));
      return;
    }
    found->second->outcome = ToResult(std::move(message));
    found->second->timer.cancel();
    state_->asked.erase(found);
    return;
  }
  if (IsNotice(message)) {
    const auto on_notice = state_->on_notice;  // a copy: the callback may close the link
    if (on_notice) on_notice(std::move(message));
    return;
  }
  if (state_->asking >= state_->options.max_asking) {
    const Error busy(Errc::kThrottled, "Too many questions at once on the control link.");
    if (!Send(ErrorAnswer(message.id(), message.hsm_id(), busy)).ok()) Close(busy);
    return;
  }
  ++state_->asking;
  net::co_spawn(
      state_->loop.get_executor(),
      [self = shared_from_this(), question = std::move(message)]() mutable {
        return self->AnswerOne(std::move(question));
      },
      [self = shared_from_this()](std::exception_ptr) { --self->state_->asking; });
}

Task<void> Link::AnswerOne(proto::Control question) {
  const auto handler = state_->handler;
  const std::uint64_t id = question.id();
  const std::string hsm_id = question.hsm_id();
  Result<proto::Control> outcome = Error(Errc::kUnsupported, "This end of the control link answers no questions.");
  if (handler && *handler) {
    try {
      outcome = co_await (*handler)(std::move(question));
    } catch (const std::exception& thrown) {
      outcome = Error(Errc::kInternal, "The control question failed.").WithDetail(thrown.what());
      LogError("answering a control question", outcome.error());
    }
  }
  if (!state_->open) co_return;
  proto::Control answer;
  if (outcome.ok()) {
    answer = std::move(*outcome);
    answer.set_id(id);
    answer.set_answer(true);
    answer.set_hsm_id(hsm_id);
    answer.set_status(0);
  } else {
    answer = ErrorAnswer(id, hsm_id, outcome.error());
  }
  const Status sent = Send(answer);
  if (sent.ok() || !state_->open) co_return;
  // The asker must not wait for nothing; and who does not take even that is not reading.
  if (!Send(ErrorAnswer(id, hsm_id, sent.error())).ok()) Close(sent.error());
}

Task<Result<proto::Control>> Link::Ask(proto::Control question, std::chrono::milliseconds deadline) {
  const auto self = shared_from_this();
  if (!state_->open) co_return Error(Errc::kUnavailable, "The control link is down.").WithDetail("nothing was sent");
  if (IsNotice(question)) co_return Error(Errc::kInvalidArgument, "A notice has no answer.");
  if (state_->asked.size() >= state_->options.max_asked)
    co_return Error(Errc::kThrottled, "Too many questions at once on the control link.");
  const std::uint64_t id = state_->next_id++;
  question.set_id(id);
  question.set_answer(false);
  SR_CO_CHECK(Send(question));
  question.Clear();
  auto waiting = std::make_shared<Waiting>(state_->loop);
  waiting->timer.expires_after(deadline);
  state_->asked.emplace(id, waiting);
  co_await waiting->timer.async_wait(kToken);
  state_->asked.erase(id);
  if (!waiting->outcome)
    co_return Error(Errc::kTimeout, "The control link did not answer in time.").WithDetail("outcome unknown");
  co_return std::move(*waiting->outcome);
}

Status Link::Notify(proto::Control notice) {
  notice.set_id(0);
  notice.set_answer(false);
  return Send(notice);
}

Status Link::Send(const proto::Control& message) {
  if (!state_->open) return Error(Errc::kUnavailable, "The control link is down.").WithDetail("nothing was sent");
  const std::size_t size = message.ByteSizeLong();
  // A short answer always fits beside what is queued, so that a full queue can be told.
  const std::size_t allowance = message.answer() && size < 1024 ? std::size_t{1} << 20 : 0;
  if (state_->unwritten.size() + state_->in_flight + size > state_->options.max_unwritten_bytes + allowance)
    return Error(Errc::kThrottled, "The control link is full.");
  SR_CHECK(wire::EncodeControl(message, state_->unwritten));
  if (!state_->writing) {
    state_->writing = true;
    net::co_spawn(
        state_->loop.get_executor(), [self = shared_from_this()] { return self->WriteLoop(); },
        [self = shared_from_this()](std::exception_ptr thrown) {
          if (thrown) self->Close(Error(Errc::kInternal, "The control link failed."));
        });
  }
  return {};
}

Task<void> Link::WriteLoop() {
  Bytes batch;
  while (state_->open && !state_->unwritten.empty()) {
    batch.clear();
    batch.swap(state_->unwritten);
    state_->in_flight = batch.size();
    const auto written = co_await state_->stream->Write(batch);
    state_->in_flight = 0;
    if (batch.capacity() > kSmallRoom) Bytes().swap(batch);
    if (!written) {
      Close(written.error());
      break;
    }
  }
  state_->writing = false;
}

void Link::Close(const Error& why) {
  if (!state_->open) return;
  const auto self = shared_from_this();
  state_->open = false;
  state_->stream->Close();
  Bytes().swap(state_->unwritten);
  auto asked = std::exchange(state_->asked, {});
  for (auto& [id, waiting] : asked) {
    waiting->outcome =
        Error(Errc::kUnavailable, "The control link was lost.").WithDetail("outcome unknown; " + why.ForLog());
    waiting->timer.cancel();
  }
  state_->handler.reset();
  state_->on_notice = {};
  const auto on_closed = std::exchange(state_->on_closed, {});
  if (on_closed) on_closed(why);
}

}  // namespace strongroom::control
