/** The library that runs is the one that the headers describe. */
#include <allpole/allpole.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
  char wanted[32];
  snprintf(wanted, sizeof wanted, "%d.%d.%d", APF_VERSION_MAJOR, APF_VERSION_MINOR,
           APF_VERSION_PATCH);
  if (strcmp(wanted, apf_version()) == 0) return 0;
  fprintf(stderr, "the headers are of %s, the library says %s\n", wanted, apf_version());
  return 1;
}
