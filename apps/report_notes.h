/** What a report on notes has beside the rest. */
#ifndef ALLPOLE_REPORT_NOTES_H
#define ALLPOLE_REPORT_NOTES_H

#include <allpole/allpole.h>

#include <stdbool.h>
#include <stdio.h>

/** What the model found out about the run's validation notes, as HTML: a summary, then each. */
void put_notes(FILE *to, const char *run, const apf_model *model);

/**
 * Draws RUN/report/{curves,target,output}.svg of the first validation notes: what the model moves
 * over time, and the spectrograms of target and output with the frequency that the filter follows.
 */
bool plot_notes(const char *run, const apf_audio *target, const apf_audio *output);

#endif
