/*
 * source/arrow: the structs of Arrow's C data interface and C stream interface.
 * Private to source/.
 *
 * Layouts are those of the Arrow format documentation ("The Arrow C data
 * interface", "The Arrow C stream interface"), which promises that they never
 * change. Whoever holds a struct calls its `release` once; a released struct has
 * `release == NULL`. Buffers carry no lengths: what points where can be checked
 * against lengths and offsets only, never against the memory itself.
 */
#ifndef EFF_SOURCE_ARROW_H
#define EFF_SOURCE_ARROW_H

#include <stdint.h>

#define EFF_ARROW_NULLABLE 2

struct eff_arrow_schema { /* ArrowSchema */
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct eff_arrow_schema **children, *dictionary;
    void (*release)(struct eff_arrow_schema *schema);
    void *private_data;
};

struct eff_arrow_array { /* ArrowArray */
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct eff_arrow_array **children, *dictionary;
    void (*release)(struct eff_arrow_array *array);
    void *private_data;
};

struct eff_arrow_stream { /* ArrowArrayStream; the two getters give 0 or an errno */
    int (*get_schema)(struct eff_arrow_stream *stream, struct eff_arrow_schema *ret_schema);
    /* The result is complete when *ret_array comes back released. */
    int (*get_next)(struct eff_arrow_stream *stream, struct eff_arrow_array *ret_array);
    const char *(*get_last_error)(struct eff_arrow_stream *stream);
    void (*release)(struct eff_arrow_stream *stream);
    void *private_data;
};

#endif
