/**
 * A data set of single notes: cut out of one long recording by a list, or one file a note.
 *
 *   recording and list   the list's columns: onset_s, duration_s, and f0_hz or midi_key
 *   folder and list      columns: file, duration_s, and f0_hz or midi_key
 *   folder               names say it: ANYTHING__KEY__SAMPLES__ANYTHING.wav, with the MIDI key and
 *                        the samples from note on to note off
 *
 * A list is CSV with a header line; other columns are left alone. Every note gives
 * config->excerpt seconds from its onset.
 */
#ifndef APF_TRAIN_NOTES_H
#define APF_TRAIN_NOTES_H

#include "train/config.h"

/** Three fifths to train on, one to choose the best model by, one to test it. */
typedef enum apf_part { APF_PART_TRAIN, APF_PART_VALID, APF_PART_TEST, APF_PARTS } apf_part;

typedef struct apf_note {
  char name[256];      /**< of the file, or of the line in the list */
  double onset;        /**< s, in its recording */
  double f0, duration; /**< Hz, s */
} apf_note;

typedef struct apf_note_set {
  int sample_rate;
  int64_t samples; /**< of each note */
  int64_t count, skipped;
  int64_t first[APF_PARTS + 1]; /**< a part's notes are first[part] ... first[part + 1] - 1 */
  apf_note *notes;
  float *audio; /**< (count, samples) */
} apf_note_set;

/**
 * Reads config->input and config->notes and divides the notes by config->split_seed. The first that
 * is broken, out of range or too long for its recording fails with its name, or is skipped if
 * config->skip_bad.
 */
apf_status apf_notes_read(apf_context *ctx, const apf_train_config *config, apf_note_set *out);
void apf_notes_clear(apf_note_set *set);

#endif
