/** The list of effects. */
#include "effects/effect.h"

#include <string.h>

#include "effects/compressor.h"
#include "effects/phaser.h"
#include "effects/synth.h"

static const apf_effect *const effects[] = {&apf_compressor, &apf_phaser, &apf_synth};
enum { EFFECT_COUNT = sizeof effects / sizeof effects[0] };

int apf_effect_count(void)
{
  return EFFECT_COUNT;
}

const char *apf_effect_name(int index)
{
  return index >= 0 && index < EFFECT_COUNT ? effects[index]->name : NULL;
}

const apf_effect *apf_effect_find(const char *name)
{
  for (int i = 0; i < EFFECT_COUNT; i++)
    if (strcmp(effects[i]->name, name) == 0) return effects[i];
  return NULL;
}
