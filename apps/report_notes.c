/** Of a run on notes: figures and the table of what the model found out about each. */
#include "report_notes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

enum { PATH_SIZE = 4400, MOST_VALUES = 16384, SHOWN = 4 };

/** Copies up to a comma or the line's end. */
static void put_cell(FILE *to, const char *begin, size_t length, const char *tag)
{
  fprintf(to, "<%s>", tag);
  for (size_t i = 0; i < length; i++) {
    if (begin[i] == '<')
      fputs("&lt;", to);
    else if (begin[i] == '&')
      fputs("&amp;", to);
    else
      fputc(begin[i], to);
  }
  fprintf(to, "</%s>", tag);
}

void put_notes(FILE *to, const char *run)
{
  char path[PATH_SIZE], *line = NULL;
  size_t size = 0;
  snprintf(path, sizeof path, "%s/valid_notes.csv", run);
  FILE *file = fopen(path, "r");
  if (!file) return;
  fputs("<h2>Notes of the validation part</h2>\n<table>", to);
  for (const char *tag = "th"; getline(&line, &size, file) > 0; tag = "td") {
    fputs("<tr>", to);
    for (const char *at = line; at;) {
      const size_t length = strcspn(at, ",\n");
      put_cell(to, at, length, tag);
      at = at[length] == ',' ? at + length + 1 : NULL;
    }
    fputs("</tr>\n", to);
  }
  fputs("</table>\n", to);
  free(line);
  fclose(file);
}

/** The first curves of valid_curves.csv: their third column over their second. */
typedef struct curve_set {
  int count, values[SHOWN];
  char name[SHOWN][64];
  double x[SHOWN][MOST_VALUES], y[SHOWN][MOST_VALUES];
} curve_set;

/** @return false once there are enough. */
static bool add_value(curve_set *set, const char *line)
{
  const char *comma = strchr(line, ',');
  const size_t length = comma ? (size_t)(comma - line) : 0;
  double x, y;
  if (!comma || length >= sizeof set->name[0] || sscanf(comma, ",%lf,%lf", &x, &y) != 2)
    return true;
  int i = set->count - 1;
  if (i < 0 || strncmp(set->name[i], line, length) != 0 || set->name[i][length]) {
    if (set->count == SHOWN) return false;
    i = set->count++;
    memcpy(set->name[i], line, length);
  }
  if (set->values[i] == MOST_VALUES) return true;
  set->x[i][set->values[i]] = x;
  set->y[i][set->values[i]++] = y;
  return true;
}

bool plot_curves(const char *run)
{
  char path[PATH_SIZE], *line = NULL;
  size_t size = 0;
  snprintf(path, sizeof path, "%s/valid_curves.csv", run);
  FILE *file = fopen(path, "r");
  curve_set *set = calloc(1, sizeof *set);
  bool good = file && set && getline(&line, &size, file) > 0;
  const bool cutoff = good && strstr(line, "cutoff_hz");
  while (good && getline(&line, &size, file) > 0)
    if (!add_value(set, line)) break;
  plot_line lines[SHOWN];
  for (int i = 0; good && i < set->count; i++)
    lines[i] = (plot_line){set->name[i], set->values[i], set->x[i], set->y[i]};
  const plot_figure figure = {.title = cutoff ? "Cutoff" : "First coefficient's logit",
                              .x_label = "seconds of the note",
                              .y_label = cutoff ? "Hz" : "",
                              .log_y = cutoff};
  snprintf(path, sizeof path, "%s/report/curves.svg", run);
  good = good && set->count > 0 && plot_write(path, &figure, set->count, lines);
  free(set);
  free(line);
  if (file) fclose(file);
  return good;
}
