#include "plot.h"

#include <float.h>
#include <math.h>
#include <plplot.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WIDTH = 1000, HEIGHT = 420, GRID_COLOR = 14, AXIS_COLOR = 15 };

/* Background, then line colours that the colour-blind tell apart (Okabe and Ito). */
static const PLINT red[] = {255, 0, 213, 0, 204, 230};
static const PLINT green[] = {255, 114, 94, 158, 121, 159};
static const PLINT blue[] = {255, 178, 0, 115, 167, 0};

/** The number of a line's colour: from the last one on an image, whose own are dark and bluish. */
static int color_of(const plot_figure *figure, int line)
{
  return figure->image ? PLOT_MOST_LINES - line : 1 + line;
}

typedef struct range {
  double low, high;
} range;

static double shown(const plot_figure *figure, double y)
{
  if (!figure->log_y) return y;
  return y > 0 ? log10(y) : NAN;
}

static void widen(range *r, double value)
{
  if (!isfinite(value)) return;
  if (value < r->low) r->low = value;
  if (value > r->high) r->high = value;
}

/** A range that can be drawn: not empty, with some air if it came from data. */
static range settle(range r, double low, double high, double air)
{
  if (low < high) return (range){low, high};
  if (!(r.low <= r.high)) return (range){0, 1};
  double margin = (r.high - r.low) * air;
  if (r.high - r.low < DBL_MIN) margin = fabs(r.high) * 0.1 + 1e-3;
  return (range){r.low - margin, r.high + margin};
}

/** Draws a line's finite stretches. */
static void draw(const plot_figure *figure, const plot_line *line, double *y)
{
  int start = 0;
  for (int i = 0; i < line->count; i++) y[i] = shown(figure, line->y[i]);
  for (int i = 0; i <= line->count; i++) {
    if (i < line->count && isfinite(y[i]) && isfinite(line->x[i])) continue;
    if (i - start > 1) plline(i - start, line->x + start, y + start);
    start = i + 1;
  }
}

static bool start_page(const char *path)
{
  FILE *file = fopen(path, "w");
  if (!file) return false;
  plsdev("svg");
  plsfile(file); /* PLplot closes it, and would exit if it could not open it itself */
  plspage(0, 0, WIDTH, HEIGHT, 0, 0);
  plscolbg(255, 255, 255);
  plscmap0n(AXIS_COLOR + 1);
  for (int i = 0; i <= PLOT_MOST_LINES; i++) plscol0(i, red[i], green[i], blue[i]);
  plscol0(GRID_COLOR, 215, 215, 215);
  plscol0(AXIS_COLOR, 60, 60, 60);
  plinit();
  plschr(0, 0.75);
  pladv(0);
  plvpor(0.09, 0.97, 0.15, 0.87);
  return true;
}

static void draw_legend(const plot_figure *figure, int count, const plot_line *lines)
{
  const double apart = count > 4 ? 0.12 : 0.22;
  for (int i = 0; i < count && count > 1; i++) {
    plcol0(color_of(figure, i));
    plmtex("t", 0.8, 1.0 - apart * (count - 1 - i), 1.0, lines[i].name);
  }
}

/** Cells from dark to light in a map that grows evenly in brightness. */
static void draw_image(const plot_image *image, range x, range y)
{
  PLFLT place[] = {0, 0.5, 1}, r[] = {0.05, 0.15, 0.95}, g[] = {0.05, 0.45, 0.95},
        b[] = {0.2, 0.55, 0.75};
  const PLFLT **columns = malloc(sizeof *columns * (size_t)image->columns);
  if (!columns) return;
  for (int i = 0; i < image->columns; i++) columns[i] = image->values + i * image->rows;
  plscmap1n(64);
  plscmap1l(1, 3, place, r, g, b, NULL);
  plimage(columns, image->columns, image->rows, x.low, x.high, y.low, y.high, image->low,
          image->high, x.low, x.high, y.low, y.high);
  free(columns);
}

/**
 * Ticks of an axis of exponents at 1, 2, ... 9 times a power of ten. PLplot labels the powers
 * alone, of which a short axis has none: here 2 and 5 have numbers as well up to three decades, and
 * the others within one.
 */
static void draw_log_axis(range x, range y, bool grid)
{
  const double tick = 0.008 * (x.high - x.low), decades = y.high - y.low;
  for (int power = (int)floor(y.low); power <= (int)floor(y.high); power++)
    for (int k = 1; k < 10; k++) {
      char label[32];
      const double at[] = {power + log10(k), power + log10(k)};
      const bool labelled = k == 1 || decades < 0.8 || ((k == 2 || k == 5) && decades < 3);
      if (at[0] < y.low || at[0] > y.high) continue;
      const double left[] = {x.low, x.low + (labelled ? 1.6 : 1) * tick}, whole[] = {x.low, x.high};
      plcol0(GRID_COLOR);
      if (grid && labelled) plline(2, whole, at);
      plcol0(AXIS_COLOR);
      plline(2, left, at);
      snprintf(label, sizeof label, "%g", k * pow(10, power));
      if (labelled) plmtex("lv", 1, (at[0] - y.low) / decades, 1, label);
    }
}

bool plot_write(const char *path, const plot_figure *figure, int count, const plot_line *lines)
{
  range x = {INFINITY, -INFINITY}, y = {INFINITY, -INFINITY};
  int longest = 1;
  for (int i = 0; i < count; i++) {
    if (lines[i].count > longest) longest = lines[i].count;
    for (int k = 0; k < lines[i].count; k++) {
      widen(&x, lines[i].x[k]);
      widen(&y, shown(figure, lines[i].y[k]));
    }
  }
  x = settle(x, figure->x_min, figure->x_max, 0);
  y = settle(y, figure->y_min, figure->y_max, 0.05);
  double *buffer = malloc(sizeof *buffer * (size_t)longest);
  if (!buffer || !start_page(path)) {
    free(buffer);
    return false;
  }
  plwind(x.low, x.high, y.low, y.high);
  if (figure->image) draw_image(figure->image, x, y);
  plcol0(GRID_COLOR);
  if (!figure->image) plbox("g", 0, 0, figure->log_y ? "" : "g", 0, 0);
  if (figure->log_y) draw_log_axis(x, y, !figure->image);
  plcol0(AXIS_COLOR);
  plbox("bcnst", 0, 0, figure->log_y ? "bc" : "bcnst", 0, 0);
  plmtex("b", 3.2, 0.5, 0.5, figure->x_label);
  plmtex("l", 5.4, 0.5, 0.5, figure->y_label);
  plmtex("t", 0.8, 0.0, 0.0, figure->title);
  for (int i = 0; i < count; i++) {
    plcol0(color_of(figure, i));
    plwidth(i == 0 ? 1.6 : 1.2);
    draw(figure, &lines[i], buffer);
  }
  draw_legend(figure, count, lines);
  plend();
  free(buffer);
  return access(path, R_OK) == 0;
}
