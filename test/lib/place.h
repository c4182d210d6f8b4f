/*
 * lib/place: a folder, an arena and a world of real files for one test of what is kept there.
 */
#ifndef EFF_TEST_PLACE_H
#define EFF_TEST_PLACE_H

#include <stdlib.h>

#include "base/arena.h"
#include "lib/testos.h"

struct place {
    struct testos world;
    char *folder;
    struct eff_arena arena;
};

static inline void
place_open(struct place *place, size_t arena_bytes)
{
    place->folder = testos_folder();
    eff_arena_init(&place->arena, "test", arena_bytes);
    testos_init(&place->world, 1);
}

/* Everything that was opened must be closed by now. */
static inline void
place_close(struct place *place)
{
    assert_int_equal(place->world.open_files, 0);
    testos_remove(place->folder);
    free(place->folder);
    eff_arena_deinit(&place->arena);
}

#endif
