/** Training progress: one live line on a terminal, a plain line now and then when piped. */
#ifndef ALLPOLE_PROGRESS_H
#define ALLPOLE_PROGRESS_H

#include <allpole/allpole.h>

#include <stdio.h>

typedef struct progress_display progress_display;

progress_display *progress_create(FILE *to);
void progress_step(progress_display *display, const apf_train_progress *progress);
/** Ends the live line. NULL is allowed. */
void progress_destroy(progress_display *display);

#endif
