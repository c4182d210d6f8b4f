# EffFlags: the compiler's flags, as two interface libraries.
#
#   eff_flags          for every file that is ours
#   eff_program_flags  in addition, for everything that becomes a program
#
# Assertions are part of the product: NDEBUG is never defined.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_C_FLAGS_WARNINGS "-O0") # for a compiler that warns before it optimises
set(is_run "$<NOT:$<CONFIG:Warnings>>")
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(eff_flags INTERFACE)
add_library(eff_program_flags INTERFACE)

target_compile_definitions(eff_flags INTERFACE _GNU_SOURCE EFF_VERSION="${PROJECT_VERSION}")
target_compile_options(eff_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wno-missing-field-initializers
    -fPIE -fno-omit-frame-pointer -fstack-protector-strong)
if(EFF_WERROR)
    target_compile_options(eff_flags INTERFACE -Werror)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(eff_flags INTERFACE -Wlogical-op -Wduplicated-cond)
elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
    # DWARF 5 of clang is more than valgrind 3.19 can read.
    target_compile_options(eff_flags INTERFACE $<${is_run}:-gdwarf-4>)
endif()

# __FILE__ and debug information name files as they lie in the tree, not on this machine.
if(EFF_COVERAGE)
    # An inlined branch would count again at each call.
    target_compile_options(eff_flags INTERFACE "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=" --coverage -fno-inline)
    target_link_options(eff_program_flags INTERFACE --coverage -Wl,--wrap=_exit,--wrap=abort,--wrap=kill)
    target_sources(eff_program_flags INTERFACE "${PROJECT_SOURCE_DIR}/cmake/coverage.c")
else()
    target_compile_options(eff_flags INTERFACE "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
endif()

set(sanitize "${EFF_SANITIZE}")
if(EFF_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "EFF_FUZZ needs clang; the preset `fuzz` sets it")
    endif()
    list(PREPEND sanitize fuzzer-no-link)
    list(JOIN sanitize "," sanitize)
endif()
if(sanitize)
    target_compile_options(eff_flags INTERFACE -fsanitize=${sanitize} -fno-sanitize-recover=all)
    target_link_options(eff_program_flags INTERFACE -fsanitize=${sanitize} -fno-sanitize-recover=all)
else()
    target_compile_options(eff_flags INTERFACE -U_FORTIFY_SOURCE $<${is_run}:-D_FORTIFY_SOURCE=2>)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|aarch64")
        target_compile_options(eff_flags INTERFACE -fstack-clash-protection)
    endif()
endif()
if(EFF_CRASH_POINTS)
    target_compile_definitions(eff_flags INTERFACE EFF_CRASH_POINTS=1)
endif()

target_link_options(eff_program_flags INTERFACE -pie -Wl,-z,relro,-z,now -Wl,--as-needed)
