# What the objects of the library need at link time; their headers stay inside their layer.
find_package(PkgConfig REQUIRED)
set(APF_LIBRARIES m)
set(APF_PKG_NAMES "")

# apf_pkg_module(NAME MODULE): the library needs the pkg-config MODULE, such as jansson>=2.8.
# Objects that include its headers link PkgConfig::NAME; the installed package files know of it.
macro(apf_pkg_module name module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
  list(APPEND APF_LIBRARIES PkgConfig::${name})
  list(APPEND APF_PKG_NAMES ${name})
  set(APF_PKG_${name} ${module})
endmacro()
