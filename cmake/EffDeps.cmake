# EffDeps: the libraries the engine links, as one interface library eff_deps.
#
# All are Debian packages, except yyjson on Debian 12 (tools/fetch-yyjson).
# DuckDB is not among them: it is loaded at run time when a project uses it.
find_package(PkgConfig REQUIRED)

set(missing)
add_library(eff_deps INTERFACE)
# No version checks: Debian's .pc files are not always right about them.
foreach(pair libcurl=libcurl4-openssl-dev sqlite3=libsqlite3-dev libpq=libpq-dev openssl=libssl-dev
        libfyaml=libfyaml-dev libmicrohttpd=libmicrohttpd-dev libxxhash=libxxhash-dev
        libzstd=libzstd-dev zlib=zlib1g-dev libpcre2-8=libpcre2-dev libutf8proc=libutf8proc-dev)
    string(REPLACE "=" ";" pair "${pair}")
    list(GET pair 0 module)
    list(GET pair 1 package)
    pkg_check_modules(${module} QUIET IMPORTED_TARGET ${module})
    if(${module}_FOUND)
        target_link_libraries(eff_deps INTERFACE PkgConfig::${module})
    else()
        list(APPEND missing ${package})
    endif()
endforeach()
if(missing)
    list(JOIN missing " " missing)
    message(FATAL_ERROR "Libraries are missing. Run tools/setup, or install: ${missing}")
endif()

# The target `yyjson`: the system's, or the one that tools/fetch-yyjson compiles once for all build directories.
pkg_check_modules(system_yyjson QUIET IMPORTED_TARGET yyjson)
if(system_yyjson_FOUND)
    add_library(yyjson INTERFACE)
    target_link_libraries(yyjson INTERFACE PkgConfig::system_yyjson)
else()
    set(yyjson_dir "${PROJECT_SOURCE_DIR}/build/deps/yyjson")
    if(NOT EXISTS "${yyjson_dir}/libyyjson.a")
        execute_process(COMMAND sh "${PROJECT_SOURCE_DIR}/tools/fetch-yyjson" RESULT_VARIABLE failed)
        if(failed)
            message(FATAL_ERROR "yyjson is missing, see above")
        endif()
    endif()
    add_library(yyjson STATIC IMPORTED)
    set_target_properties(yyjson PROPERTIES
        IMPORTED_LOCATION "${yyjson_dir}/libyyjson.a"
        INTERFACE_INCLUDE_DIRECTORIES "${yyjson_dir}/include")
endif()

find_package(Threads REQUIRED)
target_link_libraries(eff_deps INTERFACE yyjson Threads::Threads m ${CMAKE_DL_LIBS})
