// SHA-256, of bytes at hand or piece by piece. Digests are lower-case hex.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace drydock {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::string_view bytes);
  // The digest; afterwards the object starts anew.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string sha256_hex(std::string_view bytes);
// Of a file's content. Throws Error if it cannot be read.
std::string sha256_of_file(const std::string& path);
// SHA-512 of a file's content in base64, as Subresource Integrity has it. Throws the same.
std::string sha512_base64_of_file(const std::string& path);

}  // namespace drydock
