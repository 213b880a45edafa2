#include <allpole/core.h>

#define APF_TEXT2(x) #x
#define APF_TEXT(x)  APF_TEXT2(x)

const char *apf_version(void)
{
  return APF_TEXT(APF_VERSION_MAJOR) "." APF_TEXT(APF_VERSION_MINOR) "." APF_TEXT(
      APF_VERSION_PATCH);
}

const char *apf_build_info(void)
{
  return "version=" APF_TEXT(APF_VERSION_MAJOR) "." APF_TEXT(APF_VERSION_MINOR) "." APF_TEXT(
      APF_VERSION_PATCH) " cuda=" APF_BUILD_CUDA " simd=" APF_BUILD_SIMD " audio=" APF_BUILD_AUDIO
#ifdef _OPENMP
                         " openmp=" APF_TEXT(_OPENMP)
#else
                         " openmp=no"
#endif
#ifdef __VERSION__
                             " compiler=" APF_BUILD_COMPILER
#endif
      ;
}
