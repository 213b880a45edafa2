#include "train/notes.h"

#include <allpole/audio.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/random.h"
#include "io/file.h"

enum { PATH_SIZE = 4096, LIST_LIMIT = 1 << 26, SPLIT_PARTS = 5 };
/* The oscillator's partials end at 12 kHz: above, there is less than one. */
static const double LOWEST_F0 = 20, HIGHEST_F0 = 3000;

static double key_to_hz(double key)
{
  return 440 * exp2((key - 69) / 12);
}

static bool is_folder(const char *path)
{
  struct stat entry;
  return stat(path, &entry) == 0 && S_ISDIR(entry.st_mode);
}

/** Room for one more note, zeroed and counted; NULL without memory. */
static apf_note *append(apf_note_set *set)
{
  const size_t count = (size_t)set->count;
  if ((count & (count - 1)) == 0) { /* at powers of two */
    apf_note *larger = realloc(set->notes, sizeof *larger * (count ? 2 * count : 1));
    if (!larger) return NULL;
    set->notes = larger;
  }
  memset(&set->notes[count], 0, sizeof *set->notes);
  return &set->notes[set->count++];
}

/* --- lists ------------------------------------------------------------------------------------ */

typedef enum column { FILE_NAME, ONSET, DURATION, F0, KEY, COLUMNS } column;
static const char *const column_names[COLUMNS] = {"file", "onset_s", "duration_s", "f0_hz",
                                                  "midi_key"};

/** Ends the field that `*at` begins with a zero and moves `*at` to the next; NULL at the end. */
static char *next_field(char **at)
{
  char *field = *at;
  if (!field) return NULL;
  char *comma = strchr(field, ',');
  *at = comma ? comma + 1 : NULL;
  if (comma) *comma = '\0';
  return field;
}

/** Which field of a line each column is, -1 if none. */
static void read_header(char *line, int where[COLUMNS])
{
  for (int c = 0; c < COLUMNS; c++) where[c] = -1;
  for (int i = 0; line; i++) {
    const char *field = next_field(&line);
    for (int c = 0; c < COLUMNS; c++)
      if (strcmp(field, column_names[c]) == 0) where[c] = i;
  }
}

/** A line of the list; what is missing or no number becomes NaN, which the checks refuse. */
static void read_line(char *line, const int where[COLUMNS], apf_note *note)
{
  double values[COLUMNS] = {NAN, NAN, NAN, NAN, NAN};
  for (int i = 0; line; i++) {
    const char *field = next_field(&line);
    for (int c = 0; c < COLUMNS; c++) {
      if (where[c] != i) continue;
      char *end;
      double value = strtod(field, &end);
      if (end != field && *end == '\0') values[c] = value;
      if (c == FILE_NAME) snprintf(note->name, sizeof note->name, "%s", field);
    }
  }
  note->onset = where[ONSET] < 0 ? 0 : values[ONSET];
  note->duration = values[DURATION];
  note->f0 = where[F0] < 0 ? key_to_hz(values[KEY]) : values[F0];
}

static apf_status check_header(apf_context *ctx, const apf_note_source *source,
                               const int where[COLUMNS])
{
  const column first = is_folder(source->input) ? FILE_NAME : ONSET;
  if (where[first] >= 0 && where[DURATION] >= 0 && (where[F0] >= 0 || where[KEY] >= 0))
    return APF_OK;
  return apf_fail(ctx, APF_ERR_FORMAT, "apf_notes",
                  "%s: the first line must name the columns %s, duration_s and f0_hz or midi_key",
                  source->notes, column_names[first]);
}

static apf_status read_list(apf_context *ctx, const apf_note_source *source, apf_note_set *set)
{
  char *text, *rest;
  int where[COLUMNS];
  APF_TRY(apf_read_file(ctx, source->notes, LIST_LIMIT, &text, NULL));
  apf_status status = APF_OK;
  char *line = strtok_r(text, "\r\n", &rest);
  read_header(line, where);
  APF_TRY_GOTO(check_header(ctx, source, where), done);
  for (int number = 2; (line = strtok_r(NULL, "\r\n", &rest)); number++) {
    apf_note *note = append(set);
    if (!note) {
      status = apf_fail(ctx, APF_ERR_MEMORY, "apf_notes", "no memory for %s", source->notes);
      goto done;
    }
    read_line(line, where, note);
    if (where[FILE_NAME] < 0) snprintf(note->name, sizeof note->name, "line %d", number);
  }
done:
  free(text);
  return status;
}

/* --- folders ---------------------------------------------------------------------------------- */

/** Key and samples from ANYTHING__KEY__SAMPLES__ANYTHING; the last such places count. */
static bool parse_name(const char *name, int *key, long *samples)
{
  bool found = false;
  for (const char *at = strstr(name, "__"); at; at = strstr(at + 1, "__")) {
    int k, used = 0;
    long n;
    if (sscanf(at, "__%d__%ld__%n", &k, &n, &used) == 2 && used > 0) {
      *key = k;
      *samples = n;
      found = true;
    }
  }
  return found;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
  return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
  return entry->d_name[0] != '.';
}

/** Durations are in samples until the file's rate is known: kept negative. */
static apf_status list_folder(apf_context *ctx, const char *folder, apf_note_set *set)
{
  struct dirent **entries;
  const int count = scandir(folder, &entries, is_visible, by_name);
  if (count < 0)
    return apf_fail(ctx, APF_ERR_FILE, "apf_notes", "cannot read the folder %s", folder);
  bool complete = true;
  for (int i = 0; i < count; i++) {
    apf_note *note = complete ? append(set) : NULL;
    complete = note != NULL;
    if (note) {
      int key;
      long samples;
      const bool named = parse_name(entries[i]->d_name, &key, &samples);
      snprintf(note->name, sizeof note->name, "%s", entries[i]->d_name);
      note->f0 = named ? key_to_hz(key) : NAN;
      note->duration = named ? -(double)samples : NAN;
    }
    free(entries[i]);
  }
  free(entries);
  if (complete) return APF_OK;
  return apf_fail(ctx, APF_ERR_MEMORY, "apf_notes", "no memory for the notes of %s", folder);
}

/* --- sound ------------------------------------------------------------------------------------ */

static apf_status check_note(apf_context *ctx, const char *where, const apf_note *note)
{
  if (isnan(note->f0) && isnan(note->duration))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_notes",
                    "%s, %s: the name says no pitch and length, expected "
                    "ANYTHING__KEY__SAMPLES__ANYTHING or a list of the notes",
                    where, note->name);
  if (!(note->f0 >= LOWEST_F0 && note->f0 <= HIGHEST_F0))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_notes",
                    "%s, %s: the pitch is %g Hz, expected %g to %g Hz", where, note->name, note->f0,
                    LOWEST_F0, HIGHEST_F0);
  if (!(note->duration != 0 && isfinite(note->duration)) || !(note->onset >= 0))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_notes",
                    "%s, %s: the note begins at %g s and lasts %g s, expected times > 0", where,
                    note->name, note->onset, note->duration);
  return APF_OK;
}

/** Cuts the note out, channels mixed. The first note decides rate and length of all. */
static apf_status cut_note(apf_context *ctx, const apf_note_source *source, const char *path,
                           const apf_audio *audio, apf_note *note, apf_note_set *set)
{
  const double length = (double)audio->frames / audio->sample_rate;
  if (!(note->onset + source->excerpt <= length + 0.5 / audio->sample_rate))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_notes",
                    "%s, %s: %g s from %g s on are past the end of the audio at %.3f s", path,
                    note->name, source->excerpt, note->onset, length);
  if (set->sample_rate == 0) {
    set->sample_rate = audio->sample_rate;
    set->samples = llround(source->excerpt * audio->sample_rate);
    set->audio = malloc((size_t)(set->count * set->samples) * sizeof *set->audio + 1);
    if (!set->audio) return apf_fail(ctx, APF_ERR_MEMORY, "apf_notes", "no memory for the notes");
  }
  if (audio->sample_rate != set->sample_rate)
    return apf_fail(ctx, APF_ERR_MISMATCH, "apf_notes", "%s has %d Hz, those before %d Hz", path,
                    audio->sample_rate, set->sample_rate);
  note->start = llround(note->onset * audio->sample_rate);
  if (note->start + set->samples > audio->frames) /* by rounding */
    note->start = audio->frames - set->samples;
  if (note->duration < 0) note->duration /= -audio->sample_rate;
  float *to = set->audio + (note - set->notes) * set->samples;
  for (int64_t t = 0; t < set->samples; t++) {
    double sum = 0;
    for (int c = 0; c < audio->channels; c++)
      sum += (double)audio->samples[c * audio->frames + note->start + t];
    to[t] = (float)(sum / audio->channels);
  }
  return APF_OK;
}

/** One note into place `kept`, which is at or before its own. */
static apf_status load_note(apf_context *ctx, const apf_note_source *source,
                            const apf_audio *recording, const apf_note *from, int64_t kept,
                            apf_note_set *set)
{
  char path[PATH_SIZE];
  apf_note *note = &set->notes[kept];
  *note = *from;
  APF_TRY(check_note(ctx, source->notes ? source->notes : source->input, note));
  if (recording->frames) return cut_note(ctx, source, source->input, recording, note, set);
  apf_audio audio;
  snprintf(path, sizeof path, "%s/%s", source->input, note->name);
  APF_TRY(apf_audio_read(ctx, path, 0, -1, &audio));
  apf_status status = cut_note(ctx, source, path, &audio, note, set);
  apf_audio_free(&audio);
  return status;
}

static apf_status load_notes(apf_context *ctx, const apf_note_source *source, apf_note_set *set)
{
  apf_audio recording = {0};
  apf_status status = APF_OK;
  int64_t kept = 0;
  if (!is_folder(source->input)) APF_TRY(apf_audio_read(ctx, source->input, 0, -1, &recording));
  set->recording = recording.frames;
  for (int64_t i = 0; i < set->count; i++) {
    const apf_note from = set->notes[i];
    status = load_note(ctx, source, &recording, &from, kept, set);
    if (status == APF_OK)
      kept++;
    else if (source->skip_bad && status != APF_ERR_MEMORY)
      set->skipped++, status = APF_OK;
    else
      break;
  }
  set->count = kept;
  apf_audio_free(&recording);
  return status;
}

/* --- all -------------------------------------------------------------------------------------- */

apf_status apf_notes_read(apf_context *ctx, const apf_note_source *source, apf_note_set *set)
{
  apf_status status = APF_OK;
  memset(set, 0, sizeof *set);
  if (!source->notes && !is_folder(source->input))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_notes",
                    "input is \"%s\", expected a folder of notes, or a recording with a list of "
                    "its notes",
                    source->input);
  if (source->notes)
    APF_TRY_GOTO(read_list(ctx, source, set), done);
  else
    APF_TRY_GOTO(list_folder(ctx, source->input, set), done);
  APF_TRY_GOTO(load_notes(ctx, source, set), done);
done:
  if (status != APF_OK) apf_notes_clear(set);
  return status;
}

void apf_notes_clear(apf_note_set *set)
{
  free(set->notes);
  free(set->audio);
  memset(set, 0, sizeof *set);
}

/* --- parts ------------------------------------------------------------------------------------ */

static void swap_notes(apf_note_set *set, int64_t i, int64_t j)
{
  const apf_note note = set->notes[i];
  set->notes[i] = set->notes[j];
  set->notes[j] = note;
  float *a = set->audio + i * set->samples, *b = set->audio + j * set->samples;
  for (int64_t t = 0; t < set->samples; t++) {
    const float x = a[t];
    a[t] = b[t];
    b[t] = x;
  }
}

apf_status apf_notes_divide(apf_context *ctx, const char *input, uint64_t seed, apf_note_set *set)
{
  if (set->count < SPLIT_PARTS)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_notes",
                    "%s holds %lld good notes, expected at least %d: three to train on, one to "
                    "validate, one to test",
                    input, (long long)set->count, SPLIT_PARTS);
  apf_random random = apf_random_start(seed, 0);
  for (int64_t i = set->count - 1; i > 0; i--) {
    int64_t j = (int64_t)(apf_random_uniform(&random) * (double)(i + 1));
    if (j != i) swap_notes(set, i, j);
  }
  const int64_t fifth = set->count / SPLIT_PARTS;
  set->first[APF_PART_TRAIN] = 0;
  set->first[APF_PART_VALID] = set->count - 2 * fifth;
  set->first[APF_PART_TEST] = set->count - fifth;
  set->first[APF_PARTS] = set->count;
  return APF_OK;
}
