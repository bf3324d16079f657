// A bundle that is changed and sealed again, so that the change is found by what reads it and not by its hash.
#pragma once

#include <string>

namespace test {

std::string read_file(const std::string &path);
void write_file(const std::string &path, const std::string &bytes);

// Puts the hash of a file of the bundle into its manifest, and the manifest's beside that.
void reseal(const std::string &folder, const std::string &file);
// The second half of it.
void reseal_manifest(const std::string &folder);

}  // namespace test
