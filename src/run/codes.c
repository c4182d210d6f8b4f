/*
 * run/codes: one line per code; EFF20xx are about a sync as a whole, EFF21xx about rows.
 */
#include "run/codes.h"

const struct eff_problem_code eff_run_problem_codes[] = {
    {"EFF2001", "The sync failed: a file of the project must change, or the SQL of the model."},
    {"EFF2002", "The sync failed: a credential was refused."},
    {"EFF2003", "The sync failed: the destination throttles without end."},
    {"EFF2004",
     "The sync stopped: a quota of the destination, or of the warehouse, is used up until it resets."},
    {"EFF2005", "The sync failed: the destination's schema does not fit any more."},
    {"EFF2006", "The sync failed on a record that could not be read or sent."},
    {"EFF2007", "The sync failed for now: something could not be reached, or it was stopped. The "
                "next run goes on."},
    {"EFF2008", "The sync failed on this machine: disk full, state unreadable, or a mistake in "
                "Efferent."},
    {"EFF2009", "The counts of a run do not add up, which is a mistake in Efferent."},
    {"EFF2010", "The process of a sync ended without a report. What it delivered is recorded."},
    {"EFF2011",
     "The sync was skipped: switched off, a sync before it failed, or `verify` cannot look at it."},
    {"EFF2012", "The sync was not started, because the command was asked to stop."},
    {"EFF2013", "The sync was not run: dbt's last build of its model, or a test of it, failed."},
    {"EFF2014", "The process of a sync crashed, and was started again; the sync went on."},
    {"EFF2104",
     "A field is not there, or read-only, at the destination: the column is stopped, the "
     "rest goes on."},
    {"EFF2105", "The destination refused rows on their own merits."},
    {"EFF2108", "Several rows of the model have the same key; none of them is sent."},
    {"EFF2109", "Rows without a key."},
    {"EFF2110", "Rows with a key that cannot be one."},
    {"EFF2111", "Rows with a value that cannot be represented."},
    {"EFF2112", "Rows with a value that a transform or cast of the mapping refuses."},
    {"EFF2113",
     "A guard holds removals: more than `guard:` allows, or another role or server reads "
     "the model. `efferent approve` releases them."},
    {"EFF2114", "Rows without a verdict yet; the next run settles them first."},
    {"EFF2115", "Rows that were refused before and whose next try is not due yet."},
    {"EFF2116", "Rows that are held: where their record is cannot be told any more."},
    {"EFF2117", "A guard holds changes: more than `guard:` allows. `efferent approve` releases "
                "them."},
    {"EFF2118", "Rows that may have arrived, and that cannot be sent again safely."},
    {"EFF2119", "`verify` or `adopt` found other values over there than the model has."},
    {"EFF2120", "`verify` found that records are not there any more."},
    {"EFF2121", "Rows that `verify` did not look at, because the model has changed since they were "
                "delivered."},
    {"EFF2122", "Rows that went while their records were to stay, and that should be removed now: "
                "their keys were not kept."},
    {"EFF2123", "Several rows of the model have the same match value under different keys; none of "
                "them is sent."},
    {"EFF2124", "`check` found another sync that writes the same fields of the same object; stops "
                "nothing."},
    {"EFF2125", "A large share of the rows changed in most of the last runs; stops nothing."},
    {"EFF2126", "A row made the process crash, twice, and is put aside for a day."},
    {"EFF2127",
     "A mapped column has another type than before; how many rows change because of that "
     "alone. Stops nothing."},
    {"EFF2128", "Rows go to and fro between the same values, run after run; stops nothing."},
    {"EFF2129", "What was delivered could not be read back; stops nothing."},
    {"EFF2130", "A destination took a request but for some rows, and does not tell which."},
    {"EFF2131",
     "A field is required at the destination, and nothing is mapped to it; stops nothing "
     "but the new records, which are refused."},
    {"EFF2132", "A value that the mapping names is no choice of its field at the destination."},
    {"EFF2133", "Records were deleted over there and are made again with the new columns only; the "
                "next run sends the rest."},
    {"EFF2134",
     "Rows that an older value, whose answer was lost, may still be written over; they are "
     "sent once more, which stops nothing."},
    {"EFF2136",
     "A destination acknowledged a field and did not keep it: reading back shows another "
     "value, or none."},
    {"EFF2137", "Records that a destination acknowledged are not found when they are read back."},
    {"EFF2138", "A destination keeps a field in a form of its own; told once, stops nothing."},
    {"EFF2139", "A field that was not there is created, because the destination's block asks for "
                "it; a plan tells what a run would create. Stops nothing."},
    {"EFF2140", "Rows that are larger than a quarter of `memory:`."},
    {"EFF2160", "No row of the model has a key that `--key` names; stops nothing."},
    {"EFF2141",
     "The state was put back from a backup: rows that would be sent as new ones, perhaps again, "
     "and removals are held. `efferent adopt` or `efferent approve` goes on."},
    {"EFF2142", "The state was put back from a backup, and nothing of the run could do harm by "
                "that; stops nothing."},
    {"EFF2143",
     "Not run: a quota of the destination is used up; nothing is sent before it resets."},
    {"EFF2144", "`check` found a destination on another machine that is spoken to by plain http; "
                "stops nothing."},
    {NULL, NULL},
};
