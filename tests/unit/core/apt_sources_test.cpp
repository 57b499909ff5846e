#include "core/apt_sources.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Distribution bookworm{"debian", "bookworm"};

std::vector<std::string> uris(const std::vector<AptSource>& sources) {
  std::vector<std::string> all;
  for (const AptSource& source : sources) all.insert(all.end(), source.uris.begin(), source.uris.end());
  return all;
}

TEST(OsRelease, ReadsIdAndCodename) {
  const Distribution plain =
      parse_os_release("NAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=bookworm\nID=debian\n");
  EXPECT_EQ(plain.id, "debian");
  EXPECT_EQ(plain.codename, "bookworm");
  const Distribution quotes = parse_os_release("ID='ubuntu'\nID_LIKE=debian\nVERSION_CODENAME=\"noble\"\n");
  EXPECT_EQ(quotes.id, "ubuntu");
  EXPECT_EQ(quotes.codename, "noble");
}

TEST(AptList, ReadsLines) {
  const std::vector<AptSource> sources = parse_apt_list(
      "# a comment\n"
      "deb http://deb.example/debian bookworm main contrib # trailing\n"
      "deb-src http://deb.example/debian bookworm main\n"
      "#deb http://off.example/debian bookworm main\n"
      "deb [ arch=amd64,arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ]\thttp://two.example "
      "bookworm main\n"
      "deb cdrom:[Debian GNU/Linux 12 _Bookworm_]/ bookworm main\n"
      "deb [broken http://three.example bookworm main\n"
      "deb http://short.example\n");
  ASSERT_EQ(sources.size(), 2U);
  EXPECT_THAT(sources[0].uris, ElementsAre("http://deb.example/debian"));
  EXPECT_THAT(sources[0].suites, ElementsAre("bookworm"));
  EXPECT_THAT(sources[0].components, ElementsAre("main", "contrib"));
  EXPECT_THAT(sources[0].options, IsEmpty());
  EXPECT_THAT(sources[1].uris, ElementsAre("http://two.example"));
  EXPECT_EQ(sources[1].options.at("Architectures"), "amd64 arm64");
  EXPECT_EQ(sources[1].options.at("Signed-By"), "/usr/share/keyrings/debian-archive-keyring.gpg");
}

TEST(AptDeb822, ReadsStanzas) {
  const std::vector<AptSource> sources = parse_apt_deb822(
      "Types: deb deb-src\n"
      "# between the fields\n"
      "URIs: http://one.example/debian\n"
      " http://two.example/debian\n"
      "suites: bookworm bookworm-updates\n"
      "Components: main\n"
      "signed-by: /usr/share/keyrings/debian-archive-keyring.gpg\n"
      "X-Repolib-Name: ours\n"
      "\n"
      "Types: deb-src\nURIs: http://source.example\nSuites: bookworm\nComponents: main\n"
      "\n"
      "Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n"
      "\n\n"
      "Types: deb\nURIs: http://last.example\nSuites: bookworm-security\nComponents: main");
  ASSERT_EQ(sources.size(), 2U);
  EXPECT_THAT(sources[0].uris, ElementsAre("http://one.example/debian", "http://two.example/debian"));
  EXPECT_THAT(sources[0].suites, ElementsAre("bookworm", "bookworm-updates"));
  EXPECT_EQ(sources[0].options.size(), 1U);
  EXPECT_EQ(sources[0].options.at("Signed-By"), "/usr/share/keyrings/debian-archive-keyring.gpg");
  EXPECT_THAT(sources[1].suites, ElementsAre("bookworm-security"));
}

TEST(DistributionSources, KeepsTheDistributionsOwn) {
  const std::vector<AptSource> sources = parse_apt_list(
      "deb http://deb.example/debian bookworm main non-free-firmware\n"
      "deb http://deb.example/debian bookworm-updates main\n"
      "deb http://deb.example/security bookworm-security main\n"
      "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://signed.example bookworm main\n"
      "deb [trusted=yes] file:/srv/mirror bookworm main\n");
  EXPECT_EQ(distribution_sources(sources, bookworm), sources);
}

TEST(DistributionSources, LeavesOthersOut) {
  for (const char* line : {
           "deb [signed-by=/etc/apt/keyrings/docker.gpg] https://docker.example/linux/debian bookworm stable",
           "deb [signed-by=/usr/share/keyrings/vendor-archive-keyring.gpg] https://vendor.example bookworm "
           "main",
           "deb [signed-by=debian-archive-keyring.gpg] https://vendor.example bookworm main",
           "deb https://postgres.example/pub bookworm-pgdg main",
           "deb https://node.example/node_20.x nodistro main",
           "deb https://cloud.example/apt cloud-sdk-bookworm main",
           "deb http://deb.example/debian bullseye main",
           "deb http://deb.example/debian bookworm-backports main",
           "deb http://deb.example/debian sid main",
           "deb http://flat.example/ ./",
       }) {
    const std::vector<AptSource> sources = parse_apt_list(line);
    ASSERT_EQ(sources.size(), 1U) << line;
    EXPECT_THAT(distribution_sources(sources, bookworm), IsEmpty()) << line;
  }
  const std::vector<AptSource> inline_key = parse_apt_deb822(
      "Types: deb\nURIs: https://vendor.example\nSuites: bookworm\nComponents: main\nSigned-By:\n"
      " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n");
  ASSERT_EQ(inline_key.size(), 1U);
  EXPECT_THAT(distribution_sources(inline_key, bookworm), IsEmpty());
}

TEST(DistributionSources, KeepsThePartOfAStanzaThatFits) {
  const std::vector<AptSource> own =
      distribution_sources(parse_apt_deb822("Types: deb\nURIs: http://deb.example\nSuites: bookworm "
                                            "bookworm-backports sid\nComponents: main\n"),
                           bookworm);
  ASSERT_EQ(own.size(), 1U);
  EXPECT_THAT(own[0].suites, ElementsAre("bookworm"));
}

// A company's mirror is signed with the company's key, or with none that apt asks for.
constexpr const char* mirrors_of_others =
    "deb [signed-by=/etc/apt/keyrings/acme.gpg] https://acme.example/debian bookworm main\n"
    "deb [signed-by=0123456789ABCDEF0123456789ABCDEF01234567] https://print.example bookworm-security main\n"
    "deb [arch=amd64] https://any.example/debian bookworm main contrib\n";

TEST(ReleaseSources, AreThoseOfTheReleaseWhateverKeySignsThem) {
  const std::vector<AptSource> mirrors = parse_apt_list(mirrors_of_others);
  EXPECT_EQ(release_sources(mirrors, bookworm), mirrors);
  const std::vector<AptSource> others = parse_apt_list(
      "deb [signed-by=/etc/apt/keyrings/docker.gpg] https://docker.example/linux/debian bookworm stable\n"
      "deb https://postgres.example/pub bookworm-pgdg main\n"
      "deb https://node.example/node_20.x nodistro main\n"
      "deb https://deb.example/debian bullseye main\n"
      "deb https://flat.example/ ./\n");
  ASSERT_EQ(others.size(), 5U);
  EXPECT_THAT(release_sources(others, bookworm), IsEmpty());
  // What a base is made of stays with the distribution's own keys.
  EXPECT_THAT(uris(distribution_sources(mirrors, bookworm)), ElementsAre("https://any.example/debian"));
}

TEST(ReleaseSources, SayWhatSignsThem) {
  const std::vector<AptSource> mirrors = parse_apt_list(mirrors_of_others);
  EXPECT_EQ(signer_of(mirrors[0]), "acme.gpg");
  EXPECT_EQ(signer_of(mirrors[1]), "0123456789ABCDEF0123456789ABCDEF01234567");
  EXPECT_EQ(signer_of(mirrors[2]), "");
  const std::vector<AptSource> inline_key = parse_apt_deb822(
      "Types: deb\nURIs: https://acme.example\nSuites: bookworm\nComponents: main\nSigned-By:\n"
      " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n"
      "Architectures: amd64\n");
  ASSERT_EQ(release_sources(inline_key, bookworm).size(), 1U);
  EXPECT_EQ(signer_of(inline_key[0]), "a key in the source itself");
  EXPECT_EQ(inline_key[0].options.at("Architectures"), "amd64");
}

TEST(MirrorList, IsReadInTheOrderOfItsPriorities) {
  EXPECT_THAT(parse_mirror_list("# of ours\n"
                                "https://third.example/debian\n"
                                "https://second.example/debian\tpriority:2 type:deb # near\n\n"
                                "https://first.example/debian\tpriority:1\n"
                                "https://fourth.example/debian\n"),
              ElementsAre("https://first.example/debian", "https://second.example/debian",
                          "https://third.example/debian", "https://fourth.example/debian"));
}

// As in Debian's images for clouds.
TEST(MirrorList, ThatIsAFileIsPutInTheSourcesPlace) {
  const TempDir etc;
  std::ofstream(etc.path() + "/list") << "https://b.example\nhttps://a.example priority:1\n";
  std::ofstream(etc.path() + "/empty") << "\n";
  std::vector<AptSource> sources = parse_apt_list(
      "deb mirror+file://" + etc.path() + "/list bookworm main\ndeb mirror+file:" + etc.path() +
      "/empty bookworm main\ndeb https://plain.example bookworm main\n");
  const std::string empty = "mirror+file:" + etc.path() + "/empty";
  EXPECT_THAT(uris(with_mirrors(sources, Mirrors::all)),
              ElementsAre("https://a.example", "https://b.example", empty, "https://plain.example"));
  EXPECT_THAT(uris(with_mirrors(sources, Mirrors::preferred)),
              ElementsAre("https://a.example", empty, "https://plain.example"));
  EXPECT_EQ(with_mirrors(sources, Mirrors::all)[0].suites, sources[0].suites);
}

TEST(RenderAptSources, IsReadBackTheSame) {
  const std::vector<AptSource> sources = parse_apt_list(
      "deb http://one.example/debian bookworm main\n"
      "deb [arch=amd64 trusted=yes check-valid-until=no] http://two.example bookworm-security main "
      "contrib\n");
  ASSERT_EQ(sources.size(), 2U);
  EXPECT_EQ(parse_apt_deb822(render_apt_sources(sources)), sources);
  EXPECT_EQ(render_apt_sources({}), "");
}

TEST(PublicSources, HoldNoSecretAndNoLocalPath) {
  const std::vector<AptSource> sources = parse_apt_list(
      "deb https://user:p@ss@mirror.example:8443/debian bookworm main\n"
      "deb http://plain.example/a@b bookworm main\n"
      "deb file:/srv/mirror bookworm main\n"
      "deb copy:/srv/mirror bookworm main\n");
  EXPECT_THAT(uris(public_sources(sources)),
              ElementsAre("https://mirror.example:8443/debian", "http://plain.example/a@b"));
}

TEST(ReadAptSources, ReadsAsAptDoes) {
  const TempDir etc;
  std::filesystem::create_directory(etc.path() + "/sources.list.d");
  std::ofstream(etc.path() + "/sources.list") << "deb http://one.example bookworm main\n";
  std::ofstream(etc.path() + "/sources.list.d/b.list") << "deb http://three.example bookworm main\n";
  std::ofstream(etc.path() + "/sources.list.d/a.sources")
      << "Types: deb\nURIs: http://two.example\nSuites: bookworm\nComponents: main\n";
  std::ofstream(etc.path() + "/sources.list.d/a name.list") << "deb http://off.example bookworm main\n";
  std::ofstream(etc.path() + "/sources.list.d/c.list.disabled") << "deb http://off.example bookworm main\n";
  EXPECT_THAT(uris(read_apt_sources(etc.path())),
              ElementsAre("http://one.example", "http://two.example", "http://three.example"));
  EXPECT_THAT(read_apt_sources("/nonexistent"), IsEmpty());
}

}  // namespace
}  // namespace drydock::core
