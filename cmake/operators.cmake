# Every operator once: its name is that of src/ops/X.c, src/cpu/X.c, src/cuda/X.cu, tests/X_test.cc
# and docs/X.md; then the types it is compiled for.
apf_operator(interpolate f32 f64)
apf_operator(allpole f32 f64 c64 c128)
