# Every operator once: its name is that of src/ops/X.c, src/cpu/X.c, src/cuda/X.cu, tests/X_test.cc and
# docs/X.md; then the types it is compiled for.
apf_operator(interpolate f32 f64)
apf_operator(one_pole f32 f64)
apf_operator(compressor_level f32 f64)
apf_operator(compressor_curve f32 f64)
apf_operator(compressor_apply f32 f64)
