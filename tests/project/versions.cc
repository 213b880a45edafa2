/** The library that runs is the one that the headers describe. */
#include <allpole/allpole.h>

#include <iostream>
#include <string>

int main()
{
  const std::string wanted = std::to_string(APF_VERSION_MAJOR) + "." +
                             std::to_string(APF_VERSION_MINOR) + "." +
                             std::to_string(APF_VERSION_PATCH);
  if (wanted == apf_version()) return 0;
  std::cerr << "the headers are of " << wanted << ", the library says " << apf_version() << "\n";
  return 1;
}
