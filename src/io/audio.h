/** What the parts of the audio module share. */
#ifndef APF_IO_AUDIO_H
#define APF_IO_AUDIO_H

#include <allpole/audio.h>

/** Refuses NaN and infinity; the message names `path`, channel (from 1) and time of the earliest,
 *  where the samples begin `offset` samples into the file. */
apf_status apf_audio_check_finite(apf_context *ctx, const char *function, const char *path,
                                  const apf_audio *audio, int64_t offset);

#endif
