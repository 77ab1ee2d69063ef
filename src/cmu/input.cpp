#include "cmu/input.h"

#include <histedit.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "terminal/terminal.h"

namespace strongroom::cmu {
namespace {

constexpr std::size_t kMaxLine = 16 * 1024;

Error InputEnded() { return Error(Errc::kCancelled, "The input has ended."); }

class PipeInput final : public Input {
 public:
  Result<SecretLine> Line(std::string_view prompt) override {
    std::fwrite(prompt.data(), 1, prompt.size(), stdout);
    std::fflush(stdout);
    SecretString text;
    bool too_long = false;
    char c = 0;
    // Byte by byte, so that nothing beyond the line is taken from whoever reads next (a password prompt).
    for (;;) {
      const ssize_t n = ::read(STDIN_FILENO, &c, 1);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0 && text.empty()) {
        std::fputc('\n', stdout);
        return InputEnded();
      }
      if (n <= 0 || c == '\n') break;
      // The rest of the line is read all the same: it is not the next command.
      too_long = too_long || text.size() == kMaxLine;
      if (!too_long) text.push_back(c);
    }
    std::fputc('\n', stdout);
    if (too_long) return Error(Errc::kLimitExceeded, "The line is over 16 KiB and is not run.");
    return SecretLine(std::string_view(text.data(), text.size()));
  }
  Result<SecretBuffer> Password(std::string_view prompt) override { return cli::Terminal::AskPassword(prompt); }
  bool interactive() const noexcept override { return false; }
};

class EditedInput final : public Input {
 public:
  EditedInput() : edit_(::el_init("cloudhsm_mgmt_util", stdin, stdout, stderr)), history_(::history_init()) {
    HistEvent event;
    ::history(history_, &event, H_SETSIZE, 500);
    ::el_set(edit_, EL_CLIENTDATA, this);
    ::el_set(edit_, EL_PROMPT, &EditedInput::Prompt);
    ::el_set(edit_, EL_EDITOR, "emacs");
    ::el_set(edit_, EL_SIGNAL, 1);
    ::el_set(edit_, EL_HIST, ::history, history_);
    ::el_source(edit_, nullptr);
  }
  ~EditedInput() override {
    ::history_end(history_);
    ::el_end(edit_);
  }
  EditedInput(const EditedInput&) = delete;
  EditedInput& operator=(const EditedInput&) = delete;

  Result<SecretLine> Line(std::string_view prompt) override {
    prompt_ = prompt;
    int count = 0;
    const char* text = ::el_gets(edit_, &count);
    if (text == nullptr || count <= 0) return InputEnded();
    SecretLine line{std::string_view(text, static_cast<std::size_t>(count))};
    // libedit keeps its buffer; a password in it is wiped here.
    secret::Wipe(const_cast<char*>(text), static_cast<std::size_t>(count));
    const std::string remembered = line.WithoutPassword();
    HistEvent event;
    if (!remembered.empty()) ::history(history_, &event, H_ENTER, remembered.c_str());
    return line;
  }
  Result<SecretBuffer> Password(std::string_view prompt) override { return cli::Terminal::AskPassword(prompt); }
  bool interactive() const noexcept override { return true; }

 private:
  static char* Prompt(EditLine* edit) {
    void* self = nullptr;
    ::el_get(edit, EL_CLIENTDATA, &self);
    return static_cast<EditedInput*>(self)->prompt_.data();
  }
  EditLine* edit_;
  History* history_;
  std::string prompt_;
};

}  // namespace

std::unique_ptr<Input> MakeStandardInput() {
  if (::isatty(STDIN_FILENO) != 0) return std::make_unique<EditedInput>();
  return std::make_unique<PipeInput>();
}

}  // namespace strongroom::cmu
