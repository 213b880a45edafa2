#include "report_notes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spectrogram.h"

enum { PATH_SIZE = 4400, MOST_COLUMNS = 16, MOST_ROWS = 100, MOST_VALUES = 16384, N_FFT = 2048 };
enum { SHOWN = 8, DRAWN = 4, COEFFICIENTS = 5 };
static const double pi = 3.14159265358979323846;

static FILE *open_file(const char *run, const char *name)
{
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/%s", run, name);
  return fopen(path, "r");
}

/* --- tables ----------------------------------------------------------------------------------- */

/** A column of numbers in valid_notes.csv. */
typedef struct column {
  char name[32];
  double least, most, sum;
} column;

/** The columns behind the first, which holds names. */
static int read_heading(char *line, column columns[MOST_COLUMNS])
{
  int count = 0;
  char *rest = NULL;
  strtok_r(line, ",\n", &rest);
  for (char *name; count < MOST_COLUMNS && (name = strtok_r(NULL, ",\n", &rest)); count++) {
    columns[count] = (column){.least = INFINITY, .most = -INFINITY};
    snprintf(columns[count].name, sizeof columns[count].name, "%s", name);
  }
  return count;
}

/** Numbers of a row; what is missing is NaN. */
static void read_row(const char *line, int count, double values[MOST_COLUMNS])
{
  const char *at = strchr(line, ',');
  for (int i = 0; i < count; i++) {
    values[i] = at ? strtod(at + 1, NULL) : NAN;
    at = at ? strchr(at + 1, ',') : NULL;
  }
}

/** Reads all columns; @return rows, 0 where there is no such file. */
static int read_columns(FILE *file, int *count, column columns[MOST_COLUMNS])
{
  char *line = NULL;
  size_t size = 0;
  double values[MOST_COLUMNS];
  int rows = 0;
  *count = getline(&line, &size, file) > 0 ? read_heading(line, columns) : 0;
  for (; getline(&line, &size, file) > 0; rows++) {
    read_row(line, *count, values);
    for (int i = 0; i < *count; i++) {
      columns[i].least = fmin(columns[i].least, values[i]);
      columns[i].most = fmax(columns[i].most, values[i]);
      columns[i].sum += values[i];
    }
  }
  free(line);
  return rows;
}

static void put_summary(FILE *to, const apf_model *model, int rows, int count,
                        const column columns[MOST_COLUMNS])
{
  fputs(
      "<h2>Found out about the notes</h2>\n"
      "<table><tr><th>parameter</th><th>possible</th><th>least</th><th>mean</th><th>most</th>"
      "<th></th></tr>\n",
      to);
  for (int p = 0; p < apf_model_note_parameter_count(model); p++) {
    const apf_parameter_info *info = apf_model_note_parameter_info(model, p);
    for (int i = 0; i < count; i++)
      if (strcmp(columns[i].name, info->name) == 0)
        fprintf(to,
                "<tr><td>%s</td><td class=\"n\">%.3g to %.3g %s</td><td class=\"n\">%.3g</td>"
                "<td class=\"n\">%.3g</td><td class=\"n\">%.3g</td><td>%s</td></tr>\n",
                info->name, info->minimum, info->maximum, info->unit, columns[i].least,
                columns[i].sum / rows, columns[i].most, info->description);
  }
  fputs("</table>\n", to);
}

static void put_name(FILE *to, const char *line)
{
  for (; *line && *line != ',' && *line != '\n'; line++)
    if (*line == '<')
      fputs("&lt;", to);
    else if (*line == '&')
      fputs("&amp;", to);
    else
      fputc(*line, to);
}

static void put_rows(FILE *to, FILE *file, int count, const column columns[MOST_COLUMNS])
{
  char *line = NULL;
  size_t size = 0;
  double values[MOST_COLUMNS];
  fputs("<table><tr><th>note</th>", to);
  for (int i = 0; i < count; i++) fprintf(to, "<th class=\"n\">%s</th>", columns[i].name);
  fputs("</tr>\n", to);
  bool more = getline(&line, &size, file) > 0; /* the heading */
  for (int row = 0; row < MOST_ROWS && more && getline(&line, &size, file) > 0; row++) {
    fputs("<tr><td>", to);
    put_name(to, line);
    fputs("</td>", to);
    read_row(line, count, values);
    for (int i = 0; i < count; i++) fprintf(to, "<td class=\"n\">%.4g</td>", values[i]);
    fputs("</tr>\n", to);
  }
  fputs("</table>\n", to);
  free(line);
}

void put_notes(FILE *to, const char *run, const apf_model *model)
{
  column columns[MOST_COLUMNS];
  int count;
  FILE *file = open_file(run, "valid_notes.csv");
  if (!file) return;
  const int rows = read_columns(file, &count, columns);
  rewind(file);
  if (rows > 0) put_summary(to, model, rows, count, columns);
  fprintf(to, "<h2>Each note of the validation part%s</h2>\n",
          rows > MOST_ROWS ? ", the first hundred" : "");
  put_rows(to, file, count, columns);
  fclose(file);
}

/* --- curves ----------------------------------------------------------------------------------- */

/** What moves in one note: the cutoff in Hz as the first value, or the filter's coefficients. */
typedef struct note_curve {
  char name[64];
  int count;
  double time[MOST_VALUES], value[COEFFICIENTS][MOST_VALUES];
} note_curve;

typedef struct curve_set {
  bool cutoff;
  int count;
  note_curve note[SHOWN];
} curve_set;

/** A line of valid_curves.csv. @return false once there are enough notes. */
static bool add_line(curve_set *set, const char *line)
{
  const size_t length = strcspn(line, ",");
  double numbers[MOST_COLUMNS];
  note_curve *note = set->count ? &set->note[set->count - 1] : NULL;
  if (length >= sizeof note->name) return true;
  if (!note || strncmp(note->name, line, length) != 0 || note->name[length]) {
    if (set->count == SHOWN) return false;
    note = &set->note[set->count++];
    memcpy(note->name, line, length);
  }
  if (note->count == MOST_VALUES) return true;
  read_row(line, 1 + COEFFICIENTS, numbers);
  note->time[note->count] = numbers[0];
  for (int k = 0; k < COEFFICIENTS; k++) note->value[k][note->count] = numbers[1 + k];
  note->count++;
  return true;
}

static curve_set *read_curves(const char *run)
{
  char *line = NULL;
  size_t size = 0;
  FILE *file = open_file(run, "valid_curves.csv");
  curve_set *set = file ? calloc(1, sizeof *set) : NULL;
  if (set && getline(&line, &size, file) > 0) set->cutoff = strstr(line, "cutoff_hz") != NULL;
  while (set && getline(&line, &size, file) > 0)
    if (!add_line(set, line)) break;
  free(line);
  if (file) fclose(file);
  return set;
}

static bool plot_cutoffs(const char *path, const curve_set *set)
{
  plot_line lines[DRAWN];
  const int count = set->count < DRAWN ? set->count : DRAWN;
  for (int i = 0; i < count; i++)
    lines[i] = (plot_line){set->note[i].name, set->note[i].count, set->note[i].time,
                           set->note[i].value[0]};
  const plot_figure figure = {
      .title = "Cutoff", .x_label = "seconds of the note", .y_label = "Hz", .log_y = true};
  return plot_write(path, &figure, count, lines);
}

static bool plot_coefficients(const char *path, const note_curve *note)
{
  static const char *const names[COEFFICIENTS] = {"a1", "a2", "b0", "b1", "b2"};
  char title[128];
  plot_line lines[COEFFICIENTS];
  for (int k = 0; k < COEFFICIENTS; k++)
    lines[k] = (plot_line){names[k], note->count, note->time, note->value[k]};
  snprintf(title, sizeof title, "Coefficients, %s", note->name);
  const plot_figure figure = {.title = title, .x_label = "seconds of the note", .y_label = ""};
  return plot_write(path, &figure, COEFFICIENTS, lines);
}

/** The cutoff, or the frequency of the poles where they are complex. */
static double followed(const curve_set *set, const note_curve *note, int i, double sample_rate)
{
  if (set->cutoff) return note->value[0][i];
  const double a1 = note->value[0][i], square = 4 * note->value[1][i] - a1 * a1;
  return square > 0 ? atan2(sqrt(square), -a1) * sample_rate / (2 * pi) : NAN;
}

/** The notes' curves one after another, with a gap between. */
static int join_curves(const curve_set *set, double note_seconds, double sample_rate, double *time,
                       double *hertz)
{
  int count = 0;
  for (int n = 0; n < set->count; n++) {
    const note_curve *note = &set->note[n];
    for (int i = 0; i < note->count && note->time[i] < note_seconds; i++) {
      time[count] = n * note_seconds + note->time[i];
      hertz[count++] = followed(set, note, i, sample_rate);
    }
    time[count] = (n + 1) * note_seconds;
    hertz[count++] = NAN;
  }
  return count;
}

static bool plot_spectrograms(const char *run, const curve_set *set, int notes, apf_audio target,
                              apf_audio output)
{
  char path[PATH_SIZE];
  const int64_t samples = target.frames / notes;
  const size_t most = (size_t)SHOWN * (MOST_VALUES + 1);
  double *time = malloc(2 * most * sizeof *time), *hertz = time + most;
  if (!time) return false;
  target.frames = output.frames = set->count * samples;
  const plot_line line = {
      set->cutoff ? "cutoff" : "poles",
      join_curves(set, (double)samples / target.sample_rate, target.sample_rate, time, hertz), time,
      hertz};
  snprintf(path, sizeof path, "%s/report/target.svg", run);
  bool good = spectrogram_write(path, "Notes as they should be", &target, N_FFT, 0, NULL);
  snprintf(path, sizeof path, "%s/report/output.svg", run);
  good = good && spectrogram_write(path,
                                   set->cutoff ? "Played again, with the cutoff"
                                               : "Played again, with the poles' frequency",
                                   &output, N_FFT, 1, &line);
  free(time);
  return good;
}

bool plot_notes(const char *run, const apf_audio *target, const apf_audio *output)
{
  char path[PATH_SIZE];
  column columns[MOST_COLUMNS];
  int count;
  FILE *file = open_file(run, "valid_notes.csv");
  const int notes = file ? read_columns(file, &count, columns) : 0;
  curve_set *set = read_curves(run);
  snprintf(path, sizeof path, "%s/report/curves.svg", run);
  bool good = notes > 0 && set && set->count > 0;
  good = good && (set->cutoff ? plot_cutoffs(path, set) : plot_coefficients(path, &set->note[0]));
  good = good && plot_spectrograms(run, set, notes, *target, *output);
  free(set);
  if (file) fclose(file);
  return good;
}
