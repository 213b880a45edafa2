/** What a phaser's report has beside the rest. */
#ifndef ALLPOLE_REPORT_PHASER_H
#define ALLPOLE_REPORT_PHASER_H

#include <allpole/allpole.h>

#include <stdbool.h>

/**
 * Draws RUN/report/{lfo,all_pass,target,output}.svg: the oscillator and what the waveshaper makes
 * of it, the all-pass pole, and the learned notches over the spectrograms of target and output.
 * @param start s; where in the recording target and output begin.
 */
bool plot_phaser(const char *run, const apf_model *model, double start, const apf_audio *target,
                 const apf_audio *output);

#endif
