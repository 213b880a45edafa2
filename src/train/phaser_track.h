/**
 * A first look at what a phaser did to a recording, without training.
 *
 * Over a short frame a phaser is a filter: with z = e^{-i w}, h = ((p - z) / (1 - p z))^4,
 *   Y = (c0 + c1 h / (1 - g2 h)) X.
 * For each feedback g2 of a list, each frame takes the break frequency that explains it best from a
 * grid, and all frames together the gains c0 and c1 (least squares), in turn. What remains is a
 * track of the break frequency in time, and from it the oscillator's rate and phase.
 */
#ifndef APF_TRAIN_PHASER_TRACK_H
#define APF_TRAIN_PHASER_TRACK_H

#include "train/recording.h"

typedef struct apf_phaser_track {
  int64_t frames;
  double hop;             /**< s between frames; frame 0 is at the part's start */
  double *pitch;          /**< natural logarithm of the break frequency in Hz */
  double *weight;         /**< curvature of the squared error over pitch: how sure it is */
  double dry, wet;        /**< c0, c1 */
  double feedback;        /**< g2 */
  double error_to_signal; /**< energy of the residual over that of the target */
} apf_phaser_track;

enum { APF_PHASER_TRACK_LENGTHS = 3 };

/** Frames of about 23, 46 or 93 ms (length 0, 1, 2): short ones follow fast oscillators, long ones
 *  hold a whole sweep. */
APF_MUST_CHECK apf_status apf_phaser_track_find(apf_context *ctx, const apf_pair *pair, int length,
                                                apf_phaser_track *out);
void apf_phaser_track_clear(apf_phaser_track *track);

/** An oscillator that may have made a track: pitch = U(cos(2 pi rate t + phase)). */
typedef struct apf_lfo_guess {
  double rate;     /**< Hz */
  double phase;    /**< radians at frame 0 */
  double residual; /**< variance of the pitch that it leaves, as a share */
} apf_lfo_guess;

/** What guesses are ordered by: the residual, with a preference for high rates. */
double apf_lfo_guess_cost(const apf_lfo_guess *guess);

/** Up to `count` guesses, the most likely first; returns how many there are. A guess of half the
 *  rate explains all that another explains, so it must do far better to be one as well. */
int apf_lfo_guesses(apf_context *ctx, const apf_phaser_track *track, int count,
                    apf_lfo_guess *guesses);

#endif
