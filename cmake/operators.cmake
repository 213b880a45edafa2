# Every operator once: its name is that of src/ops/X.c, src/cpu/X.c, src/cuda/X.cu, tests/X_test.cc
# and docs/X.md; then the types it is compiled for.
apf_operator(interpolate f32 f64)
apf_operator(allpole f32 f64 c64 c128)
apf_operator(one_pole f32 f64)
apf_operator(compressor_level f32 f64)
apf_operator(compressor_curve f32 f64)
apf_operator(compressor_apply f32 f64)
apf_operator(recurrence f32 f64 c64 c128)
apf_operator(ballistics f32 f64)
apf_operator(fir f32 f64)
apf_operator(reflection_to_direct f32 f64)
apf_operator(direct_to_reflection f32 f64)
apf_operator(conv2d f32 f64)
