/** Line plots and images as SVG, through PLplot. */
#ifndef ALLPOLE_PLOT_H
#define ALLPOLE_PLOT_H

#include <stdbool.h>

typedef struct plot_line {
  const char *name; /**< in the legend */
  int count;
  const double *x, *y; /**< values that are not finite leave a gap */
} plot_line;

/** Coloured cells that fill the figure; give its x and y ranges. */
typedef struct plot_image {
  int columns, rows;
  const double *values; /**< column by column, each from the bottom */
  double low, high;     /**< values of the first and the last colour */
} plot_image;

typedef struct plot_figure {
  const char *title, *x_label, *y_label;
  bool log_y;              /**< values <= 0 leave a gap */
  double x_min, x_max;     /**< equal: as the data says */
  double y_min, y_max;     /**< equal: as the data says; exponents of 10 where log_y */
  const plot_image *image; /**< behind the lines; NULL: a grid */
} plot_figure;

enum { PLOT_MOST_LINES = 5 };

/** @return false where the file cannot be written. Not thread-safe: PLplot keeps its state
 * globally. */
bool plot_write(const char *path, const plot_figure *figure, int count, const plot_line *lines);

#endif
