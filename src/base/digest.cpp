#include "base/digest.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace drydock {
namespace {

void require(int result) {
  if (result != 1) throw Error(ErrorKind::internal, "cannot compute a digest: the library refused");
}

using Context = std::unique_ptr<EVP_MD_CTX, decltype([](EVP_MD_CTX* context) { EVP_MD_CTX_free(context); })>;

void for_each_piece(const std::string& path, const std::function<void(std::string_view)>& use) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw Error(ErrorKind::invalid, with_errno("cannot read file '" + path + "'", errno));
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(ErrorKind::invalid, with_errno("cannot read file '" + path + "'", errno));
    if (got == 0) return;
    use({buffer.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(context_ ? EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) : 0);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  return *this;
}

std::string Sha256::finish() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
  require(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += digits[digest[i] >> 4];
    hex += digits[digest[i] & 15];
  }
  return hex;
}

std::string sha256_hex(std::string_view bytes) { return Sha256().update(bytes).finish(); }

std::string sha256_of_file(const std::string& path) {
  Sha256 digest;
  for_each_piece(path, [&](std::string_view bytes) { digest.update(bytes); });
  return digest.finish();
}

std::string sha512_base64_of_file(const std::string& path) {
  const Context context(EVP_MD_CTX_new());
  require(context ? EVP_DigestInit_ex(context.get(), EVP_sha512(), nullptr) : 0);
  for_each_piece(path, [&](std::string_view bytes) {
    require(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()));
  });
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(context.get(), digest.data(), &size));
  // Four characters for three bytes, and a NUL.
  std::array<unsigned char, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1> text{};
  const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
  return {text.begin(), text.begin() + length};
}

}  // namespace drydock
