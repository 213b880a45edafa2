# Sources that are written once and compiled once per dtype (and, in src/cpu, per instruction set).

set(APF_OPERATORS "")
foreach(dtype f32 f64 c64 c128)
  set(APF_OPERATORS_${dtype} "")
  set(APF_CPU_MODULES_${dtype} "")
endforeach()

# apf_operator(NAME DTYPE...): one operator, see operators.cmake.
macro(apf_operator name)
  list(APPEND APF_OPERATORS ${name})
  foreach(dtype ${ARGN})
    list(APPEND APF_OPERATORS_${dtype} ${name})
  endforeach()
endmacro()

# apf_cpu_module(NAME DTYPE...): src/cpu/NAME.c, which the kernels of several operators share.
macro(apf_cpu_module name)
  foreach(dtype ${ARGN})
    list(APPEND APF_CPU_MODULES_${dtype} ${name})
  endforeach()
endmacro()

# Compiler flags of an instruction set.
set(APF_FLAGS_base "")
set(APF_FLAGS_avx2 -mavx2 -mfma)
set(APF_FLAGS_avx512 -mavx2 -mfma -mavx512f -mavx512dq -mavx512bw -mavx512vl
                     -mprefer-vector-width=512)

# apf_typed_objects(LAYER DTYPE ISA SOURCES...): compiles SOURCES for one dtype; ISA may be ""
# outside src/cpu. Adds the objects to APF_OBJECTS.
function(apf_typed_objects layer dtype isa)
  string(TOUPPER ${dtype} DTYPE)
  set(target apf_${layer}_${dtype})
  if(isa)
    string(APPEND target _${isa})
  endif()
  add_library(${target} OBJECT ${ARGN})
  target_link_libraries(${target} PRIVATE apf_build_options)
  target_compile_definitions(${target} PRIVATE APF_TYPED_${DTYPE}=1)
  if(isa)
    target_compile_definitions(${target} PRIVATE APF_ISA=${isa})
    target_compile_options(${target} PRIVATE ${APF_FLAGS_${isa}})
  endif()
  set(APF_OBJECTS ${APF_OBJECTS} $<TARGET_OBJECTS:${target}> PARENT_SCOPE)
endfunction()
