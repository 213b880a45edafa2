/**
 * A data set of single notes: cut out of one long recording by a list, or one file a note.
 *
 *   recording and list   the list's columns: onset_s, duration_s, and f0_hz or midi_key
 *   folder and list      columns: file, duration_s, and f0_hz or midi_key
 *   folder               names say it: ANYTHING__KEY__SAMPLES__ANYTHING.wav, with the MIDI key and
 *                        the samples from note on to note off
 *
 * A list is CSV with a header line; other columns are left alone. Every note gives as many seconds
 * from its onset.
 */
#ifndef APF_TRAIN_NOTES_H
#define APF_TRAIN_NOTES_H

#include <stdbool.h>

#include "core/context.h"

/** Three fifths to train on, one to choose the best model by, one to test it. */
typedef enum apf_part { APF_PART_TRAIN, APF_PART_VALID, APF_PART_TEST, APF_PARTS } apf_part;

typedef struct apf_note {
  char name[256];      /**< of the file, or of the line in the list */
  double onset;        /**< s, in its recording */
  int64_t start;       /**< the same in samples */
  double f0, duration; /**< Hz, s */
} apf_note;

/** Where notes are and how much of each is wanted. */
typedef struct apf_note_source {
  const char *input; /**< a recording, or a folder */
  const char *notes; /**< the list; NULL: the names in the folder */
  double excerpt;    /**< s */
  bool skip_bad;
} apf_note_source;

typedef struct apf_note_set {
  int sample_rate;
  int64_t samples; /**< of each note */
  int64_t count, skipped;
  int64_t recording;            /**< samples of the recording; 0: a folder */
  int64_t first[APF_PARTS + 1]; /**< a part's notes are first[part] ... first[part + 1] - 1 */
  apf_note *notes;
  float *audio; /**< (count, samples) */
} apf_note_set;

/**
 * Reads the notes in the order of the list, or of the names. The first that is broken, out of range
 * or too long for its recording fails with its name, or is skipped if source->skip_bad.
 */
apf_status apf_notes_read(apf_context *ctx, const apf_note_source *source, apf_note_set *out);
/** Shuffles the notes and divides them into the parts. @param input is what the message calls them
 *  where they are too few (APF_ERR_ARGUMENT). */
apf_status apf_notes_divide(apf_context *ctx, const char *input, uint64_t seed, apf_note_set *set);
void apf_notes_clear(apf_note_set *set);

#endif
