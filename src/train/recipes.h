/** The settings that a name stands for: one JSON object per effect and recipe. */
#ifndef APF_TRAIN_RECIPES_H
#define APF_TRAIN_RECIPES_H

/** "paper/fs" is merged over "paper" where the model has the variant fs. */
typedef struct apf_recipe {
  const char *effect, *name, *json;
} apf_recipe;

/* Common to all; every key of a configuration is here or in apf_recipe_required. */
#define APF_RECIPE_COMMON                                                                          \
  "{\"gradient\": \"exact\", \"excerpt\": 0, \"batch\": 1, \"seed\": 0, \"momentum\": 0,"          \
  " \"weight_decay\": 0, \"clip_norm\": 0, \"restarts\": 1, \"valid_every\": 10, \"save_every\": " \
  "10,"                                                                                            \
  " \"segment\": null, \"valid\": null, \"set\": {}}"

#define APF_RECIPE_SYNTH                                                                         \
  "{\"optimizer\": \"adamw\", \"dtype\": \"f32\", \"epochs\": 200, \"steps\": 0, \"batch\": 34," \
  " \"excerpt\": 0.125, \"learning_rate\": 0.001, \"weight_decay\": 0.01, \"clip_norm\": 0.5,"   \
  " \"split_seed\": 0, \"valid_every\": 1, \"save_every\": 1}"

static const apf_recipe apf_recipes[] = {
    /* Six parameters: second-order steps on the residual itself; converges in tens of steps. */
    {"compressor", "default",
     "{\"optimizer\": \"lm\", \"dtype\": \"f64\", \"steps\": 60, \"learning_rate\": 1,"
     " \"valid_every\": 1, \"save_every\": 1}"},
    /* As published: arXiv 2404.07970 and its LA-2A code. */
    {"compressor", "paper",
     "{\"optimizer\": \"sgd\", \"dtype\": \"f32\", \"steps\": 1000, \"learning_rate\": 100,"
     " \"momentum\": 0.9, \"set\": {\"train_make_up\": \"no\"}}"},
    /* Starts that a first look proposes; fine steps at the end, since rate and phase are sharp. */
    {"phaser", "default",
     "{\"optimizer\": \"adam\", \"dtype\": \"f64\", \"steps\": 300, \"learning_rate\": 0.001,"
     " \"learning_rate_end\": 0.00001, \"clip_norm\": 0.5, \"restarts\": 8,"
     " \"valid_every\": 25, \"save_every\": 25}"},
    /* As published: arXiv 2404.07970 and its EHX-SmallStone code. */
    {"phaser", "paper",
     "{\"optimizer\": \"adam\", \"dtype\": \"f64\", \"steps\": 10000, \"learning_rate\": 0.0005,"
     " \"clip_norm\": 0.5, \"valid_every\": 50, \"save_every\": 50}"},
    {"phaser", "paper/fs", "{\"clip_norm\": 0}"},
    /* As published; epochs decide the steps, valid_every and save_every count epochs. */
    {"synth", "default", APF_RECIPE_SYNTH},
    {"synth", "paper", APF_RECIPE_SYNTH},
};

/* What an optimizer starts from where the recipe is made for another one. */
static const apf_recipe apf_optimizer_defaults[] = {
    /* Fast at first, for the thresholds, and down to a hundredth: the published 100 throughout
     * bounces on excerpts of seconds. The average starts at 20 ms: from the published .14 ms these
     * steps may not reach a long one. SPSA's noise bears smaller steps only. */
    {"compressor", "sgd",
     "{\"dtype\": \"f32\", \"steps\": 300, \"learning_rate\": 50, \"learning_rate_end\": 0.5,"
     " \"momentum\": 0.9, \"valid_every\": 10, \"save_every\": 10, \"set\": {\"average\": 20}}"},
    {"compressor", "sgd/spsa",
     "{\"steps\": 1000, \"learning_rate\": 10, \"learning_rate_end\": 0.1}"},
    {"compressor", "adam",
     "{\"dtype\": \"f32\", \"steps\": 300, \"learning_rate\": 0.5, \"learning_rate_end\": 0.005,"
     " \"valid_every\": 10, \"save_every\": 10, \"set\": {\"average\": 20}}"},
    {"*", "lm", "{\"dtype\": \"f64\", \"steps\": 60, \"learning_rate\": 1}"},
    {"*", "sgd",
     "{\"dtype\": \"f32\", \"steps\": 1000, \"learning_rate\": 1, \"momentum\": 0.9,"
     " \"valid_every\": 10, \"save_every\": 10}"},
    {"*", "adam",
     "{\"dtype\": \"f32\", \"steps\": 1000, \"learning_rate\": 0.02, \"learning_rate_end\": 0.0002,"
     " \"valid_every\": 10, \"save_every\": 10}"},
    {"*", "adamw",
     "{\"dtype\": \"f32\", \"steps\": 1000, \"learning_rate\": 0.02, \"learning_rate_end\": 0.0002,"
     " \"weight_decay\": 0.01, \"valid_every\": 10, \"save_every\": 10}"},
};

#endif
