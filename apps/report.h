/** The report of a run: plots and one page to open in a browser. */
#ifndef ALLPOLE_REPORT_H
#define ALLPOLE_REPORT_H

#include <allpole/allpole.h>

#include <stdbool.h>

/** Writes RUN/report/ from the run's own files. @return false, after a message on stderr. */
bool report_write(apf_context *ctx, const char *run, const apf_model *model);

#endif
