/** allpole: everything public. Include this, or the part you need. */
#ifndef ALLPOLE_ALLPOLE_H
#define ALLPOLE_ALLPOLE_H

#include <allpole/audio.h>   /* IWYU pragma: export */
#include <allpole/core.h>    /* IWYU pragma: export */
#include <allpole/effects.h> /* IWYU pragma: export */
#include <allpole/ops.h>     /* IWYU pragma: export */
#include <allpole/train.h>   /* IWYU pragma: export */

#endif
