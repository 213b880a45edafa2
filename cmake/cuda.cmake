# The CUDA backend: ON compiles src/cuda/*.cu with nvcc, EMULATE as C++ over tests/cuda_on_cpu, OFF
# leaves src/cuda/none.c. Sets apf_cuda_objects's sources from the list of operators.

set(APF_CUDA_SOURCES src/cuda/context.cu src/cuda/ops.cu src/cuda/recording.cu)
# What several operators share, or what fills a file of its own.
foreach(module allpole_scan allpole_sequences allpole_taps allpole_taps_scan cache fft mel response
        spectral stft_frames tables)
  list(APPEND APF_CUDA_SOURCES src/cuda/${module}.cu)
endforeach()
foreach(name ${APF_OPERATORS})
  list(APPEND APF_CUDA_SOURCES src/cuda/${name}.cu)
endforeach()

if(APF_CUDA STREQUAL "ON")
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90)
  endif()
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 17)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  find_package(CUDAToolkit REQUIRED)
  add_library(apf_cuda OBJECT ${APF_CUDA_SOURCES})
  target_include_directories(apf_cuda PRIVATE include src src/cuda/hardware)
  target_compile_options(apf_cuda PRIVATE -Xcompiler=-Wall,-Wextra --expt-relaxed-constexpr
    $<$<BOOL:${APF_WERROR}>:-Werror=all-warnings>)
  list(APPEND APF_LIBRARIES CUDA::cudart CUDA::cublas CUDA::cufft)
  list(APPEND APF_OBJECTS $<TARGET_OBJECTS:apf_cuda>)
elseif(APF_CUDA STREQUAL "EMULATE")
  find_package(Boost 1.74 REQUIRED COMPONENTS context)
  add_library(apf_cuda OBJECT ${APF_CUDA_SOURCES})
  set_source_files_properties(${APF_CUDA_SOURCES} PROPERTIES LANGUAGE CXX)
  target_link_libraries(apf_cuda PRIVATE apf_build_options)
  target_compile_options(apf_cuda PRIVATE -Wno-unknown-pragmas)  # nvcc's "unroll"
  add_subdirectory(tests/cuda_on_cpu)  # makes apf_cuda_on_cpu: the shim, its headers and objects
  target_link_libraries(apf_cuda PRIVATE apf_cuda_on_cpu_headers)
  list(APPEND APF_LIBRARIES Boost::context)
  list(APPEND APF_OBJECTS $<TARGET_OBJECTS:apf_cuda> $<TARGET_OBJECTS:apf_cuda_on_cpu>)
elseif(NOT APF_CUDA STREQUAL "OFF")
  message(FATAL_ERROR "APF_CUDA is \"${APF_CUDA}\", expected ON, OFF or EMULATE")
endif()
