/** What a report on notes has beside the rest. */
#ifndef ALLPOLE_REPORT_NOTES_H
#define ALLPOLE_REPORT_NOTES_H

#include <stdbool.h>
#include <stdio.h>

/** The table of the run's validation notes, as HTML. */
void put_notes(FILE *to, const char *run);
/** Draws report/curves.svg: what the model moves over time in the first notes. */
bool plot_curves(const char *run);

#endif
