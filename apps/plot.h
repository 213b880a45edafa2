/** Line plots as SVG, through PLplot. */
#ifndef ALLPOLE_PLOT_H
#define ALLPOLE_PLOT_H

#include <stdbool.h>

typedef struct plot_line {
  const char *name; /**< in the legend */
  int count;
  const double *x, *y; /**< values that are not finite leave a gap */
} plot_line;

typedef struct plot_figure {
  const char *title, *x_label, *y_label;
  bool log_y;          /**< values <= 0 leave a gap */
  double x_min, x_max; /**< equal: as the data says */
  double y_min, y_max; /**< equal: as the data says */
} plot_figure;

enum { PLOT_MOST_LINES = 4 };

/** @return false where the file cannot be written. Not thread-safe: PLplot keeps its state
 * globally. */
bool plot_write(const char *path, const plot_figure *figure, int count, const plot_line *lines);

#endif
